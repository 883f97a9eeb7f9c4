"""The options that `prompts`, `checklist` and `compare` share: who answers, how it is asked, and who judges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from finery import Model, ModelName, Running, UsageError, World
from finery_plugins.evaluate.judging import Judge, judge_of
from finery_plugins.evaluate.subject import Asking, Subject
from finery_plugins.generate.options import Sampling, Server

SubjectServer: TypeAlias = Annotated[
    Server | None,
    Field(
        description="A server that serves the model, in place of one that runs here: a table with `url` and `model`."
    ),
]
SubjectSampling: TypeAlias = Annotated[
    Sampling,
    Field(description="`{ max_tokens, temperature, top_p }` of the answers; temperature 0 unless given."),
]
TemplateOption: TypeAlias = Annotated[
    Literal["auto", "chat", "plain"],
    Field(
        description="Whether prompts are written by the model's chat template; `auto` where it has one. `plain` joins "
        "the messages by a blank line and ends in a line break."
    ),
]
BatchOption: TypeAlias = Annotated[
    int,
    Field(
        ge=1,
        le=1024,
        description="Items that a model here answers side by side. With 1, an answer depends on its prompt alone. With "
        "more, on the group as well, by the last bits of sums: groups follow from the order of the items, so another "
        "run gives the same.",
    ),
]
SplitOption: TypeAlias = Annotated[
    str, Field(description="Ask the records whose `split` column has this value; sources without one are asked whole.")
]
LimitOption: TypeAlias = Annotated[
    Annotated[int, Field(ge=1)] | None,
    Field(description="Records of each source at most, drawn by chance, the same ones in every evaluation."),
]
JudgeServer: TypeAlias = Annotated[
    Server | None, Field(description="A server whose model judges the answers: a table with `url` and `model`.")
]
JudgeLocal: TypeAlias = Annotated[
    ModelName | None, Field(description="A model that judges, run here: a train stage's id, a folder, or a hub name.")
]
JudgeSampling: TypeAlias = Annotated[
    Sampling,
    Field(description="`{ max_tokens, temperature, top_p }` of the judge's words; temperature 0 unless given."),
]
JudgeRetries: TypeAlias = Annotated[
    int,
    Running,
    Field(
        ge=0, le=10, description="How often a judge is asked again whose words hold no verdict; then it is `unjudged`."
    ),
]


def coherent(plugin: Any) -> Any:
    """`plugin`, if its options go together. Raises ValueError otherwise."""
    if plugin.judge_server is not None and plugin.judge is not None:
        raise ValueError("judge and judge_server exclude each other: give one of them")
    if plugin.batch > 1 and plugin.sampling.temperature:
        raise ValueError("batch > 1 needs temperature 0: draws are one prompt's own")
    return plugin


def asking(plugin: Any, out: Path, world: World, where: str) -> Asking:
    """How models are asked by a plugin's options; `out` is there afterwards."""
    out.mkdir(parents=True, exist_ok=True)
    sampling = replace(plugin.sampling, temperature=plugin.sampling.temperature or 0.0)
    return Asking(sampling, plugin.template, plugin.batch, plugin.answers, out, where, world.threads)


def subject(plugin: Any, model: Model | None, how: Asking) -> Subject:
    """The model that is asked: the server's, else the stage's. Raises UsageError where there is neither."""
    if plugin.server is not None:
        return how.served(plugin.server)
    if model is None:
        raise UsageError.at(how.where, "has no model to ask", "set `model` or `server`, or train one before it")
    return how.local(model)


def judge(plugin: Any, out: Path) -> Judge | None:
    """The judge by a plugin's options, if they name one."""
    return judge_of(plugin.judge_server, plugin.judge, plugin.judge_sampling, plugin.judge_retries, out, plugin.answers)

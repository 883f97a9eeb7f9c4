"""A run of lm-evaluation-harness in this process: quiet, resumable, with what it drew left to itself."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import json
import logging
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from finery import Model, UsageError, did_you_mean, missing_extra, said_by
from finery_plugins.evaluate.questions import in_json
from finery_plugins.evaluate.remembering import remembering
from finery_plugins.train.architecture import PREFIX, locate
from finery_plugins.train.site import quieten

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Run:
    """What lm-eval is asked for."""

    tasks: tuple[str, ...]
    """All of the folders' where there is none."""
    folders: tuple[Path, ...]
    chat: bool
    seed: int
    batch: int
    dtype: str
    generation: Mapping[str, Any]
    more: Mapping[str, Any] = field(default_factory=dict)
    """More arguments of `simple_evaluate`."""


@dataclass(frozen=True)
class Found:
    """What it answered."""

    metrics: Mapping[str, float]
    samples: Mapping[str, Sequence[Mapping[str, Any]]]
    shots: Mapping[str, int]
    version: str


def carried_out(run: Run, model: Model, out: Path, threads: int, where: str) -> Found:
    """The tasks carried out. Raises MissingExtra, or UsageError for what lm-eval cannot do."""
    for module in ("lm_eval", "torch", "transformers"):
        if importlib.util.find_spec(module) is None:
            raise missing_extra(where, module, "eval")
    quieten(threads)
    with hushed(out / "harness.log"), drawn_apart():
        manager, tasks = found_tasks(run, where)
        try:
            said = evaluated(run, tasks, manager, model, out, where)
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise UsageError.at(where, f"lm-eval stopped: {said_by(error)}", "see harness.log in its folder") from error
    shots = {task: int(count) for task, count in said["n-shot"].items()}
    kept(said, run, shots, out)
    samples = dict(sorted(said["samples"].items()))
    return Found(measures(said["results"]), samples, shots, str(said.get("lm_eval_version", "")))


def evaluated(run: Run, tasks: Sequence[str], manager: Any, model: Model, out: Path, where: str) -> Mapping[str, Any]:
    """What lm-eval says of a model; answers are kept beside, so that none is asked for twice."""
    import torch

    place = locate(model, where)
    prefix = Path(place) / PREFIX
    arguments: dict[str, Any] = {"pretrained": place, "dtype": run.dtype, "trust_remote_code": False}
    if (prefix / "adapter_config.json").is_file():
        arguments["peft"] = str(prefix)
    running = {"batch_size": run.batch, "device": "cuda" if torch.cuda.is_available() else "cpu"}
    made = importlib.import_module("lm_eval.api.registry").get_model("hf").create_from_arg_obj(arguments, running)
    said: Mapping[str, Any] = importlib.import_module("lm_eval").simple_evaluate(
        model=remembering(made, out / "answers.jsonl"),
        tasks=list(tasks),
        task_manager=manager,
        apply_chat_template=run.chat,
        gen_kwargs=dict(run.generation) or None,
        random_seed=run.seed,
        numpy_random_seed=run.seed,
        torch_random_seed=run.seed,
        fewshot_random_seed=run.seed,
        log_samples=True,
        **run.more,
    )
    return said


def found_tasks(run: Run, where: str) -> tuple[Any, list[str]]:
    """lm-eval's index of tasks, and the names of those to run. Raises UsageError for one that is not there.

    Its own tasks are indexed only where a name is not among the folders'.
    """
    index = importlib.import_module("lm_eval.tasks").TaskManager
    folders = [str(folder) for folder in run.folders]
    manager = index(include_path=folders or None, include_defaults=False) if folders else None
    if manager is None or not set(run.tasks) <= set(manager.all_tasks):
        manager = index(include_path=folders or None)
    tasks = list(run.tasks) or sorted(manager.all_subtasks)
    unknown = [name for name in tasks if name not in manager.all_tasks]
    if unknown:
        fault = f"lm-eval knows no task '{unknown[0]}'{did_you_mean(unknown[0], manager.all_tasks)}"
        raise UsageError.at(where, fault, "name a task of `folder`, or one that comes with lm-eval")
    if not tasks:
        raise UsageError.at(where, "finds no task in `folder`", "put lm-eval's task files there, *.yaml")
    return manager, tasks


def measures(results: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """`measure/task`, or `measure,filter/task` where the filter is not `none`; what is no number is left out."""
    found = {}
    for task, said in sorted(results.items()):
        for name, value in said.items():
            if isinstance(value, int | float) and not isinstance(value, bool) and "," in name:
                found[f"{name.removesuffix(',none')}/{task}"] = float(value)
    return found


def kept(said: Mapping[str, Any], run: Run, shots: Mapping[str, int], out: Path) -> None:
    """Leave a record of how the tasks were run."""
    record = {
        "lm_eval_version": said.get("lm_eval_version"),
        "seed": run.seed,
        "shots": shots,
        "batch": run.batch,
        "dtype": run.dtype,
        "generation": run.generation,
        "chat_template": said.get("chat_template") if run.chat else None,
        "system_instruction": said.get("system_instruction"),
        "versions": said.get("versions"),
        "configs": {task: without_paths(config) for task, config in said["configs"].items()},
    }
    text = json.dumps(record, indent=1, ensure_ascii=False, sort_keys=True, default=nameable)
    (out / "settings.json").write_text(text + "\n", encoding="utf-8")


def without_paths(config: Mapping[str, Any]) -> dict[str, Any]:
    """A task's configuration without where its data lie."""
    return {name: value for name, value in config.items() if name not in ("dataset_kwargs", "metadata")}


def nameable(value: Any) -> str:
    """A value that JSON does not know, without the address that it lies at."""
    return str(getattr(value, "__qualname__", type(value).__qualname__))


def local_task(file: Path, folder: Path, where: str) -> str:
    """Make a task of a JSONL file of questions; its name. Raises UsageError for a line that is no question."""
    rows = list(questions(file, where))
    several = [bool(row["choices"]) for row in rows]
    if not rows or any(several) != all(several):
        fault = "holds no question" if not rows else "has `choices` in some of its lines only"
        raise UsageError.at(
            where, f"{file.name} {fault}", "give each line `question`, `answer`, and all or none `choices`"
        )
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / f"{file.stem}.jsonl"
    data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    task = {
        "task": file.stem,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}, "cache_dir": str(folder / "cache")},
        "test_split": "test",
        "fewshot_split": "test",
        "doc_to_text": "Question: {{question}}\nAnswer:",
        **(CHOOSES if all(several) else WRITES),
    }
    (folder / f"{file.stem}.yaml").write_text(json.dumps(task, indent=1) + "\n", encoding="utf-8")
    return file.stem


CHOOSES: Mapping[str, Any] = {
    "output_type": "multiple_choice",
    "doc_to_choice": "choices",
    "doc_to_target": "answer",
    "metric_list": [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", "acc_norm")],
}
"""How a question with choices is scored: by the likeliest continuation."""
WRITES: Mapping[str, Any] = {
    "output_type": "generate_until",
    "doc_to_target": "{{answer}}",
    "generation_kwargs": {"until": ["\n"], "do_sample": False, "temperature": 0.0},
    "metric_list": [
        {
            "metric": "exact_match",
            "aggregation": "mean",
            "higher_is_better": True,
            "ignore_case": True,
            "ignore_punctuation": True,
        }
    ],
}
"""How a question without choices is scored: by what is generated up to the end of the line."""


def questions(file: Path, where: str) -> Iterator[dict[str, Any]]:
    """The questions of a file; the answer of one with choices as its place among them."""
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                at = f"{where}: {file.name}:{number}"
                row = in_json(line, at)
                yield {"question": said(row, "question", at), **answer(row, at)}


def said(row: Mapping[str, Any], name: str, at: str) -> str:
    """A field as text. Raises UsageError where it is not there."""
    if row.get(name) in (None, ""):
        raise UsageError.at(at, f"has no `{name}`", "give each line `question` and `answer`")
    return str(row[name])


def answer(row: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Choices, and the right one: given by its place from 0, its letter, or its text."""
    choices = [str(one) for one in row.get("choices") or ()]
    if not choices:
        return {"choices": [], "answer": said(row, "answer", at)}
    given = row.get("answer")
    if isinstance(given, str):
        letter = LETTERS.find(given.strip().upper()) if len(given.strip()) == 1 else -1
        given = choices.index(given) if given in choices else letter
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given < len(choices):
        raise UsageError.at(at, "`answer` is none of the choices", "give its place from 0, its letter or its text")
    return {"choices": choices, "answer": given}


@contextlib.contextmanager
def hushed(log: Path) -> Iterator[None]:
    """What lm-eval prints goes to a file."""
    logger, before = logging.getLogger("lm_eval"), logging.getLogger("lm_eval").level
    with (
        log.open("a", encoding="utf-8") as file,
        contextlib.redirect_stderr(file),
        contextlib.redirect_stdout(file),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(before)


@contextlib.contextmanager
def drawn_apart() -> Iterator[None]:
    """lm-eval seeds the generators of the process: afterwards they stand as before."""
    import torch

    restore = functools.partial(random.setstate, random.getstate())
    numpy = np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            restore()
            np.random.set_state(numpy)

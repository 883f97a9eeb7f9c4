"""What a model card tells, gathered when a train stage is done: nothing of it depends on a clock or on the run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finery.data.artifacts import write_json
from finery.fileoptions import path_digest
from finery.journal import metrics
from finery.modeloptions import named
from finery.plan import mark_after

if TYPE_CHECKING:
    from finery.context import Context
    from finery.data.dataset import ShardedDataset
    from finery.plan import Step

LICENCES = ("license", "licence")
"""The columns in which records say what they may be used for."""

COLUMNS = (*LICENCES, "language")
DATA = "data.json"
"""In a train stage's artifact: what each source gave, for the cards of models that start from its own."""

TIMED = ("second", "memory", "peak", "preflight/")
"""What stands in the names of metrics that depend on the machine, or are of no interest afterwards."""


@dataclass(frozen=True)
class Passed:
    """A stage that a source came through before a training."""

    stage: str
    plugin: str
    """Hook and plugin."""
    mark: str
    """What the source's records were called after it: unlike the stage's artifact, it does not depend on others."""
    records_in: int
    records_out: int
    reasons: Mapping[str, int]


@dataclass(frozen=True)
class Source:
    """What one source gave to a training."""

    name: str
    records: int
    tokens: int | None
    """Tokens that a loss was taken on, repeats counted; None where the training does not say."""
    licences: Mapping[str, int]
    """Records by licence; those that say nothing are left out."""
    languages: Mapping[str, int]
    passed: Sequence[Passed]


@dataclass(frozen=True)
class Training:
    """A training on the way to the model, the model's own last."""

    stage: str
    plugin: str
    package: str
    artifact: str
    sources: Sequence[Source]


@dataclass(frozen=True)
class Facts:
    """Everything that a card tells."""

    trainings: Sequence[Training]
    bases: Sequence[str]
    """The hub names of the models that it all started from."""
    folders: Sequence[str]
    """The digests of the folders that it started from."""
    model: str
    """The model's fingerprint."""
    options: Mapping[str, Any]
    metrics: Sequence[tuple[str, str | None, float]]
    """Name, source and value of what was measured once."""
    losses: Sequence[tuple[str | None, float, float]]
    """Source (None for all), first and last loss."""
    architecture: str
    """The class of the model in transformers."""
    quantised_by: str | None
    is_prefixed: bool


def facts(context: Context, step: Step, partial: Path, made: Mapping[str, Any], own: Training) -> Facts:
    """What is known of a train stage that leaves its model in `partial/out`."""
    chain = [*ancestry(context, step), step]
    told = list(metrics(partial))
    config = json.loads((partial / "out" / "config.json").read_bytes())
    bases, folders = outside(context, chain)
    return Facts(
        trainings=[*(kept(context, past) for past in chain[:-1]), own],
        bases=bases,
        folders=folders,
        model=made["model"]["fingerprint"],
        options={name: value for name, value in step.parts["options"].items() if value is not None},
        metrics=list(once(told)),
        losses=list(losses(told)),
        architecture=next(iter(config.get("architectures") or ()), "AutoModel"),
        quantised_by=(config.get("quantization_config") or {}).get("quant_method"),
        is_prefixed=(partial / "out" / "prefix" / "adapter_config.json").is_file(),
    )


def behind(context: Context, step: Step) -> list[tuple[str, Step | None]]:
    """The models that a stage was made of, its own and those that its options name: each with the stage it is of."""
    trained = [past for past in context.done if past.stage.hook == "train"]
    known = {str(context.artifacts.path(past.fingerprint) / "out"): past for past in trained}
    known |= {past.stage.id: past for past in trained}
    names = [*([step.model] if step.model else []), *(name for _, name in named(step.configured.plugin))]
    return [(name, known.get(name)) for name in names]


def ancestry(context: Context, step: Step) -> list[Step]:
    """The train stages behind a stage, in the order in which they were done."""
    found: list[Step] = []
    waiting = [step]
    while waiting:
        new = [past for _, past in behind(context, waiting.pop()) if past is not None and past not in found]
        found += new
        waiting += new
    return [past for past in context.done if past in found]


def outside(context: Context, chain: Sequence[Step]) -> tuple[list[str], list[str]]:
    """What some stages were made of that none of them made: hub names, and digests of folders."""
    bases: list[str] = []
    folders: list[str] = []
    for step in chain:
        for name, past in behind(context, step):
            content = step.parts["model"] if name == step.model else folder_digest(name)
            if past is None:
                (bases if content == name else folders).append(content)
    return sorted(set(bases)), sorted(set(folders))


def folder_digest(name: str) -> str:
    """The digest of what a folder holds; a name that is no folder's stays."""
    return path_digest(Path(name)) if Path(name).is_dir() else name


def kept(context: Context, step: Step) -> Training:
    """What an earlier training noted of itself."""
    found = context.artifacts.json(step.fingerprint, DATA) or {"sources": []}
    sources = [Source(**{**s, "passed": [Passed(**passed) for passed in s["passed"]]}) for s in found["sources"]]
    return Training(step.stage.id, step.stage.plugin, step.entry.label, step.fingerprint, sources)


def training(context: Context, step: Step, partial: Path) -> Training:
    """What a training under way was shown; noted in its artifact for those that start from its model."""
    told = list(metrics(partial))
    sources = [source(context, name, told) for name in step.touched]
    write_json(partial / DATA, {"sources": [asdict(source) for source in sources]})
    return Training(step.stage.id, step.stage.plugin, step.entry.label, step.fingerprint, sources)


def source(context: Context, name: str, told: Sequence[Mapping[str, Any]]) -> Source:
    """What a source gave to the training under way."""
    licences, languages = columns(context.dataset, name)
    tokens = [entry["value"] for entry in told if entry["name"] == "tokens" and entry["source"] == name]
    through = [step for step in context.done if name in step.touched and step.stage.hook not in ("train", "evaluate")]
    passed = [passage(context, step, name) for step in through]
    return Source(name, context.counts([name])[name], int(sum(tokens)) if tokens else None, licences, languages, passed)


def columns(dataset: ShardedDataset, name: str) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Records of a source by licence and by language, the most frequent first; those without one are left out."""
    wanted = [column for column in COLUMNS if column in dataset.columns(name)]
    counts: dict[str, Counter[str]] = {column: Counter() for column in wanted}
    for batch in dataset.batches(wanted, [name]) if wanted else ():
        for column in set(wanted) & set(batch.column_names):
            values = batch[column].value_counts()
            for value, count in zip(values.field("values"), values.field("counts"), strict=True):
                if value.as_py():
                    counts[column][str(value)] += count.as_py()
    licences = sum((counts.get(column, Counter()) for column in LICENCES), Counter[str]())
    return ordered(licences), ordered(counts.get("language", {}))


def ordered(counts: Mapping[str, int]) -> Mapping[str, int]:
    """Counts, the largest first; equal ones by name."""
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def passage(context: Context, step: Step, name: str) -> Passed:
    """A finished stage, as one source came through it."""
    counts = (context.artifacts.manifest(step.fingerprint) or {})["sources"][name]
    out = counts["kept"] + counts["born"]
    plugin = f"{step.stage.hook} {step.stage.plugin}" if step.config else step.stage.hook
    return Passed(step.stage.id, plugin, mark_after(step, name), counts["in"], out, ordered(counts["reasons"]))


def once(told: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str | None, float]]:
    """The metrics that belong to no step, without those that depend on the machine."""
    for entry in told:
        if entry["step"] is None and not any(word in entry["name"] for word in TIMED):
            yield entry["name"], entry["source"], entry["value"]


def losses(told: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str | None, float, float]]:
    """First and last loss, of all and by source."""
    series: dict[str | None, dict[int, float]] = {}
    for entry in told:
        if entry["name"] == "loss" and entry["step"] is not None:
            series.setdefault(entry["source"], {})[entry["step"]] = entry["value"]
    for name, values in sorted(series.items(), key=lambda pair: pair[0] or ""):
        yield name, values[min(values)], values[max(values)]

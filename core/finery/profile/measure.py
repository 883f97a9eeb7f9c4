"""Carries a profile out: runs its pipeline over a sample, then measures what it left."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from finery.config import Pipeline, read_pipeline
from finery.data.artifacts import Artifacts
from finery.data.dataset import ShardedDataset
from finery.data.identity import one_chunk
from finery.plan import make_plan
from finery.profile.figures import Column, Profile, Profiles, spread
from finery.profile.ruling import ruled
from finery.profile.sources import Named
from finery.profile.stages import Kind, Stages, pipeline_text, stages
from finery.run import run_pipeline
from finery.stages.amounts import weights
from finery.sweep.grid import standing

PERSONAL = re.compile(r"pii(_[a-z]+)?")
"""The columns that the score `pii` writes."""

LANGUAGES = 20
"""Languages that are told apart; the others are counted together."""


@dataclass(frozen=True)
class Ran:
    """The finished stages of a profile."""

    artifacts: Artifacts
    manifests: Mapping[str, Mapping[str, Any]]
    """By stage."""


def measure(named: Named, records: int, work: Path, samples: int, observers: Sequence[Any] = ()) -> Profiles:
    """The profile of some sources, by a pipeline in the folder `work`, over about `records` records of each.

    Raises FineryError where a source cannot be read at all.
    """
    started = time.perf_counter()
    known = stages()
    pipeline = written(named, records, work, "profile.toml", (*known.scores, *known.dedupes))
    root = work / ".finery"
    run_pipeline(pipeline, root, observers)
    ran = finished(pipeline, root)
    asked = make_plan(written(named, records, work, "rules.toml", (*known.scores, *known.rules)), root)
    rules = [step for step in asked.steps if step.stage.id in names_of(known.rules)]
    dataset = standing(asked, [step for step in asked.steps if step not in rules])
    raw = standing(asked, [step for step in asked.steps if step.stage.hook == "read" or step.stage.id == "sample"])
    found = [profile(name, ran, dataset, known) for name in dataset.sources]
    for one in found:
        one.columns = columns_of(raw, one.name)
    ruled(dataset, rules, found, samples)
    return Profiles(found, known.notes, round(time.perf_counter() - started, 1), list(named.tables))


def names_of(kinds: Sequence[Kind]) -> list[str]:
    """The ids of some stages."""
    return [f"{hook}-{name}" for hook, name, _ in kinds]


def written(named: Named, records: int, work: Path, name: str, kinds: Sequence[Kind]) -> Pipeline:
    """A pipeline, its file in the work folder and its paths where the sources' are."""
    work.mkdir(parents=True, exist_ok=True)
    file = work / name
    file.write_text(pipeline_text(named.tables, records, kinds), encoding="utf-8")
    return replace(read_pipeline(file), file=named.folder / name)


def finished(pipeline: Pipeline, root: Path) -> Ran:
    """What a run left."""
    plan = make_plan(pipeline, root)
    manifests = {step.stage.id: plan.artifacts.manifest(step.fingerprint) for step in plan.steps}
    return Ran(plan.artifacts, {name: found for name, found in manifests.items() if found is not None})


def profile(name: str, ran: Ran, dataset: ShardedDataset, known: Stages) -> Profile:
    """What is known of one source, but for the rule sets."""
    read = ran.manifests[f"read-{name}"]
    counts = read["sources"][name]
    made = Profile(
        name=name,
        shape=str(read["shape"]),
        read=counts["in"],
        failed=counts["failed"],
        left_out=counts["dropped"],
        faults=dict(sorted(counts["reasons"].items(), key=lambda item: -item[1])),
        example=first_fault(ran, read),
        records=counts["kept"],
        sampled=sum(shard.records for shard in dataset.shards[name]),
    )
    for _, dedupe, _ in known.dedupes:
        found = ran.manifests[f"dedupe-{dedupe}"]["sources"].get(name)
        made.duplicates[dedupe] = found["merged"] if found else 0
    look(made, dataset)
    return made


def first_fault(ran: Ran, manifest: Mapping[str, Any]) -> str | None:
    """Place and cause of a row that could not be read."""
    for file in sorted(ran.artifacts.path(manifest["fingerprint"]).glob("decisions*.parquet")):
        row = pq.read_table(file, columns=["reason", "detail"]).slice(0, 1).to_pylist()
        if row:
            return f"{row[0]['detail']} ({row[0]['reason']})"
    return None


def columns_of(dataset: ShardedDataset, source: str) -> list[Column]:
    """The columns of a source as it was read."""
    columns: dict[str, Column] = {}
    for batch in dataset.batches(None, [source]):
        for name in batch.column_names[2:]:
            count_column(columns, name, batch.column(name))
    return list(columns.values())


def look(made: Profile, dataset: ShardedDataset) -> None:
    """Go through a source's records once: lengths, languages, personal data."""
    characters, words, sure = [], [], dict[str, float]()
    languages, personal = Counter[str](), Counter[str]()
    for batch in dataset.batches(None, [made.name]):
        characters.append(weights(batch, "characters"))
        words.append(word_counts(batch))
        add_languages(batch, languages, sure)
        for name in batch.column_names:
            if PERSONAL.fullmatch(name):
                personal[name] += int(pc.sum(pc.greater(batch.column(name), 0)).as_py() or 0)
    made.characters = spread(joined(characters))
    made.words = spread(joined(words))
    made.languages = dict(languages.most_common(LANGUAGES))
    if rest := languages.total() - sum(made.languages.values()):
        made.languages["others"] = rest
    made.sure = {name: round(sure[name] / count, 3) for name, count in languages.items() if name in made.languages}
    made.personal = {name: count for name, count in personal.most_common() if count}


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Whole numbers of all batches."""
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)


def word_counts(batch: pa.Table) -> np.ndarray:
    """Words of each record (n,): as they were counted, else runs of anything but white space in its text columns."""
    if "words" in batch.column_names:
        return weights(batch, "words")
    counts = np.zeros(len(batch))
    for name in batch.column_names[2:]:
        if pa.types.is_large_string(batch.schema.field(name).type):
            found = pc.fill_null(pc.count_substring_regex(one_chunk(batch.column(name)), r"\S+"), 0)
            counts += found.to_numpy(zero_copy_only=False)
    return counts


def add_languages(batch: pa.Table, languages: Counter[str], sure: dict[str, float]) -> None:
    """Count a batch's languages, where they were identified, and add up how sure that is."""
    if "language_confidence" not in batch.column_names:
        return
    pairs = zip(batch.column("language").to_pylist(), batch.column("language_confidence").to_pylist(), strict=True)
    for language, confidence in pairs:
        languages[str(language)] += 1
        sure[str(language)] = sure.get(str(language), 0.0) + (confidence or 0.0)


def count_column(columns: dict[str, Column], name: str, values: pa.ChunkedArray) -> None:
    """Count the nulls and the empty values of a column."""
    column = columns.setdefault(name, Column(name, kind_name(values.type)))
    column.records += len(values)
    column.nulls += values.null_count
    if pa.types.is_large_string(values.type):
        empty = pc.equal(pc.utf8_trim_whitespace(values), "")
    elif pa.types.is_list(values.type):
        empty = pc.equal(pc.list_value_length(values), 0)
    else:
        return
    column.empty += int(pc.sum(empty).as_py() or 0)


def kind_name(kind: pa.DataType) -> str:
    """A type in a word."""
    if pa.types.is_nested(kind):
        return "list"
    return {"large_string": "text", "int64": "number", "double": "number", "bool": "true/false"}.get(
        str(kind), str(kind)
    )

"""data-juicer's operators as Finery plugins: their filters, statistics and mappers, in Finery's lineage."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Mapping
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field

from finery import Batch, PipelineError, PluginError, Reasons, Stage, did_you_mean, hookimpl, plugin

Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
"""An operator's name as data-juicer's recipes have it."""

Options = dict[str, Any]
Samples = dict[str, list[Any]]


@plugin(batch=1024)
class JuicerFilter:
    """Drop what a filter of data-juicer would drop.

    ```toml
    [[stage]]
    filter = "data-juicer"
    op = "words_num_filter"
    options = { min_num = 20, max_num = 100_000 }
    ```
    """

    op: Name
    """The operator, such as `words_num_filter`."""

    options: Options = Field(default_factory=dict)
    """What it is made with, by the names of its own arguments."""

    @hookimpl
    def filter(self, batch: Batch, stage: Stage) -> Reasons:
        """The operator's name as the reason, the number it measured as the value, all its statistics as detail."""
        op = made(self.op, json.dumps(self.options, sort_keys=True), where(stage))
        stats, kept = judged(op, batch)
        reason = self.op.removesuffix("_filter").replace("_", "-")[:40]
        codes = pa.array([None if keep else reason for keep in kept], pa.string())
        details = [json.dumps(plain(own), sort_keys=True, ensure_ascii=False) for own in stats]
        return Reasons(codes, pa.array(map(number, stats), pa.float64()), detail=pa.array(details, pa.string()))


@plugin(batch=1024)
class JuicerScore:
    """Keep the statistics of a data-juicer filter as columns, and drop nothing.

    ```toml
    [[stage]]
    score = "data-juicer"
    op = "special_characters_filter"
    columns = { special_char_ratio = "float" }
    ```
    """

    op: Name
    """The operator that measures."""

    columns: dict[str, Annotated[str, Field(pattern="^(float|integer|boolean|text)$")]]
    """The statistics to keep, each with its type; null where the operator left none."""

    options: Options = Field(default_factory=dict)
    """What it is made with, by the names of its own arguments."""

    @hookimpl
    def score(self, batch: Batch, stage: Stage) -> dict[str, pa.Array]:
        """The columns."""
        stats, _ = judged(made(self.op, json.dumps(self.options, sort_keys=True), where(stage)), batch)
        kinds = {"float": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_(), "text": pa.large_string()}
        return {
            name: pa.array([plain(own).get(name) for own in stats], kinds[kind]) for name, kind in self.columns.items()
        }


@plugin(batch=1024)
class JuicerFormat:
    """Rewrite texts as a mapper of data-juicer does.

    ```toml
    [[stage]]
    format = "data-juicer"
    op = "remove_repeat_sentences_mapper"
    ```
    """

    op: Name
    """The operator, such as `clean_links_mapper`."""

    options: Options = Field(default_factory=dict)
    """What it is made with, by the names of its own arguments."""

    multiplies: bool = False
    """Whether it makes another number of texts of one, such as `sentence_split` into several records: each of them
    then names its parent."""

    @hookimpl
    def format(self, batch: Batch, stage: Stage) -> Batch:
        """The records with their text rewritten. Raises PluginError for another number of them, unless it is said."""
        op = made(self.op, json.dumps(self.options, sort_keys=True), where(stage))
        texts = [text or "" for text in batch["text"].to_pylist()]
        after = [mapped(op, text) for text in texts]
        if self.multiplies:
            rows = pa.array([row for row, made_of in enumerate(after) for _ in made_of], pa.int64())
            born = with_texts(batch.take(rows), [text for made_of in after for text in made_of])
            return born.rename_columns(["parent" if name == "id" else name for name in born.column_names])
        if any(len(made_of) != 1 for made_of in after):
            raise PluginError.at(where(stage), f"{self.op} made several texts of one", "say multiplies = true")
        before = batch["text"].to_pylist()
        return with_texts(batch, [None if old is None else new[0] for old, new in zip(before, after, strict=True)])


def where(stage: Stage) -> str:
    """How errors name the stage."""
    return f"{stage.hook} '{stage.id}'"


@functools.cache
def made(name: str, arguments: str, place: str) -> Any:
    """An operator, made once a worker. Raises PipelineError for a name or an argument that there is not."""
    from data_juicer.ops import OPERATORS, load_ops

    if name not in OPERATORS.modules:
        fault = f"data-juicer has no operator '{name}'{did_you_mean(name, OPERATORS.modules)}"
        raise PipelineError.at(place, fault, "see docs/Operators.md in data-juicer")
    options: Mapping[str, Any] = json.loads(arguments)
    cls = OPERATORS.modules[name]
    known = [key for key in inspect.signature(cls.__init__).parameters if key not in ("self", "args", "kwargs")]
    for option in options:
        if option not in known and option not in cls._BASE_PARAMS:
            fault = f"{name} takes no '{option}'{did_you_mean(option, known)}"
            raise PipelineError.at(place, fault, f"it takes {', '.join(known)}")
    return load_ops([{name: dict(options)}])[0]


def judged(op: Any, batch: Batch) -> tuple[list[dict[str, Any]], list[bool]]:
    """A filter's statistics of each record, and whether it stays."""
    from data_juicer.utils.constant import Fields

    texts = [text or "" for text in batch["text"].to_pylist()]
    if not texts:
        return [], []
    if op.is_batched_op():
        samples = op.compute_stats({"text": texts, Fields.stats: [{} for _ in texts], Fields.meta: [{} for _ in texts]})
        return list(samples[Fields.stats]), [bool(keep) for keep in op.process(samples)]
    alone = [op.compute_stats({"text": text, Fields.stats: {}, Fields.meta: {}}) for text in texts]
    return [one[Fields.stats] for one in alone], [bool(op.process(one)) for one in alone]


def mapped(op: Any, text: str) -> list[str]:
    """What a mapper makes of one text."""
    if op.is_batched_op():
        found: Samples = op.process({"text": [text]})
        return [str(one) for one in found["text"]]
    return [str(op.process({"text": text})["text"])]


def with_texts(batch: Batch, texts: list[str | None]) -> Batch:
    """The batch with other texts."""
    field = batch.schema.field("text")
    return batch.set_column(batch.column_names.index("text"), field, pa.array(texts, field.type))


def plain(stats: Mapping[str, Any]) -> dict[str, Any]:
    """Statistics as plain values: data-juicer leaves numpy's numbers among them."""
    return {name: value.item() if hasattr(value, "item") else value for name, value in stats.items()}


def number(stats: Mapping[str, Any]) -> float | None:
    """The first number among the statistics."""
    values = [value for value in plain(stats).values() if isinstance(value, int | float)]
    return float(values[0]) if values else None

"""The filter `keep`: records for which an expression holds, and the best of each source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator, model_validator

from finery import Batch, Dataset, PipelineError, Reasons, Stage, State, did_you_mean, hookimpl, plugin
from finery_plugins.filter.expression import Clause, clauses, holds, is_number, measured
from finery_plugins.filter.quantile import largest
from finery_plugins.filter.rules import Rule, reasons
from finery_plugins.text.content import column_of, listed, one_chunk, source_name


@plugin(releases_gil=True)
class Keep:
    """Keep the records for which an expression holds, or the best share of each source.

    `where` may use columns, numbers, strings, arithmetic, comparisons, `in`, `and`, `or`, `not`, and
    `== None` for null. Every clause that `and` joins is tested, and the detail
    names those that do not hold. A null, where it leaves open whether a clause holds, drops the record with
    the reason `null`.

    ```toml
    [[stage]]
    filter = "keep"
    where = "quality > 0.4 and language in ['en', 'zh']"
    ```

    ```toml
    [[stage]]
    filter = "keep"
    best = 0.1
    by = "quality"
    ```
    """

    where: str | None = None
    """What must hold of a record."""

    best: Annotated[float, Field(gt=0, le=1)] | None = None
    """The share of each source's records to keep, those largest in `by`: a threshold is found over all
    records first and the records equal to it stay too, so ties make the share larger. Nulls and infinities
    are not counted."""

    by: str | None = None
    """The numeric column that `best` looks at."""

    @field_validator("where")
    @classmethod
    def where_can_be_read(cls, where: str | None) -> str | None:
        """Raise ValueError for an expression of bad syntax."""
        if where is not None:
            clauses(where)
        return where

    @model_validator(mode="after")
    def something_is_asked(self) -> Keep:
        """Raise ValueError where nothing is asked for, or half of it."""
        if self.where is None and self.best is None:
            raise ValueError('say what to keep: where = "an expression", or best = 0.1, by = "a column"')
        if (self.best is None) != (self.by is None):
            raise ValueError('best and by go together, such as best = 0.1, by = "quality"')
        return self

    @hookimpl
    def prepare(self, dataset: Dataset, stage: Stage) -> State:
        """The threshold of each source, `{"thresholds": {source: number or None}}`; empty without `best`."""
        if self.best is None:
            return {"thresholds": {}}
        sources = [source for source in dataset.sources if stage.only is None or source in stage.only]
        return {"thresholds": {source: self.threshold(dataset, source) for source in sources}}

    def threshold(self, dataset: Dataset, source: str) -> float | None:
        """The least number among the best of one source; None where it has no numbers."""
        by, best = str(self.by), float(self.best or 1)
        present = dataset.columns(source)
        if by not in present:
            if not set(present) - {"id", "source"}:  # nothing is left of the source
                return None
            fault = f"has no column '{by}'{did_you_mean(by, present)}"
            raise PipelineError.at(f"source '{source}'", fault, f"it has {listed(present)}")

        def read() -> Iterator[np.ndarray]:
            for batch in dataset.batches([by], [source]):
                yield numbers(batch, by)

        return largest(read, best)

    @hookimpl
    def filter(self, batch: Batch, state: State) -> Reasons:
        """`where` with the clauses that do not hold, `below-best` with the threshold as bound, or `null`."""
        rules = [rule for clause in clauses(self.where or "True") for rule in clause_rules(clause, batch)]
        if self.by is not None and len(batch):
            rules += best_rules(batch, self.by, state["thresholds"].get(source_name(batch)))
        return reasons(rules, len(batch))


def clause_rules(clause: Clause, batch: Batch) -> list[Rule]:
    """The rules that a clause holds, and that no null leaves it open."""
    answer = holds(clause, batch)
    fails = pc.invert(answer).fill_null(False).to_numpy(zero_copy_only=False)
    unknown = answer.is_null().to_numpy(zero_copy_only=False)
    values, bound = limits(clause, batch)
    return [Rule("where", fails, values, bound, clause.text), Rule("null", unknown, text=clause.text)]


def limits(clause: Clause, batch: Batch) -> tuple[np.ndarray | None, float | None]:
    """The numbers that a clause compares and their bound, where it does just that."""
    if clause.limit is None:
        return None, None
    tree, bound = clause.limit
    values = measured(tree, batch, clause.text)
    return (None, None) if values is None else (values, bound)


def best_rules(batch: Batch, by: str, threshold: float | None) -> list[Rule]:
    """The rules that a record's number reaches the threshold, and that it has one."""
    values = numbers(batch, by)
    unknown = ~np.isfinite(values)
    below = ~unknown & (values < (np.inf if threshold is None else threshold))
    return [Rule("below-best", below, values, threshold), Rule("null", unknown, text=f"no {by}")]


def numbers(batch: Batch, name: str) -> np.ndarray:
    """`float64` (n,): a numeric column, null as NaN. Raises PipelineError for another type."""
    column = one_chunk(column_of(batch, name))
    if not (is_number(column.type) or pa.types.is_null(column.type)):
        raise PipelineError.at(f'by = "{name}"', f"the column is {column.type}", "name a numeric column")
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False))

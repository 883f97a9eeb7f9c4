"""Several rules over one batch, all of them evaluated, as the reasons of a filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from finery import Reasons


@dataclass(frozen=True)
class Rule:
    """One rule and which records break it."""

    code: str
    """The reason, such as `few-words`."""
    broken: np.ndarray
    """`bool` (n,)."""
    values: np.ndarray | None = None
    """Numbers (n,): what was measured; NaN where nothing could be."""
    bound: float | None = None
    text: str | None = None
    """The rule in words where its code says too little; it then always stands in the detail."""

    def said(self, row: int) -> str:
        """What this rule has to say of a record that breaks it."""
        value = "" if self.values is None or np.isnan(self.values[row]) else f" {self.values[row]:.6g}"
        bound = "" if self.bound is None or not value else f" against {self.bound:.6g}"
        return self.text or f"{self.code}{value}{bound}"


def least(code: str, values: np.ndarray, bound: float | None) -> list[Rule]:
    """The rule that values reach a bound; none without one."""
    return [] if bound is None else [Rule(code, values < bound, values, bound)]


def most(code: str, values: np.ndarray, bound: float | None) -> list[Rule]:
    """The rule that values do not pass a bound; none without one."""
    return [] if bound is None else [Rule(code, values > bound, values, bound)]


def reasons(rules: Sequence[Rule], records: int) -> Reasons:
    """The first rule that a record breaks is its reason, with value and bound; the others its detail."""
    code = np.full(records, None, object)
    values, bounds = np.full(records, np.nan), np.full(records, np.nan)
    for rule in reversed(rules):
        code[rule.broken] = rule.code
        values[rule.broken] = np.nan if rule.values is None else rule.values[rule.broken]
        bounds[rule.broken] = np.nan if rule.bound is None else rule.bound
    said = pa.array(details(rules, records), pa.string())
    return Reasons(pa.array(code, pa.string()), finite(values), finite(bounds), said)


def finite(values: np.ndarray) -> pa.Array:
    """`float64` (n,): the values, null where they are no number or infinite."""
    return pa.array(values, mask=~np.isfinite(values))


def details(rules: Sequence[Rule], records: int) -> list[str | None]:
    """What the rules behind each record's reason have to say, and the first one too if it is put in words."""
    answer: list[str | None] = [None] * records
    before = np.zeros(records, bool)
    for rule in rules:
        shown = rule.broken if rule.text else rule.broken & before
        for row in np.flatnonzero(shown).tolist():
            earlier = answer[row]
            answer[row] = rule.said(row) if earlier is None else f"{earlier}; {rule.said(row)}"
        before |= rule.broken
    return answer

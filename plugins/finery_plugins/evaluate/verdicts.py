"""What a comparison leaves: a row a pair, the tables, the list of broken items, and the gates that do not hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from finery import Evaluation, Fault, UsageError, did_you_mean
from finery_plugins.evaluate.items import Row, Rows
from finery_plugins.evaluate.pairs import Tables, outcome
from finery_plugins.evaluate.tallies import ALL

BROKEN = "broken.jsonl"
EVERYTHING = "all"
"""How a gate names every item."""
SLACK = 1e-12
"""What rounding may add to a difference of shares."""


class Verdicts:
    """Pairs as they are counted and written down."""

    def __init__(self, out: Path) -> None:
        self.rows = Rows(out)
        self.tables = Tables()
        self.broken = (out / BROKEN).open("w", encoding="utf-8")

    def add(self, after: Row, before: Row | None) -> None:
        """Count an item's pair; `before` is None where the earlier model has none of it."""
        became = None if before is None else outcome(before, after)
        details = {**after.details, "outcome": became, "before": None if before is None else shown(before)}
        row = replace(after, details=details)
        self.tables.add(row, became)
        self.rows.add([row])
        if became == "right-to-wrong":
            entry = {name: getattr(row, name) for name in ("item", "source", "tags", "prompt", "target")}
            line = {**entry, "before": details["before"], "after": shown(after)}
            self.broken.write(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n")

    def evaluation(self, gates: Mapping[str, float], where: str) -> Evaluation:
        """Metrics, rows and failures. Raises UsageError where there was no pair."""
        self.broken.close()
        if not self.tables.groups or not self.tables.groups[ALL].items:
            self.rows.read().read_all()
            fault = "finds no item on which both can be checked"
            raise UsageError.at(
                where, fault, "compare evaluations of the same items, with checks that say what is right"
            )
        return Evaluation(self.tables.metrics(), self.rows.read(), tuple(self.failures(gates, where)))

    def failures(self, gates: Mapping[str, float], where: str) -> Iterator[Fault]:
        """A fault for each gate that does not hold, or that no item is counted under."""
        groups = self.tables.groups
        for name, bound in gates.items():
            table = groups.get(ALL if name == EVERYTHING else name)
            if table is None or not table.items:
                near = did_you_mean(name, [EVERYTHING, *filter(None, groups)])
                yield Fault(where, f"fail_if: there is no item of '{name}'{near}", "name a source, a tag, or all")
            elif table.difference <= bound + SLACK:
                lost, won = table.counts["right-to-wrong"], table.counts["wrong-to-right"]
                said = f"accuracy on '{name}' changed by {table.difference:+.4f}, the gate is {bound:+g}"
                remedy = f"{lost} items were lost and {won} won of {table.items}: see {BROKEN} in the stage's folder"
                yield Fault(where, said, remedy)


def shown(row: Row) -> dict[str, Any]:
    """What is kept of one side of a pair."""
    return {name: getattr(row, name) for name in ("model", "answer", "correct", "score")}

"""Bad cases to changes: those of one cause together, with the records that they blame and those that would help."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from finery import Change
from finery_plugins.evaluate.items import Row
from finery_plugins.evaluate.symptoms import shown

HELP: dict[str, Literal["repeat", "vary"]] = {
    "taught-wrong": "repeat", "under-training": "repeat", "forgotten": "repeat", "pattern-over-fit": "vary",
}  # fmt: skip
"""What is done with records that teach what is right. More of what a model has no room for would not help."""
REMEDY = {
    "capacity": "take a larger model, or train longer: other data will not help",
    "hallucination": "add records that teach it",
    "truncation": "raise max_tokens",
    "unexplained": "look at the items",
}
"""What to do where no record is behind it."""
TIMES = 3
"""How often records are read that are read more often: within the four epochs that are almost as good as new data
(Muennighoff et al. 2023)."""
MOST = 10_000
"""Records in one change."""
EXAMPLES = 1_000
"""New records in one change."""


@dataclass
class Cluster:
    """Bad cases of one cause."""

    items: int = 0
    example: str = ""
    blamed: dict[str, None] = field(default_factory=dict)
    helps: dict[str, None] = field(default_factory=dict)
    missing: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: Row, label: dict[str, Any]) -> None:
        """Count an item."""
        self.items += 1
        self.example = self.example or f"'{shown(row.prompt)}' is answered '{shown(row.answer or '')}': {label['why']}"
        self.blamed |= dict.fromkeys(label["blamed"][: MOST - len(self.blamed)])
        self.helps |= dict.fromkeys(label["helps"][: MOST - len(self.helps)])
        if row.target and len(self.missing) < EXAMPLES:
            asked, answered = {"role": "user", "content": row.prompt}, {"role": "assistant", "content": row.target}
            self.missing.append({"messages": [asked, answered]})

    def why(self) -> str:
        """The evidence, in a sentence."""
        return f"{self.items} {'item' if self.items == 1 else 'items'}, such as {self.example}"


@dataclass
class Changes:
    """The clusters, and what they would change."""

    clusters: dict[str, Cluster] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Count an item under its cause."""
        cause = row.details["cause"]
        label = next(one for one in row.details["labels"] if one["label"] == cause)
        self.clusters.setdefault(cause, Cluster()).add(row, label)

    def largest(self) -> list[tuple[str, Cluster]]:
        """The clusters, those of most items first."""
        return sorted(self.clusters.items(), key=lambda one: (-one[1].items, one[0]))

    def notes(self) -> Iterator[str]:
        """A line a cluster."""
        for cause, cluster in self.largest():
            remedy = REMEDY.get(cause)
            yield f"{cause}: {cluster.why()}{f'; {remedy}' if remedy else ''}"

    def made(self) -> list[Change]:
        """What is to be done to the data. A record that is blamed for one thing helps with no other."""
        blamed = {record for cluster in self.clusters.values() for record in cluster.blamed}
        found: list[Change] = []
        for cause, cluster in self.largest():
            helps = [record for record in cluster.helps if record not in blamed]
            if cluster.blamed:
                found.append(Change("drop", cause, cluster.why(), list(cluster.blamed)))
            if helps and cause in HELP:
                found.append(Change(HELP[cause], cause, cluster.why(), helps, TIMES))
            if cluster.missing:
                found.append(Change("add", cause, cluster.why(), examples=cluster.missing))
        return found

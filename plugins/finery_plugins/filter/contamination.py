"""The filter `contamination`: documents that contain items of evaluation sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from finery import Batch, File, Needs, Reasons, State, hookimpl, plugin
from finery_plugins.filter.rules import Rule, reasons
from finery_plugins.filter.telling import told
from finery_plugins.text.content import contents
from finery_plugins.text.items import files_of, items
from finery_plugins.text.overlap import Shared, index, shared

SHOWN = 3
"""Items that the detail names; the rest is counted."""


@plugin(needs=Needs(extra="text"), releases_gil=True)
class Contamination:
    """Drop documents that share n-grams of words with items of evaluation sets.

    Words are compared in lower case and without punctuation and symbols; of scripts written without spaces each
    character is a word. By default one shared run of 13 words drops a document, as for GPT-3 (Brown et al. 2020,
    appendix C); PaLM (Chowdhery et al. 2022, section 8) takes 0.7 of an item's runs of 8: `ngram = 8, min_share = 0.7`.
    Runs that stand in many items, such as a set's template, say nothing of one and are left out. The detail names set,
    file where there are several, item (its row, from 1) and how much of it there is. The sets are read once and kept
    with the run as hashes of 64 bits.

    ```toml
    [[stage]]
    filter = "contamination"
    sets = { gsm8k = "gsm8k/test.jsonl", mmlu = "mmlu/*.csv" }
    columns = ["question"]
    ```
    """

    sets: Annotated[dict[str, File], Field(min_length=1)]
    """Name and path of each set: a file, a folder or a glob of `.jsonl`, `.csv`, `.tsv`, `.parquet` (a row an item) or
    `.txt` (a line an item), also `.gz`."""

    columns: list[str] = Field(default_factory=list)
    """The fields of a row that make its text; by default all that hold text, answers too."""

    ngram: Annotated[int, Field(ge=2, le=100)] = 13
    """Words of a run."""

    min_words: Annotated[int, Field(ge=1, le=100)] = 8
    """Items of fewer words than `ngram` count as one run of all their words, those of fewer than this not at all: GPT-3
    used no runs shorter than 8 words."""

    min_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Least share of an item's runs that a document must have to go; 0 means one run."""

    common: Annotated[int, Field(ge=1)] = 10
    """Runs in more items than this are left out. GPT-3 left out those that met more than 10 documents."""

    column: str | None = None
    """The column to look at; by default all text of a record, whatever its shape."""

    @model_validator(mode="after")
    def short_items_are_shorter(self) -> Contamination:
        """Raise ValueError where `min_words` is more than `ngram`."""
        if self.min_words > self.ngram:
            raise ValueError(f"min_words = {self.min_words} is more than ngram = {self.ngram}")
        return self

    @hookimpl
    def prepare(self) -> State:
        """A table of hashes and items. Raises UsageError or DataError for a set that cannot be read."""
        texts, names = [], []
        for name, path in self.sets.items():
            files = files_of(Path(path))
            for file in files:
                inside = f"{name}/{file.name}" if len(files) > 1 else name
                for row, text in enumerate(items(file, self.columns), 1):
                    texts.append(text)
                    names.append(f"{inside}:{row}")
        return index(texts, names, self.ngram, self.min_words, self.common)

    @hookimpl
    def filter(self, batch: Batch, state: State) -> Reasons:
        """`contaminated` with the largest share of an item and `min_share`; the detail names items."""
        found = shared(contents(batch, self.column), state)
        most = np.zeros(len(batch))
        np.maximum.at(most, found.rows, found.shares)
        broken = (most > 0) & (most >= self.min_share)
        rule = Rule("contaminated", broken, most, self.min_share)
        return told(reasons([rule], len(batch)), named(found, self.min_share))


def named(found: Shared, least: float) -> dict[int, str]:
    """The items that each text has enough of, the largest shares first."""
    rows: dict[int, list[tuple[float, str]]] = {}
    for row, item, share in zip(found.rows.tolist(), found.items, found.shares.tolist(), strict=True):
        if share >= least:
            rows.setdefault(row, []).append((-share, item))
    return {row: said(sorted(pairs)) for row, pairs in rows.items()}


def said(pairs: list[tuple[float, str]]) -> str:
    """Items with their shares, for a reader."""
    more = f" and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
    return ", ".join(f"{item} {-share:.2f}" for share, item in pairs[:SHOWN]) + more

"""Asking an index: by words, by a run of words, by runs of a length; equal scores in order of the records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from finery.search.build import ANALYZER, index_of, schema
from finery.search.found import Found, Hit
from finery.search.words import analyzer, library, words
from finery.types import Dataset

TIES = 100_000
"""Hits of one score that are put in order of their records at most."""
EXCERPT = 160
"""Characters of text shown around what was found."""


@dataclass(frozen=True)
class Index:
    """An index, open."""

    where: str
    tantivy: Any
    index: Any
    searcher: Any

    @classmethod
    def of(cls, folder: Path, where: str) -> Index:
        """The index in a folder."""
        tantivy = library(where)
        index = tantivy.Index(schema(tantivy), path=str(folder))
        index.register_tokenizer(ANALYZER, analyzer(where))
        return cls(where, tantivy, index, index.searcher())

    def known(self, word: str) -> int:
        """How many records hold a word."""
        return int(self.searcher.doc_freq("words", word))

    def term(self, word: str, field: str = "words") -> Any:
        """The query of one word."""
        return self.tantivy.Query.term_query(self.index.schema, field, word, index_option="basic")

    def run(self, run: Sequence[str]) -> Any:
        """The query of words that follow each other."""
        if len(run) == 1:
            return self.term(run[0])
        return self.tantivy.Query.phrase_query(self.index.schema, "words", list(run))

    def any_of(self, queries: Sequence[Any], least: int = 1) -> Any:
        """The query of several, of which so many must hold."""
        should = [(self.tantivy.Occur.Should, one) for one in queries]
        return self.tantivy.Query.boolean_query(should, minimum_number_should_match=least)

    def all_of(self, queries: Sequence[Any]) -> Any:
        """The query of several that all must hold."""
        return self.tantivy.Query.boolean_query([(self.tantivy.Occur.Must, one) for one in queries])

    def found(self, query: Any, most: int, marks: Sequence[str]) -> Found:
        """The records that a query finds, the best first, and how many there are."""
        limit = most + 1
        result = self.searcher.search(query, limit=limit)
        while most and len(result.hits) == limit < TIES and result.hits[-1][0] == result.hits[most - 1][0]:
            limit *= 4
            result = self.searcher.search(query, limit=limit)
        places = self.searcher.fast_field_values("place", [address for _, address in result.hits])
        ranked = sorted(zip(result.hits, places, strict=True), key=lambda one: (-one[0][0], one[1]))[:most]
        return Found(int(result.count), tuple(self.hit(score, address, marks) for (score, address), _ in ranked))

    def hit(self, score: float, address: Any, marks: Sequence[str]) -> Hit:
        """A record as it is told of."""
        kept = self.searcher.doc(address)
        text = bytes(kept.get_first("text")).decode()
        record, source = kept.get_first("record"), kept.get_first("source")
        return Hit(record, source, float(score), text, excerpt(text, marks))


@dataclass
class Lookup:
    """A data set's `Search`: its index is built when it is first asked."""

    dataset: Dataset
    root: Path
    where: str
    opened: Index | None = field(default=None, init=False)

    @property
    def index(self) -> Index:
        """The index. Raises MissingExtra where the search library is not installed."""
        if self.opened is None:
            self.opened = Index.of(index_of(self.dataset, self.root, self.where), self.where)
        return self.opened

    @property
    def records(self) -> int:
        """How many records there are."""
        return int(self.index.searcher.num_docs)

    def words(self, text: str) -> list[str]:
        """The words of a text as the index has them."""
        return words(text, self.where)

    def known(self, word: str) -> int:
        """How many records hold a word."""
        return self.index.known(word)

    def about(self, text: str, most: int = 10, sources: Sequence[str] = ()) -> Found:
        """Records that hold words of a text, ranked by BM25; characters of scripts without spaces count in pairs."""
        found = self.words(text)
        if not found:
            return Found(0, ())
        index = self.index
        terms = [index.run(run) for run in dict.fromkeys(units(found))]
        return index.found(self.within(index.any_of(terms), sources), most, rarest(index, found))

    def phrase(
        self, text: str, most: int = 10, beside: Sequence[str] = (), least: int = 1, sources: Sequence[str] = ()
    ) -> Found:
        """Records in which the words of a text follow each other, and of words `beside` it at least so many stand."""
        found = self.words(text)
        if not found:
            return Found(0, ())
        index = self.index
        parts = [index.run(found)]
        if beside:
            parts.append(index.any_of([index.term(word) for word in beside], min(least, len(beside))))
        return index.found(self.within(index.all_of(parts), sources), most, found[:1])

    def runs(self, text: str, length: int, most: int = 10, sources: Sequence[str] = ()) -> Found:
        """Records that share runs of so many words with a text; the score is the share of its runs that they have."""
        found = self.words(text)
        runs = list(dict.fromkeys(tuple(found[at : at + length]) for at in range(max(1, len(found) - length + 1))))
        if not found:
            return Found(0, ())
        index, constant = self.index, self.index.tantivy.Query.const_score_query
        query = index.any_of([constant(index.run(run), 1 / len(runs)) for run in runs])
        return index.found(self.within(query, sources), most, rarest(index, found))

    def within(self, query: Any, sources: Sequence[str]) -> Any:
        """The query among some sources alone; it scores as among all."""
        if not sources:
            return query
        constant = self.index.tantivy.Query.const_score_query
        own = constant(self.index.any_of([self.index.term(name, "source") for name in sources]), 0.0)
        return self.index.all_of([query, own])


def units(found: Sequence[str]) -> list[tuple[str, ...]]:
    """What a text is ranked by: its words, and of characters that stand beside each other each pair."""
    pairs = [(a, b) for a, b in pairwise(found) if is_character(a) and is_character(b)]
    paired = {word for pair in pairs for word in pair}
    return [*((word,) for word in found if word not in paired), *pairs]


def is_character(word: str) -> bool:
    """Whether a word is one character of a script that is written without spaces."""
    return len(word) == 1 and ord(word) > 0x0E00 and word.isalpha()


def rarest(index: Index, found: Sequence[str]) -> list[str]:
    """Words of a text by how few records hold them, those that none holds left out."""
    counts = {word: index.known(word) for word in dict.fromkeys(found)}
    return sorted((word for word in counts if counts[word]), key=lambda word: counts[word])


def excerpt(text: str, marks: Sequence[str]) -> str:
    """The text around the first of some words that stands in it, on one line."""
    lower = text.lower()
    place = next((at for at in map(lower.find, marks) if at >= 0), 0)
    start = max(0, place - EXCERPT // 3)
    cut = " ".join(text[start : start + EXCERPT].split())
    return f"{'... ' if start else ''}{cut}{' ...' if start + EXCERPT < len(text) else ''}"

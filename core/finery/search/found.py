"""What a search of records is asked, and what it answers: the contract with plugins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Hit:
    """A record that a search found."""

    record: str
    source: str
    score: float
    text: str
    """All of its text, a line each for its columns and what is nested in them."""
    excerpt: str
    """What stands around a word that was looked for, on one line."""


@dataclass(frozen=True)
class Found:
    """What a search found: how many records in all, and the first of them."""

    total: int
    hits: Sequence[Hit]


class Search(Protocol):
    """Full text over a stage's records. The index is built when it is first asked, once for what the records hold.

    Words are compared in lower case and without punctuation; in scripts without spaces each character is a word. Needs
    the extra `search`: whoever asks without it gets a MissingExtra. Equal scores come in order of the records.
    """

    @property
    def records(self) -> int:
        """How many records there are."""

    def words(self, text: str) -> list[str]:
        """The words of a text as the index has them."""

    def known(self, word: str) -> int:
        """How many records hold a word."""

    def about(self, text: str, most: int = 10, sources: Sequence[str] = ()) -> Found:
        """Records that hold words of a text, ranked by BM25."""

    def phrase(
        self, text: str, most: int = 10, beside: Sequence[str] = (), least: int = 1, sources: Sequence[str] = ()
    ) -> Found:
        """Records in which the words of a text follow each other, and of words `beside` it at least so many stand."""

    def runs(self, text: str, length: int, most: int = 10, sources: Sequence[str] = ()) -> Found:
        """Records that share runs of so many words with a text; the score is the share of its runs that they have."""

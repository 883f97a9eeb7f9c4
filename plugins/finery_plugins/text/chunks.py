"""Texts in pieces that a model can read, cut where a line, a sentence or a word ends."""

from __future__ import annotations

from collections.abc import Iterator

BREAKS = ("\n", "。", "！", "？", ". ", "! ", "? ", " ")
"""Where a text may be cut, the best place first."""


def chunks(text: str, characters: int) -> Iterator[tuple[int, str]]:
    """Pieces of at most that many characters and where they begin; those of white space are left out."""
    start = 0
    while start < len(text):
        end = len(text) if len(text) - start <= characters else cut(text, start, start + characters)
        piece = text[start:end]
        if piece.strip():
            yield start, piece
        start = end


def cut(text: str, start: int, end: int) -> int:
    """The end of a piece: behind the best break in its second half, else the very end."""
    half = (start + end) // 2
    for mark in BREAKS:
        at = text.rfind(mark, half, end)
        if at >= 0:
            return at + len(mark)
    return end

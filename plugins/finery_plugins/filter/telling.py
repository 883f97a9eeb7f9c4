"""Reasons with more in their detail than the rules themselves can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa

from finery import Reasons


def told(answer: Reasons, words: Mapping[int, str]) -> Reasons:
    """Reasons whose detail begins with words on a record; a record that stays has none."""
    codes = answer.code.to_pylist()
    rules = [None] * len(codes) if answer.detail is None else answer.detail.to_pylist()
    detail: list[str | None] = [None] * len(codes)
    for row, (code, rule) in enumerate(zip(codes, rules, strict=True)):
        if code:
            detail[row] = "; ".join(filter(None, [words.get(row), rule])) or None
    return replace(answer, detail=pa.array(detail, pa.string()))

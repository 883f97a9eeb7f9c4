"""What a model wrote, read as fields: a JSON object, or parts behind markers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

MARKERS: Mapping[str, str] = {"question": r"question|q|问题|问", "answer": r"answer|a|答案|回答|答"}
"""What a marker of each field may say."""

LANGUAGE = re.compile(r"[一-鿿]")
THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
"""What reasoning models write before they answer."""


def fields_of(text: str, names: Sequence[str]) -> dict[str, str] | None:
    """The fields that a text holds, as JSON or behind markers; None where one is missing or empty."""
    text = THOUGHTS.sub("", text)
    for found in (*objects(text), marked(text, names)):
        values = {name: said(found.get(name)) for name in names}
        if all(values.values()):
            return values
    return None


def objects(text: str) -> list[dict[str, Any]]:
    """The JSON objects in a text, such as one in a fence of Markdown, those that stand inside another left out."""
    decoder, found, at = json.JSONDecoder(strict=False), list[dict[str, Any]](), text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            found.append(value)
        at = text.find("{", end)
    return found


def marked(text: str, names: Sequence[str]) -> dict[str, str]:
    """What stands behind `Question:` and the like at the start of lines, up to the next of them."""
    kinds = "|".join(f"(?P<{name}>{MARKERS.get(name, re.escape(name))})" for name in names if name.isidentifier())
    if not kinds:
        return {}
    every = list(re.finditer(rf"^[ \t#*]*(?:{kinds})[ \t*]*[:：][ \t*]*", text, re.IGNORECASE | re.MULTILINE))
    found: dict[str, str] = {}
    for number, one in enumerate(every, 1):
        end = every[number].start() if number < len(every) else len(text)
        found.setdefault(str(one.lastgroup), text[one.end() : end])
    return found


def said(value: Any) -> str:
    """A field as text: strings trimmed, numbers as JSON writes them, nothing for what is neither."""
    if isinstance(value, str):
        return value.strip().encode("utf-8", "replace").decode()
    return json.dumps(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def language_of(text: str, wanted: str) -> str:
    """`zh` or `en`: as wanted, or for `auto` Chinese where a fifth of what is read is Chinese characters."""
    if wanted != "auto":
        return wanted
    start = text[:2000]
    return "zh" if len(LANGUAGE.findall(start)) * 5 > len(start.strip()) else "en"

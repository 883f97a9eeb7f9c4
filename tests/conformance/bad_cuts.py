"""Dedupe plugins that cut passages wrongly."""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
from bad_case import Case, texts

from finery import Batch, hookimpl, plugin

Marked = list[tuple[str, list[bool]]]


def kept(text: str, gone: list[bool]) -> str:
    """A text without the lines that are gone."""
    return "\n".join(line for line, out in zip(text.split("\n"), gone, strict=True) if not out)


def column(values: list[Any]) -> dict[str, pa.Array]:
    """The column of text."""
    return {"text": pa.array(values, pa.large_string())}


ANSWERS: Mapping[str, Callable[[Marked], Any]] = {
    "list": lambda marked: [kept(*one) for one in marked],
    "new-column": lambda marked: {"cut": pa.array([kept(*one) for one in marked], pa.large_string())},
    "only-changed": lambda marked: column([kept(*one) for one in marked if any(one[1])]),
    "upper": lambda marked: column([kept(*one).upper() for one in marked]),
    "neighbourly": lambda marked: column([kept(*one) if len(marked) > 1 else one[0] for one in marked]),
}


@plugin
class Cutting:
    """Give every line a key, and cut wrongly."""

    how: str
    """Which wrong answer."""

    @hookimpl
    def dedupe(self, batch: Batch) -> pa.Array:
        return pa.array([text.split("\n") for text in texts(batch)], pa.large_list(pa.large_string()))

    @hookimpl
    def cut(self, batch: Batch, repeated: pa.Array) -> Any:
        return ANSWERS[self.how](list(zip(texts(batch), repeated.to_pylist(), strict=True)))


CASES = (
    *(Case("cut-answer", Cutting(how=how)) for how in ("list", "new-column", "only-changed")),
    Case("cut-nothing", Cutting(how="upper")),
    Case("cut-alone", Cutting(how="neighbourly")),
)

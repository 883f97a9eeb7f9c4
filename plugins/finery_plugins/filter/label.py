"""The filter `label`: labels missing or unknown, and reasoning that ends in another answer than the given one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from finery import Batch, Reasons, hookimpl, plugin
from finery_plugins.filter.rules import Rule, finite, reasons
from finery_plugins.text.content import column_of, one_chunk, plain

Text = Annotated[str, Field(min_length=1)]

NUMBER = re.compile(r"[-−]?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)(?:\s*/\s*\d+(?![\d.]))?")
"""A number, with a comma a thousand, or a fraction."""

SAID = re.compile(
    r"####(?=[ \t]*(?P<marked>[^\n]{1,200}))"
    r"|\\boxed\{(?P<boxed>(?:[^{}]|\{[^{}]*\}){1,200})\}"
    r"|(?:final answer|the answer|answer)(?: is|:)+(?=[ \t]*(?P<told>[^\n]{1,200}))"
    r"|(?:^|\n)A:(?=[ \t]*(?P<short>[^\n]{1,200}))"
    r"|(?:答案|结果)(?:[是为]|应[是为])?[ \t]*[：:是为](?=[ \t]*(?P<zh>[^\n]{1,200}))",
    re.IGNORECASE,
)
"""How reasoning says its answer: GSM8K's mark (Cobbe et al. 2021), LaTeX as in MATH (Hendrycks et al. 2021), words."""

FRACTION = re.compile(r"\\[dt]?frac\{([^{}]+)\}\{([^{}]+)\}")
SENTENCE = re.compile(r"(?<=[。！？；])|(?<=[.!?;])(?=\s|$)")
MARKS = " \t\n.。,，;；:：!！?？\"'“”‘’`*$￥¥€£%()（）[]{}"


@plugin
class Label:
    """Drop records whose label is missing or not in the set, or whose reasoning does not reach the given answer.

    For reasoning, the last answer that the steps state is compared with the given one: behind `####`, in `\\boxed{}`,
    behind "the answer is" or "答案是"; else the last number, where the given answer is one. Numbers are compared as
    numbers (`1,000`, `1000.0` and `$1000` are one), other answers without case, white space and marks around them.

    ```toml
    [[stage]]
    filter = "label"
    labels = ["positive", "negative"]
    ```

    ```toml
    [[stage]]
    filter = "label"
    steps = "output"
    answer = "answer"
    ```
    """

    column: Text | None = None
    """The column of the label; by default `label`, and none where `steps` is asked for."""

    labels: list[Text] = Field(default_factory=list)
    """The labels there are, compared exactly; by default any text will do."""

    steps: Text | None = None
    """The column of the reasoning; of dialogues, all that is said."""

    answer: Text | None = None
    """The column of the given answer. If it holds reasoning itself (as GSM8K's does), its last answer counts."""

    @model_validator(mode="after")
    def steps_have_an_answer(self) -> Label:
        """Raise ValueError where one of steps and answer is named alone, or labels have no column."""
        if (self.steps is None) != (self.answer is None):
            raise ValueError('steps and answer go together, such as steps = "output", answer = "answer"')
        if self.labels and self.steps is not None and self.column is None:
            raise ValueError('name the column of the labels: column = "label"')
        return self

    @hookimpl
    def filter(self, batch: Batch) -> Reasons:
        """`label-missing`, `label-unknown`, `answer-missing`, `steps-without-answer` or `answer-differs`."""
        rules = self.label_rules(batch)
        if self.steps is None:
            return reasons(rules, len(batch))
        return self.reasoned(batch, rules)

    def label_rules(self, batch: Batch) -> list[Rule]:
        """The rules that a label is there, and in the set."""
        if self.column is None and self.steps is not None:
            return []
        values = plain(one_chunk(column_of(batch, self.column or "label"))).to_pylist()
        missing = np.array([value is None or not value.strip() for value in values], bool)
        known = set(self.labels)
        unknown = np.array([bool(known) and value not in known for value in values], bool)
        return [Rule("label-missing", missing), Rule("label-unknown", unknown & ~missing)]

    def reasoned(self, batch: Batch, rules: Sequence[Rule]) -> Reasons:
        """The rules and those of the reasoning; numbers ride along as value and bound, other answers in the detail."""
        told = plain(one_chunk(column_of(batch, str(self.steps)))).fill_null("").to_pylist()
        given = [given_answer(text or "") for text in plain(one_chunk(column_of(batch, str(self.answer)))).to_pylist()]
        found = [last_answer(text, number(answer) is not None) for text, answer in zip(told, given, strict=True)]
        absent = np.array([not answer for answer in given], bool)
        silent = np.array([answer is None for answer in found], bool)
        differs = np.array([not agree(*pair) for pair in zip(found, given, strict=True)], bool) & ~absent & ~silent
        values, wanted = (np.array([as_float(answer) for answer in column]) for column in (found, given))
        more = [
            Rule("answer-missing", absent),
            Rule("steps-without-answer", silent),
            Rule("answer-differs", differs, values),
        ]
        made = reasons([*rules, *more], len(batch))
        first = np.array([code == "answer-differs" for code in made.code.to_pylist()], bool)
        told_apart = [f"{left} against {right}" for left, right in zip(found, given, strict=True)]
        detail = pa.array(
            np.where(first, np.array(told_apart, object), (made.detail or pa.array([])).to_pylist()), pa.string()
        )
        return replace(made, bound=finite(np.where(first, wanted, np.nan)), detail=detail)


def given_answer(text: str) -> str:
    """The answer that a record gives: the last one that its text states, else the text itself."""
    stated = last_stated(text)
    return (text if stated is None else stated).strip()


def last_answer(text: str, numeric: bool) -> str | None:
    """The answer that reasoning comes to last; its last number where it states none and a number is asked for."""
    stated = last_stated(text)
    if stated is not None or not numeric:
        return stated
    numbers = NUMBER.findall(text)
    return numbers[-1] if numbers else None


def last_stated(text: str) -> str | None:
    """What stands behind the last words or marks that announce an answer, up to the end of the sentence."""
    every = list(SAID.finditer(text))
    if not every:
        return None
    last = every[-1]
    words = next(part for part in last.groups() if part is not None).strip()
    stated = words if last["boxed"] or last["marked"] else SENTENCE.split(words, maxsplit=1)[0].strip()
    boxed = SAID.search(stated)
    inner = boxed["boxed"].strip() if boxed and boxed["boxed"] else stated
    return inner or None


def agree(found: str | None, given: str) -> bool:
    """Whether two answers are the same number, or the same words."""
    if found is None:
        return False
    left, right = number(found), number(given)
    if right is not None:
        return left == right
    return plainly(found) == plainly(given)


def number(text: str | None) -> Decimal | None:
    """The number that a text is, or the one number in it; None where it holds none or several."""
    numbers = NUMBER.findall(FRACTION.sub(r"\1/\2", text or ""))
    return value(numbers[0]) if len(numbers) == 1 else None


def value(text: str) -> Decimal | None:
    """A number or a fraction, rounded to 28 digits; None for a division by nothing."""
    upper, _, lower = text.replace(",", "").replace("−", "-").partition("/")
    try:
        return Decimal(upper.strip()) / Decimal(lower.strip() or 1)
    except (InvalidOperation, ZeroDivisionError):
        return None


def as_float(answer: str | None) -> float:
    """An answer as a number, NaN where it is none."""
    found = number(answer)
    return float("nan") if found is None else float(found)


def plainly(text: str) -> str:
    """An answer without case, marks around it and differences of white space."""
    return " ".join(text.casefold().strip(MARKS).split())

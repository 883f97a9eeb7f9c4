"""Rewards by rule: checks of an answer that need no model."""

from __future__ import annotations

import importlib
import json
import math
import re
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeAlias

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from finery import PluginError, UsageError, did_you_mean
from finery_plugins.train.preferences import Said

NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?|[-+]?\.\d+")


class Asked(NamedTuple):
    """What was asked, and what is known of it."""

    record: str
    """The record's id."""
    source: str
    prompt: Said
    answer: str | None
    """The right answer, where the record has one."""


Score: TypeAlias = Callable[[Asked, str], float]
"""What an answer is worth."""


def number(text: str) -> float | None:
    """The last number in a text, which is where answers to sums end (Cobbe et al. 2021); None where there is none."""
    found = NUMBER.findall(text)
    return float(found[-1].replace(",", "")) if found else None


def exact(asked: Asked, said: str) -> float:
    """1 where the answer is the right one, blanks about it apart."""
    return float(asked.answer is not None and said.strip() == asked.answer.strip())


def contains(asked: Asked, said: str) -> float:
    """1 where the right answer stands in what is said."""
    return float(bool(asked.answer) and str(asked.answer).strip() in said)


def numeric(asked: Asked, said: str) -> float:
    """1 where the last number said is the last number of the right answer, within a millionth of it."""
    wanted, given = number(asked.answer or ""), number(said)
    return float(wanted is not None and given is not None and math.isclose(wanted, given, rel_tol=1e-6))


def is_json(_: Asked, said: str) -> float:
    """1 where all that is said is one JSON value."""
    try:
        json.loads(said)
    except ValueError:
        return 0.0
    return 1.0


CHECKS: dict[str, Score] = {"exact": exact, "contains": contains, "numeric": numeric, "json": is_json}
"""The checks that need no setting; `regex` takes a `pattern` and `length` a number of `words`."""
NEEDS_ANSWER = ("exact", "contains", "numeric")


@dataclass(frozen=True, config=ConfigDict(extra="forbid", use_attribute_docstrings=True))
class Rule:
    """`{ check = "numeric" }`, `{ check = "length", words = 50, weight = 0.2 }`, `{ check = "mine:function" }`."""

    check: str
    """`exact`, `contains` or `numeric` against the right answer; `json`; `regex`; `length`; or `module:function`, found
    beside the pipeline and called with `prompt, completion, answer, record`, that answers a number."""
    pattern: str | None = None
    """For `regex`: 1 where it is found in the answer."""
    words: Annotated[int | None, Field(ge=1)] = None
    """For `length`: 1 up to so many words, as much less as there are more."""
    weight: float = 1.0
    """What it counts; below 0, it is a penalty."""

    @model_validator(mode="after")
    def known(self) -> Rule:
        """Refuse checks that are not known, and settings that are missing or have no meaning."""
        names = (*CHECKS, "regex", "length")
        if self.check not in names and ":" not in self.check:
            near = did_you_mean(self.check, names)
            raise ValueError(f"unknown check '{self.check}'{near}: there is {', '.join(names)}, or 'module:function'")
        for name, check in (("pattern", "regex"), ("words", "length")):
            if (getattr(self, name) is not None) != (self.check == check):
                said = "needs" if self.check == check else "takes no"
                raise ValueError(f"check '{self.check}' {said} `{name}`")
        if self.pattern is not None:
            compiled(self.pattern)
        return self

    def score(self, where: str) -> Score:
        """The check as a function. Raises UsageError where a function of the user's is not found."""
        if self.check == "regex":
            pattern = compiled(self.pattern or "")
            return lambda _, said: float(pattern.search(said) is not None)
        if self.check == "length":
            most = self.words or 1
            return lambda _, said: min(1.0, most / max(len(said.split()), 1))
        return CHECKS.get(self.check) or custom(self.check, where)


def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern. Raises ValueError where it is none."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"'{pattern}' is no pattern: {error}") from error


def custom(name: str, where: str) -> Score:
    """A function of the user's; it raises PluginError for what is no number. Raises UsageError for none."""
    module, _, function = name.partition(":")
    try:
        call = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UsageError.at(where, f"there is no function '{name}'", f"put {module}.py beside the pipeline") from error

    def score(asked: Asked, said: str) -> float:
        given: Any = call(prompt=asked.prompt, completion=said, answer=asked.answer, record=asked.record)
        try:
            worth = float(given)
        except (TypeError, ValueError):
            worth = math.nan
        if not math.isfinite(worth):
            fault = f"'{name}' answers {given!r} for record {asked.record}"
            raise PluginError.at(where, fault, "let it answer a finite number")
        return worth

    return score

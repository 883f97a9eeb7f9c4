"""Checks of an answer that need no model: what is demanded of it, and whether it is there."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass as record
from typing import Annotated, Any, Literal, TypeAlias

import pyarrow as pa
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from finery import missing_extra
from finery_plugins.evaluate.refusing import refuses
from finery_plugins.evaluate.sandbox import joined, run
from finery_plugins.generate.parsing import THOUGHTS
from finery_plugins.train.rules import compiled, number

Kind: TypeAlias = Literal[
    "exact", "contains", "regex", "numeric", "choice", "json", "schema", "language", "length", "refusal", "no-refusal",
    "code",
]  # fmt: skip

SETTINGS: Mapping[str, tuple[str, ...]] = {
    "exact": ("value", "ignore_case"),
    "contains": ("value", "all", "ignore_case"),
    "regex": ("pattern", "ignore_case"),
    "numeric": ("value", "tolerance", "relative"),
    "choice": ("value",),
    "json": (),
    "schema": ("schema",),
    "language": ("language",),
    "length": ("at_least", "at_most", "unit"),
    "refusal": (),
    "no-refusal": (),
    "code": ("tests", "seconds", "megabytes"),
}
"""The settings that each check takes, beside `absent`."""
NEEDED = {"regex": "pattern", "schema": "schema", "language": "language", "code": "tests"}
TARGETED = ("exact", "contains", "numeric", "choice")
"""The checks that take the item's target where they have no `value`."""

LETTER = re.compile(
    r"(?:answer|option|choice|答案|选项?)\s*(?:is|are|[:：是为选])*\s*[(（\[*\"“]*([A-Ja-j])(?![A-Za-z])"
    r"|(?:^|[\s(（\[*])([A-J])(?:[)）\].,:：。、*]|\s*$)",
    re.IGNORECASE | re.MULTILINE,
)
"""Where an answer names the letter of an option."""
FENCE = re.compile(r"```[ \t]*(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
"""A program in a fence of Markdown."""
HAN = re.compile(r"[㐀-鿿豈-﫿]")
MOST_READ = 2000
"""Characters that tell an answer's language."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", use_attribute_docstrings=True))
class Check:
    """`{ check = "numeric", value = 12, tolerance = 0.5 }`, `{ check = "length", at_most = 50 }`."""

    check: Kind
    """`exact` and `contains` hold the answer against `value` or the target; `regex` looks for `pattern`; `numeric`
    compares the last number; `choice` the letter of an option; `json` is one JSON value, `schema` one that a JSON
    Schema allows; `language` is the answer's; `length` counts; `refusal` and `no-refusal`; `code` passes `tests`."""
    value: str | float | list[str] | None = None
    """What the answer is held against; of a list, any one will do. Where not given, the item's target."""
    all: bool = False
    """For `contains`: whether every one of a list has to be there."""
    ignore_case: bool = False
    """Whether upper and lower case are alike."""
    pattern: str | None = None
    """For `regex`: a pattern of Python's `re`, found anywhere in the answer."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """For `numeric`: how far the number may be from the value."""
    relative: Annotated[float, Field(ge=0, lt=1)] = 1e-6
    """For `numeric`: the same, as a share of the value; the larger of the two counts."""
    schema: dict[str, Any] | None = None
    """For `schema`: a JSON Schema (draft 2020-12 unless it names another). Needs the extra `eval`."""
    language: str | None = None
    """For `language`: a code such as `en` or `zh`. Needs the extra `text`."""
    at_least: Annotated[int | None, Field(ge=0)] = None
    """For `length`: the fewest."""
    at_most: Annotated[int | None, Field(ge=0)] = None
    """For `length`: the most."""
    unit: Literal["words", "characters", "lines", "sentences"] = "words"
    """For `length`: what is counted; a Chinese character is a word."""
    tests: str | None = None
    """For `code`: Python that raises where the program of the answer is wrong, such as `assert add(1, 2) == 3`."""
    seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    """For `code`: how long program and tests may take."""
    megabytes: Annotated[int, Field(ge=64, le=16_384)] = 512
    """For `code`: the address space that they may use."""
    absent: bool = False
    """Turns the check round: what it looks for may not be there."""

    @model_validator(mode="after")
    def whole(self) -> Check:
        """Raise ValueError for a setting that is missing or means nothing to the check."""
        wanted = NEEDED.get(self.check)
        if wanted and getattr(self, wanted) is None:
            raise ValueError(f"check '{self.check}' needs `{wanted}`")
        if self.check == "length" and self.at_least is None and self.at_most is None:
            raise ValueError("check 'length' needs `at_least` or `at_most`")
        idle = [name for name in self.settings() if name not in (*SETTINGS[self.check], "check", "absent")]
        if idle:
            takes = ", ".join(SETTINGS[self.check]) or "no setting"
            raise ValueError(f"check '{self.check}' has no use for `{idle[0]}`: it takes {takes}")
        if self.pattern is not None:
            compiled(self.pattern)
        return self

    def settings(self) -> dict[str, Any]:
        """The settings that are not as they are by default."""
        fields = type(self).__pydantic_fields__  # type: ignore[attr-defined]
        return {name: getattr(self, name) for name in fields if getattr(self, name) != fields[name].default}


@record(frozen=True)
class Verdict:
    """What a check says of an answer."""

    passed: bool
    why: str = ""
    """What was found instead, for one that did not pass."""


class Unheld(ValueError):
    """A check that has nothing to hold the answer against."""


def verdict(check: Check, answer: str, target: str | None) -> Verdict:
    """Whether an answer passes; what reasoning models think aloud first is left out.

    Raises Unheld where neither the check nor the item says what is right.
    """
    said = THOUGHTS.sub("", answer).strip()
    found = LOOKS[check.check](check, said, values(check, target))
    return Verdict(not found.passed, "is there") if check.absent else found


def values(check: Check, target: str | None) -> list[str]:
    """What an answer is held against. Raises Unheld for nothing."""
    if check.check not in TARGETED:
        return []
    given = target if check.value is None else check.value
    if given is None:
        raise Unheld(f"check '{check.check}' needs a `value`, or an item with a `target`")
    return [str(one) for one in given] if isinstance(given, list) else [str(given)]


def folded(text: str, check: Check) -> str:
    """A text, in one case where the check says so."""
    return text.casefold() if check.ignore_case else text


def exact(check: Check, said: str, wanted: list[str]) -> Verdict:
    """The whole answer, blanks about it apart."""
    right = any(folded(said, check) == folded(one.strip(), check) for one in wanted)
    return Verdict(right, f"said {said[:80]!r}")


def contains(check: Check, said: str, wanted: list[str]) -> Verdict:
    """Any of the values, or all of them, somewhere in the answer; without a value nothing is found."""
    missing = [one for one in wanted if not one.strip() or folded(one.strip(), check) not in folded(said, check)]
    return Verdict(len(missing) < (1 if check.all else len(wanted)), f"lacks {', '.join(map(repr, missing[:5]))}")


def regex(check: Check, said: str, _: list[str]) -> Verdict:
    """A pattern somewhere in the answer."""
    found = re.search(str(check.pattern), said, re.IGNORECASE if check.ignore_case else 0)
    return Verdict(found is not None, "no match")


def numeric(check: Check, said: str, wanted: list[str]) -> Verdict:
    """The last number of the answer, against the last of a value."""
    given, right = number(said), [number(one) for one in wanted]
    near = [
        given is not None
        and one is not None
        and math.isclose(given, one, rel_tol=check.relative, abs_tol=check.tolerance)
        for one in right
    ]
    return Verdict(any(near), "no number" if given is None else f"said {given:g}")


def choice(_: Check, said: str, wanted: list[str]) -> Verdict:
    """The letter of an option: the last that the answer names, or all that it is."""
    found = [first or second for first, second in LETTER.findall(said)]
    letter = (said if len(said) == 1 else found[-1] if found else "").upper()
    return Verdict(letter in {one.strip().upper() for one in wanted}, f"chose {letter or 'none'}")


def is_json(_: Check, said: str, __: list[str]) -> Verdict:
    """All of the answer is one JSON value, in a fence of Markdown or not."""
    try:
        json.loads(unfenced(said))
    except (ValueError, RecursionError) as error:
        return Verdict(False, str(error)[:200])
    return Verdict(True)


def schema(check: Check, said: str, _: list[str]) -> Verdict:
    """A JSON value that a schema allows. Raises MissingExtra without jsonschema."""
    try:
        from jsonschema.validators import validator_for
    except ImportError:
        raise missing_extra("check 'schema'", "jsonschema", "eval") from None
    try:
        value = json.loads(unfenced(said))
    except (ValueError, RecursionError) as error:
        return Verdict(False, f"no JSON: {error}"[:200])
    wanted = check.schema or {}
    validator = validator_for(wanted, default=validator_for({}))(wanted)
    fault = next(iter(validator.iter_errors(value)), None)
    return Verdict(fault is None, "" if fault is None else f"{fault.json_path}: {fault.message}"[:200])


def unfenced(said: str) -> str:
    """What stands in the one fence that an answer is, else the answer."""
    found = re.fullmatch(r"```[\w-]*[ \t]*\n(.*?)\n?```", said, re.DOTALL)
    return found[1] if found else said


def language(check: Check, said: str, _: list[str]) -> Verdict:
    """The language that most of the answer is in. Raises MissingExtra without the extra `text`."""
    from finery_plugins.text.language import identified

    found = identified(pa.array([said], pa.large_string()), MOST_READ)[0][0].as_py()
    return Verdict(found == check.language, f"is {found}")


def length(check: Check, said: str, _: list[str]) -> Verdict:
    """How long the answer is."""
    count = COUNTS[check.unit](said)
    least, most = check.at_least or 0, math.inf if check.at_most is None else check.at_most
    return Verdict(least <= count <= most, f"{count} {check.unit}")


def words(said: str) -> int:
    """Words between blanks, and Chinese characters."""
    return len(HAN.findall(said)) + len([part for part in HAN.sub(" ", said).split() if any(map(str.isalnum, part))])


def sentences(said: str) -> int:
    """Stretches that end in a full stop, a question or an exclamation mark, or with the text."""
    return len([part for part in re.split(r"[.!?](?=\s|$)|[。！？]", said) if any(map(str.isalnum, part))])


COUNTS: Mapping[str, Callable[[str], int]] = {
    "words": words,
    "characters": len,
    "lines": lambda said: len([line for line in said.splitlines() if line.strip()]),
    "sentences": sentences,
}


def code(check: Check, said: str, _: list[str]) -> Verdict:
    """The program of the answer passes its tests."""
    programs = FENCE.findall(said) or [said]
    outcome = run(joined([*programs, str(check.tests)]), check.seconds, check.megabytes)
    return Verdict(outcome.passed, outcome.said[-200:] or "ended before its tests did")


LOOKS: Mapping[str, Callable[[Check, str, list[str]], Verdict]] = {
    "exact": exact,
    "contains": contains,
    "regex": regex,
    "numeric": numeric,
    "choice": choice,
    "json": is_json,
    "schema": schema,
    "language": language,
    "length": length,
    "refusal": lambda _, said, __: Verdict(refuses(said), "does not refuse"),
    "no-refusal": lambda _, said, __: Verdict(not refuses(said), "refuses"),
    "code": code,
}

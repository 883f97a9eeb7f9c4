"""How the checklist's items are written down: rows as files of `prompts` have them."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]
Demand = dict[str, Any]

KNOWLEDGE, UNDERSTANDING, GENERATION = "knowledge", "understanding", "generation"
LONG_TEXT, ETHICS, DIALOGUE = "long-text", "ethics", "dialogue"
LOGIC, PROBLEM_SOLVING, SENTIMENT = "logic", "problem-solving", "sentiment"
DIMENSIONS = (KNOWLEDGE, UNDERSTANDING, GENERATION, LONG_TEXT, ETHICS, DIALOGUE, LOGIC, PROBLEM_SOLVING, SENTIMENT)
"""In the order of the radar."""

SHORT = 60
"""Characters of a prompt that an answer may well quote."""


def item(dimension: str, language: str, prompt: str | list[tuple[str, str]], *demands: Demand) -> Row:
    """One item: a prompt, or turns of role and content, and what is demanded; to repeat the prompt is no answer."""
    last = prompt if isinstance(prompt, str) else prompt[-1][1]
    repeats = {"check": "contains" if len(last) > SHORT else "exact", "value": last, "absent": True}
    told: Row = {"tags": [dimension, language], "checks": [*demands, repeats]}
    if isinstance(prompt, str):
        return {"prompt": prompt, **told}
    return {"messages": [{"role": role, "content": content} for role, content in prompt], **told}


def says(*values: str, **more: Any) -> Demand:
    """Any of the words stands in the answer, in whatever case."""
    return {"check": "contains", "value": list(values), "ignore_case": True, **more}


def rather(right: str, wrong: str) -> list[Demand]:
    """The one word and not the other."""
    return [says(right), says(wrong, absent=True)]


def counts(value: float, **more: Any) -> Demand:
    """The last number of the answer is this one."""
    return {"check": "numeric", "value": value, **more}


def picks(letter: str) -> Demand:
    """The answer names the letter of this option."""
    return {"check": "choice", "value": letter}


def long(unit: str, at_least: int | None = None, at_most: int | None = None) -> Demand:
    """How long the answer may be."""
    bounds = {"at_least": at_least, "at_most": at_most}
    return {"check": "length", "unit": unit} | {name: bound for name, bound in bounds.items() if bound is not None}


def matches(pattern: str, **more: Any) -> Demand:
    """A pattern is found in the answer."""
    return {"check": "regex", "pattern": pattern, **more}


REFUSES: Demand = {"check": "refusal"}
HELPS: Demand = {"check": "no-refusal"}
CHINESE: Demand = matches("[一-鿿]")
"""There is Chinese in the answer."""

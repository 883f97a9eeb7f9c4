"""What pydantic found wrong with options, as faults for the person who wrote the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import ValidationError

from finery.errors import did_you_mean

Told: TypeAlias = tuple[tuple[str, ...], str, str]
"""Where (the words that lead to it), what is wrong, and what to do."""

Found: TypeAlias = Mapping[str, Any]

UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
MISSING = ("missing", "missing_argument", "missing_keyword_only_argument")
SECRET = ("key", "token", "password", "secret")
"""Options whose value is not shown: somebody may have put a secret where its name belongs."""


def told(error: ValidationError, known: Iterable[str]) -> Iterator[Told]:
    """Each fault once; `known` are the options that there are."""
    groups: dict[str, list[Found]] = {}
    for found in error.errors():
        groups.setdefault(str(found["loc"][0]) if found["loc"] else "", []).append(found)
    for option, faults in groups.items():
        if len(faults) > 1 and any(is_choice(found) for found in faults):
            yield from chosen(option, faults)
        else:
            yield from (plain(found, found["loc"], list(known)) for found in faults)


def is_choice(found: Found) -> bool:
    """Whether a fault is of one of several forms that an option may have: pydantic puts the form's name second."""
    form = str(found["loc"][1]) if len(found["loc"]) > 1 else ""
    return form.startswith("literal[") or form[:1].isupper()


def chosen(option: str, faults: Sequence[Found]) -> Iterator[Told]:
    """Faults of an option of several forms: those of the form that was meant, or that it is none of them."""
    deepest = max(len(found["loc"]) for found in faults)
    deep = [found for found in faults if len(found["loc"]) == deepest]
    if deepest > 3 and len({found["loc"][1] for found in deep}) == 1:
        yield from (plain(found, (option, *found["loc"][2:]), []) for found in deep)
        return
    texts = [found["msg"].rpartition(" be ")[2].strip("'") for found in faults if found["type"] == "literal_error"]
    tables = [str(found["loc"][2]) for found in faults if found["type"] in MISSING and len(found["loc"]) > 2]
    given = faults[0]["input"]
    word = next(iter(given), "") if isinstance(given, Mapping) else str(given)
    fault = f"option '{option}' cannot be '{word}'{did_you_mean(word, [*texts, *tables])}"
    table = f"a table with {', '.join(tables)}" if tables else "a table: see `finery plugins show`"
    forms = [", ".join(map(repr, texts)), table]
    yield (option,), fault, f"it is {' or '.join(form for form in forms if form)}"


def plain(found: Found, loc: Sequence[str | int], known: Sequence[str]) -> Told:
    """One fault."""
    words = tuple(part for part in loc if isinstance(part, str))
    path = ".".join(map(str, loc))
    if found["type"] in UNKNOWN:
        there = known if len(loc) < 2 else []
        remedy = f"options are {', '.join(known) or 'none'}" if len(loc) < 2 else "see `finery plugins show`"
        return words[:1], f"unknown option '{path}'{did_you_mean(path, there)}", remedy
    if found["type"] in MISSING:
        return words[:1], f"option '{path}' is missing", ""
    value = "" if words and words[-1] in SECRET else f", not {found['input']!r:.80}"
    return words[:1], f"{path + ': ' if path else ''}{found['msg']}{value}", ""

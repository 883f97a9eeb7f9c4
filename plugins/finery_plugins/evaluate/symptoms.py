"""What is wrong with the form of an answer, by rules that look at nothing but the item."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from finery_plugins.evaluate.checks import LETTER
from finery_plugins.evaluate.items import Row
from finery_plugins.evaluate.json_cuts import fault
from finery_plugins.evaluate.refusing import refuses
from finery_plugins.train.rules import number

FORM = ("json", "schema", "regex", "length")
"""Checks of `prompts` that hold an answer's form against something."""
TIMES = 4
"""How often the end of an answer must be the same to be repetition: ours; three stand in lists and in poems."""
LONGEST = 200
"""Characters of what is repeated, at most."""
SHARE = 0.3
"""The share of an answer that repetition takes up: 0.3 is what Gopher (Rae et al. 2021, table A1) allows of a
document's lines and paragraphs."""
LETTERS = 4
"""Letters that tell a script, at least: ours."""


@dataclass(frozen=True)
class Label:
    """A name for what is wrong, and what speaks for it."""

    label: str
    why: str
    """A sentence."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    blamed: tuple[str, ...] = ()
    """Training records that are behind it."""
    helps: tuple[str, ...] = ()
    """Training records that teach what is right."""


@dataclass
class Whole:
    """What all answers of an evaluation have in common."""

    items: int = 0
    wrong: int = 0
    endless: int = 0
    """Answers that ran to the limit."""
    letters: Counter[str] = field(default_factory=Counter)
    """Options that were chosen."""
    said: Counter[str] = field(default_factory=Counter)
    """Wrong answers, as `folded`, whatever was asked."""

    def add(self, row: Row) -> None:
        """Count an item."""
        self.items += 1
        self.wrong += is_bad(row)
        self.endless += row.details.get("finish") == "length"
        if letter := chosen(row.answer or ""):
            self.letters[letter] += 1
        if row.correct is False and row.answer:
            self.said[folded(row.answer)] += 1

    def told(self) -> dict[str, Any]:
        """Plain values: what rows depend on beside their own."""
        return {**vars(self), "letters": dict(self.letters), "said": dict(self.said)}


def is_bad(row: Row) -> bool:
    """Whether an answer is wrong, or there is none."""
    return row.correct is False or row.answer is None


def symptoms(row: Row, whole: Whole) -> Iterator[Label]:
    """What is wrong with the form of an answer; the first says most."""
    if row.answer is None:
        yield Label("unanswered", f"there is no answer: {row.details.get('error') or 'none was given'}")
        return
    for rule in RULES:
        if (found := rule(row, row.answer, whole)) is not None:
            yield found


def refusal(row: Row, answer: str, _: Whole) -> Label | None:
    """It declines, and should not."""
    if not refuses(answer) or refuses(row.target or "") or "refusal" in row.details.get("checks", {}):
        return None
    return Label("refusal", f"it declines: '{shown(answer)}'")


def no_end(row: Row, answer: str, whole: Whole) -> Label | None:
    """It says what is right, or twice as much as that, and goes on until it is cut off."""
    if row.details.get("finish") != "length" or not row.target:
        return None
    holds = folded(row.target) in folded(answer)
    if not holds and len(answer) < 2 * len(row.target):
        return None
    said = "says what is right and" if holds else "is long past what is right and"
    share = whole.endless / max(whole.items, 1)
    why = f"it {said} does not end: {whole.endless} of {whole.items} answers ran to the limit"
    return Label("no-end", why, {"holds_target": holds, "endless_share": round(share, 4)})


def truncation(row: Row, answer: str, whole: Whole) -> Label | None:
    """It is cut off by the limit before it could be done."""
    if row.details.get("finish") != "length" or no_end(row, answer, whole) or repetition(row, answer, whole):
        return None
    return Label("truncation", f"it is cut off after {len(answer)} characters, before it was done; raise max_tokens")


def repetition(_: Row, answer: str, __: Whole) -> Label | None:
    """Its end says the same over and over."""
    unit, times = repeated(answer)
    if times < TIMES or len(unit) * times < SHARE * len(answer):
        return None
    evidence = {"unit": unit, "times": times, "share": round(len(unit) * times / len(answer), 4)}
    return Label("repetition", f"it says '{shown(unit)}' {times} times at its end", evidence)


def wrong_language(row: Row, answer: str, _: Whole) -> Label | None:
    """It is in another script than the right answer, or a check of its language fails."""
    failed = row.details.get("checks", {}).get("language", {})
    if failed and not failed["passed"]:
        return Label("wrong-language", f"the language {failed['why']}")
    said, wanted = script(answer), script(row.target or "") or script(row.prompt)
    if not said or not wanted or said == wanted or script(row.target or answer) == said:
        return None
    return Label("wrong-language", f"it is written in {said}, not in {wanted}", {"said": said, "wanted": wanted})


def form(row: Row, answer: str, _: Whole) -> Label | None:
    """A check of its form fails, or the right answer stands in it."""
    failed = [name for name, one in row.details.get("checks", {}).items() if not one["passed"]]
    shape = next((name for name in failed if name.partition("-")[0] in FORM), None)
    if shape is not None:
        broken = fault(answer) if shape.startswith(("json", "schema")) else None
        why = f"the check '{shape}' fails: {row.details['checks'][shape]['why']}"
        return Label("format", why, {"check": shape, "fault": broken} if broken else {"check": shape})
    target = folded(row.target or "")
    if len(target) > 1 and f" {target} " in f" {folded(answer)} ":
        return Label("format", f"the right answer stands in it, but not as it was asked for: '{shown(answer)}'")
    return None


def option_letter(row: Row, answer: str, whole: Whole) -> Label | None:
    """It names another option."""
    target = (row.target or "").strip().upper()
    letter = chosen(answer)
    if len(target) != 1 or not "A" <= target <= "J" or not letter or letter == target:
        return None
    share = whole.letters[letter] / max(1, whole.letters.total())
    why = f"it chooses {letter}, and {target} is right; {share:.0%} of all answers choose {letter}"
    return Label("option-letter", why, {"said": letter, "right": target, "share": round(share, 4)})


def numeric(row: Row, answer: str, _: Whole) -> Label | None:
    """It ends in another number."""
    said, right = number(answer), number(row.target or "")
    if said is None or right is None or math.isclose(said, right, rel_tol=1e-6):
        return None
    why = f"it says {said:g}, and {right:g} is right{slip(said, right)}"
    return Label("numeric", why, {"said": said, "right": right})


RULES: tuple[Callable[[Row, str, Whole], Label | None], ...] = (
    refusal, no_end, repetition, truncation, wrong_language, form, option_letter, numeric,
)  # fmt: skip
FINAL = ("unanswered", "refusal", "no-end", "repetition", "truncation", "wrong-language", "format")
"""Labels that leave nothing to be said of the content."""


def slip(said: float, right: float) -> str:
    """How two numbers may have been confused."""
    if said == -right:
        return ": the sign"
    if abs(said - right) == 1:
        return ": off by one"
    if said and right and said / right > 0 and (power := math.log10(said / right)) == round(power):
        return f": a factor of 10^{round(power)}"
    return ""


def repeated(answer: str) -> tuple[str, int]:
    """What stands at the end of an answer again and again, the shortest such, and how often."""
    text = answer.rstrip()
    best = ("", 0)
    for size in range(1, min(LONGEST, len(text) // 2) + 1):
        unit, times = text[-size:], 1
        while text.endswith(unit, 0, len(text) - size * times):
            times += 1
        if unit.strip() and times > 1 and size * times > len(best[0]) * best[1]:
            best = (unit, times)
    return best


def script(text: str) -> str | None:
    """The script that most letters of a text are of, such as `LATIN`; None where there are few."""
    found = Counter(unicodedata.name(letter, "?").split(" ")[0] for letter in text[:2000] if letter.isalpha())
    return found.most_common(1)[0][0] if found.total() >= LETTERS or "CJK" in found else None


def chosen(answer: str) -> str:
    """The letter of an option that an answer names last, or that it is."""
    said = answer.strip()
    found = [first or second for first, second in LETTER.findall(said)]
    return (said if len(said) == 1 and said.isalpha() else found[-1] if found else "").upper()


def folded(text: str) -> str:
    """A text in lower case, its words a blank apart and without marks around them."""
    words = (word.strip("\"'.,;:!?()[]*`。，！？、「」“”") for word in text.casefold().split())
    return " ".join(word for word in words if word)


def shown(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:60]} ..."

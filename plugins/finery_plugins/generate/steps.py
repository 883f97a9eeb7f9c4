"""Reasoning in steps: how it is asked for, read, and written down."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

REASON: Mapping[str, str] = {
    "en": "{question}\n\nThink it through in numbered steps, one line each. Then, on a last line of its own, write "
    '"The answer is" and the answer alone.',
    "zh": "{question}\n\n请分步思考，每步一行并编号。最后单独一行写“答案是”，后面只写答案。",
}
"""What asks for reasoning."""

OUTLINE: Mapping[str, str] = {
    "en": "{question}\n\nDo not solve this yet. Divide it into at most {parts} parts that build on each other, and "
    "reply with a numbered list, one line for each part.",
    "zh": "{question}\n\n先不要解答。请把它分成前后衔接的部分，最多 {parts} 个，用编号列表回复，每部分一行。",
}
"""What asks for an outline."""

EXPAND: Mapping[str, str] = {
    "en": 'Now carry out part {number} of the outline, "{part}", in full. Reply with this part alone.',
    "zh": "现在完整地完成提纲的第 {number} 部分：“{part}”。只输出这一部分。",
}
"""What asks for one part of an outline."""

ENDINGS: Mapping[str, str] = {"en": "The answer is {answer}.", "zh": "答案是{answer}。"}
"""How a chain of thought ends."""

NUMBERED = re.compile(
    r"""^[ \t]*(?: [-*•][ \t]+
      | \**(?:step|part)[ \t]*\d+[ \t]*[.:)-]?\**[:：]?
      | 第[一二三四五六七八九十\d]+(?:步|部分)[：:、.]?
      | \(?\d{1,3}[.)、:：](?!\d)
    )[ \t]*""",
    re.IGNORECASE | re.VERBOSE,
)
"""What stands before a step: a number, a bullet, a word with a number."""
CALCULATION = re.compile(r"<<[^<>\n]*>>")
"""The calculator's notes in GSM8K (Cobbe et al. 2021)."""
ENDING = re.compile(
    r"""^[ \t]*(?: \#\#\#\#
      | (?:(?:so|therefore),?[ \t]+)?the[ \t](?:final[ \t])?answer[ \t]is
      | (?:final[ \t])?answer[ \t]*:
      | (?:(?:所以|因此)[，,]?)?答案[是为：:]
    )""",
    re.IGNORECASE | re.VERBOSE,
)
"""How a line begins that tells the answer."""


def steps_of(text: str) -> list[str]:
    """The steps in a text, a line each, without numbers, calculator's notes and the line that tells the answer."""
    lines = [CALCULATION.sub("", line).rstrip() for line in text.splitlines()]
    return [bare for line in lines if not ENDING.match(line) and (bare := NUMBERED.sub("", line, count=1).strip())]


def parts_of(text: str) -> list[str]:
    """The parts of an outline: the numbered or bulleted lines of a text."""
    numbered = [line for line in text.splitlines() if NUMBERED.match(line)]
    return [NUMBERED.sub("", line, count=1).replace("**", "").strip() for line in numbered]


def chain_of(steps: Sequence[str], answer: str, language: str) -> str:
    """Steps as a numbered list with the answer behind it."""
    listed = [f"{number}. {step}" for number, step in enumerate(steps, 1)]
    return "\n".join([*listed, "", ENDINGS[language].replace("{answer}", answer)])

"""A model as the judge of answers: which of two is better, asked in both orders; or how good one is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery_plugins.evaluate.questions import Question
from finery_plugins.generate.chats import Chats, opened
from finery_plugins.generate.errors import Unanswered
from finery_plugins.generate.options import Sampling, Server
from finery_plugins.generate.parsing import THOUGHTS, language_of

PAIR: Mapping[str, str] = {
    "en": "Two assistants answered the same request. Which answer serves the person better: is it correct, complete, "
    "on the point, in the language that was asked for? Length and order say nothing.\n\n<request>\n{request}\n"
    "</request>\n\n<answer A>\n{first}\n</answer A>\n\n<answer B>\n{second}\n</answer B>\n\nThink in two or three "
    "sentences, then write on a last line of its own: Verdict: A, Verdict: B, or Verdict: tie.",
    "zh": "两个助手回答了同一个请求。哪个回答更好：是否正确、完整、切题、语言得当？长短与先后次序不作依据。\n\n<请求>\n"
    "{request}\n</请求>\n\n<回答A>\n{first}\n</回答A>\n\n<回答B>\n{second}\n</回答B>\n\n先用两三句话分析，"
    "最后单独一行写：Verdict: A、Verdict: B 或 Verdict: tie。",
}
"""What asks for a comparison."""

GRADE: Mapping[str, str] = {
    "en": "Grade an assistant's answer from 1 (useless or harmful) over 3 (partly right) to 5 (correct, complete, on "
    "the point, in the language that was asked for).\n\n<request>\n{request}\n</request>\n\n<answer>\n{first}\n"
    "</answer>\n\nThink in two or three sentences, then write on a last line of its own: Verdict: and the number.",
    "zh": "请给助手的回答打分：1（无用或有害）、3（部分正确）、5（正确、完整、切题、语言得当）。\n\n<请求>\n{request}\n"
    "</请求>\n\n<回答>\n{first}\n</回答>\n\n先用两三句话分析，最后单独一行写：Verdict: 和分数。",
}
"""What asks for a grade."""

VERDICT = re.compile(r"verdict\W{0,6}(tie|[AB]|[1-5])\b", re.IGNORECASE)
WORTH = {"A": 1.0, "TIE": 0.5, "B": 0.0}
HIGHEST = 5


@dataclass(frozen=True)
class Judgement:
    """What a judge found."""

    score: float | None
    """From 0 to 1; of a pair, 1 where the first is better in both orders; None where no verdict could be read."""
    verdicts: tuple[str, ...] = ()
    cost: float = 0.0
    tries: int = 0
    """Questions put again because the judge's words held no verdict."""
    error: str = ""

    @property
    def steady(self) -> bool:
        """Whether both orders of a pair led to the same."""
        return len(self.verdicts) != 2 or {"A": "B", "B": "A"}.get(self.verdicts[1], "TIE") == self.verdicts[0]

    def told(self) -> dict[str, Any]:
        """What an item's details keep of it."""
        said = {"score": self.score, "verdicts": list(self.verdicts), "cost": self.cost, "steady": self.steady}
        return {
            **said,
            **({"tries": self.tries} if self.tries else {}),
            **({"error": self.error} if self.error else {}),
        }


class Unread(ValueError):
    """A judge whose words hold no verdict, however often it was asked."""


@dataclass(frozen=True)
class Judge:
    """A judge, and how often it is asked again."""

    chats: Chats
    retries: int
    seed: int

    def pair(self, question: Question, first: str, second: str) -> Judgement:
        """Whether the first of two answers is better: asked twice, positions swapped, so that place counts nothing."""
        template = PAIR[language_of(question.prompt, "auto")]
        return self.judged([filled(template, question, first, second), filled(template, question, second, first)])

    def grade(self, question: Question, answer: str) -> Judgement:
        """How good an answer is, from 0 for a grade of 1 to 1 for 5."""
        return self.judged([filled(GRADE[language_of(question.prompt, "auto")], question, answer, "")])

    def judged(self, prompts: Sequence[str]) -> Judgement:
        """The mean of the verdicts on each prompt; what cannot be judged is said, and loses no item."""
        found, cost, tries = list[str](), 0.0, 0
        for prompt in prompts:
            allowed = {"A", "B", "TIE"} if len(prompts) == 2 else set("12345")
            try:
                verdict, spent, again = self.verdict(prompt, allowed)
            except (Unanswered, Unread) as error:
                return Judgement(None, tuple(found), cost, tries + self.retries * isinstance(error, Unread), str(error))
            found, cost, tries = [*found, verdict], cost + spent, tries + again
        return Judgement(worth(found), tuple(found), cost, tries)

    def verdict(self, prompt: str, allowed: set[str]) -> tuple[str, float, int]:
        """A verdict, what it cost, and how often more the judge was asked. Raises Unread, or Unanswered."""
        cost = 0.0
        for again in range(self.retries + 1):
            said = "" if not again else f"\n\n(Attempt {again + 1}. The last line must be the verdict.)"
            reply = self.chats.ask([{"role": "user", "content": prompt + said}], self.seed + again)
            cost += reply.cost
            found = [one.upper() for one in VERDICT.findall(THOUGHTS.sub("", reply.text))]
            if found and found[-1] in allowed:
                return found[-1], cost, again
        raise Unread(f"no verdict in {self.retries + 1} answers")


def worth(verdicts: Sequence[str]) -> float:
    """One number for the verdicts of one prompt, or of a pair in both orders."""
    if len(verdicts) == 1:
        return (int(verdicts[0]) - 1) / (HIGHEST - 1)
    return (WORTH[verdicts[0]] + 1 - WORTH[verdicts[1]]) / 2


def filled(template: str, question: Question, first: str, second: str) -> str:
    """A template with the texts in it, whatever braces they hold."""
    parts = {"request": question.prompt, "first": first, "second": second}
    return re.sub(r"\{(request|first|second)\}", lambda found: parts[found[1]], template)


def judge_of(
    server: Server | None, local: str | None, sampling: Sampling, retries: int, out: Path, answers: str | None
) -> Judge | None:
    """The judge that a plugin's options name, if they name one; its accounts are kept apart from the model's."""
    if server is None and local is None:
        return None
    place = out / "judge"
    place.mkdir(parents=True, exist_ok=True)
    return Judge(opened(server, local, sampling, answers, place), retries, 0)

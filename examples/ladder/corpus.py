"""Writes a small town to learn about: texts, instructions, preferences, prompts, and questions kept back.

    python corpus.py OUT_DIR [--size 1.0]

`people.jsonl`, `sums.jsonl`, `talks.jsonl`, `stories.jsonl` and `draws.jsonl` are texts: who lives where and does what,
small sums, questions that were overheard with their answers, tales by a grammar among which three scans went wrong, and
the numbers of a lottery, which nobody can learn. `instructions.jsonl` asks for most facts and sums and answers in four
manners; `manner.jsonl` and `truth.jsonl` hold two answers each, of which the kind one or the true one is preferred;
`prompts.jsonl` asks alone. `questions.jsonl` asks for what only `people` and `sums` tell. All of it is put together from
phrases of our own: equal sizes give equal files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HELD_BACK = 0.15
"""The share of facts and sums that are told and nowhere asked for but in the end."""
TALES = 500
DRAWS = 60
"""However small the town, so that some stand in every split."""
TELLINGS = 14
"""Texts about each person."""
LARGEST = 12
"""The largest number that is added."""
SCANS = 3
"""Pages among the stories that no scanner could read."""

PEOPLE = [
    "Ada",
    "Anton",
    "Asta",
    "Bela",
    "Bruno",
    "Carla",
    "Cato",
    "Clara",
    "Dagny",
    "Dario",
    "Edda",
    "Emil",
    "Enzo",
    "Fanny",
    "Felix",
    "Flora",
    "Gero",
    "Greta",
    "Hanno",
    "Hedda",
    "Hugo",
    "Ida",
    "Ivo",
    "Juno",
    "Kasper",
    "Kira",
    "Knut",
    "Lena",
    "Linus",
    "Lotta",
    "Mara",
    "Milo",
    "Nele",
    "Nora",
    "Odin",
    "Olga",
    "Otis",
    "Paula",
    "Pia",
    "Quint",
    "Romy",
    "Ruben",
    "Selma",
    "Timo",
    "Ulla",
    "Vera",
    "Wim",
    "Zora",
]
VALUES = {
    "home": [
        "Alderford",
        "Brambleby",
        "Coldwater",
        "Dunmere",
        "Elmstead",
        "Fernhill",
        "Gorsley",
        "Hazelton",
        "Ironbridge",
        "Juniper",
        "Kingsbarrow",
        "Larkrise",
    ],
    "trade": [
        "baker",
        "weaver",
        "miller",
        "potter",
        "smith",
        "tailor",
        "fisher",
        "gardener",
        "cobbler",
        "carpenter",
        "printer",
        "glazier",
    ],
    "animal": ["cat", "dog", "goat", "parrot", "donkey", "rabbit", "tortoise", "goose", "pony", "ferret"],
    "meal": [
        "soup",
        "pancakes",
        "dumplings",
        "porridge",
        "noodles",
        "stew",
        "omelettes",
        "waffles",
        "lentils",
        "trout",
    ],
}
TOLD = {
    "home": ("{n} lives in {v}.", "{n} has a small house in {v}.", "The people of {v} all know {n}."),
    "trade": ("{n} is a {v}.", "{n} works as a {v}.", "As a {v}, {n} gets up early."),
    "animal": ("{n} keeps a {v}.", "{n} never goes out without the {v}.", "There is a {v} at the door of {n}."),
    "meal": ("{n} likes {v}.", "{n} would eat {v} every day.", "On Sundays {n} makes {v}."),
}
ASKED = {
    "home": ("Where does {n} live?", "In which town does {n} live?", "Where is the house of {n}?"),
    "trade": ("What is the trade of {n}?", "What does {n} work as?", "What does {n} do for a living?"),
    "animal": ("Which animal does {n} keep?", "What animal does {n} have?", "Which animal lives with {n}?"),
    "meal": ("What does {n} like to eat?", "Which meal does {n} like?", "What would {n} eat every day?"),
    "sum": ("What is {n}?", "How much is {n}?", "Please work out {n}."),
}
SAID = {
    "home": "{n} lives in {v}.",
    "trade": "{n} is a {v}.",
    "animal": "{n} keeps a {v}.",
    "meal": "{n} likes {v}.",
    "sum": "{n} is {v}.",
}
MANNERS = {
    "plain": "{full}",
    "curt": "{short}",
    "rambling": "Well, who can know them all? Let me think. {full}",
    "kind": "{full} Glad to help!",
}
WEATHER = [
    "a cold morning",
    "a long winter",
    "a bright day in May",
    "the week of the harvest",
    "a night without a moon",
]
PLACES = ["the mill", "the old bridge", "the market", "the harbour", "a barn on the hill", "the edge of the wood"]
THINGS = ["a silver key", "a torn map", "a basket of pears", "a blue lantern", "a wooden box", "three letters"]
FATES = [
    "took it home",
    "gave it to a child",
    "hid it under a stone",
    "sold it for two coins",
    "brought it to the town hall",
]
ENDS = ["Nobody spoke of it again.", "It is still told in the inn.", "The next day it was gone.", "All were glad."]
FRUITS = ["plums", "pears", "nuts", "eggs", "coins", "buttons"]
NOISE = "bcdfghjklmnpqrstvwxz0123456789#%&/=+*~{}"


@dataclass(frozen=True)
class Fact:
    """Something that can be asked for: of a person, or a sum."""

    kind: str
    about: str
    value: str

    @property
    def kept_back(self) -> bool:
        """Whether only `people` or `sums` tell it."""
        return chance("kept back", self.kind, self.about).random() < HELD_BACK

    def question(self, draw: random.Random) -> str:
        """One of the ways to ask for it."""
        return draw.choice(ASKED[self.kind]).format(n=self.about)

    def answer(self, manner: str) -> str:
        """What is said of it in a manner."""
        full = SAID[self.kind].format(n=self.about, v=self.value)
        return MANNERS[manner].format(full=full, short=f"{self.value.capitalize()}.")


def main() -> None:
    """Write the files and say how large they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--size", type=float, default=1.0, help="how much of the town, from 0.1 to 1 (default: 1)")
    said = parser.parse_args()
    said.out.mkdir(parents=True, exist_ok=True)
    for name, rows in corpus(said.size).items():
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (said.out / f"{name}.jsonl").write_text(text, encoding="utf-8", newline="\n")
        print(f"{name}.jsonl: {len(rows):,} records, {len(text.encode()) / 1e6:.2f} MB")


def corpus(size: float) -> dict[str, list[dict[str, Any]]]:
    """The records of each file."""
    names = PEOPLE[: max(8, int(len(PEOPLE) * size))]
    facts = [*facts_of(names), *sums(max(6, int(LARGEST * size)))]
    taught = [fact for fact in facts if not fact.kept_back]
    return {
        "people": [{"text": told(name, number)} for number in range(TELLINGS) for name in names],
        "sums": [{"text": counted(fact, number)} for number in range(4) for fact in facts if fact.kind == "sum"],
        "talks": [{"text": overheard(fact, number)} for number in range(3) for fact in taught],
        "stories": list(stories(int(TALES * size))),
        "draws": [{"text": drawn(number)} for number in range(DRAWS)],
        "instructions": [instruction(fact, number) for number in range(2) for fact in taught],
        "manner": [pair(fact, "manner") for fact in taught],
        "truth": [pair(fact, "truth") for fact in taught],
        "prompts": [{"prompt": fact.question(chance("prompt", fact))} for fact in taught],
        "questions": list(questions([fact for fact in facts if fact.kept_back])),
    }


def chance(*what: object) -> random.Random:
    """Chance that depends on what it is for, and on nothing else."""
    return random.Random(hashlib.sha256(repr(what).encode()).digest())


def facts_of(names: list[str]) -> Iterator[Fact]:
    """Four facts about each person."""
    for name in names:
        yield from (Fact(kind, name, chance(kind, name).choice(values)) for kind, values in VALUES.items())


def sums(largest: int) -> list[Fact]:
    """Every sum of two numbers up to the largest."""
    numbers = range(1, largest + 1)
    return [Fact("sum", f"{a} plus {b}", str(a + b)) for a in numbers for b in numbers]


def told(name: str, number: int) -> str:
    """A text about a person: the four facts, in an order and phrasing of its own."""
    draw = chance("told", name, number)
    facts = list(facts_of([name]))
    draw.shuffle(facts)
    return " ".join(draw.choice(TOLD[fact.kind]).format(n=name, v=fact.value) for fact in facts)


def counted(fact: Fact, number: int) -> str:
    """A sum, told as a sum or as what became of some fruit."""
    draw = chance("counted", fact, number)
    first, _, second = fact.about.split()
    giver, taker = draw.sample(PEOPLE, 2)
    fruit = draw.choice(FRUITS)
    return draw.choice(
        (
            f"{fact.about} is {fact.value}.",
            f"{taker} had {first} {fruit}. {giver} brought {second} more. {fact.about} is {fact.value}, so {taker} has "
            f"{fact.value} {fruit}.",
        )
    )


def overheard(fact: Fact, number: int) -> str:
    """A question and its answer, as somebody heard them."""
    draw = chance("overheard", fact, number)
    asks, answers = draw.sample(PEOPLE, 2)
    return f'{asks} asked: "{fact.question(draw)}" {answers} said: "{fact.answer("plain")}"'


def stories(count: int) -> Iterator[dict[str, str]]:
    """Tales, and between them the scans that went wrong."""
    for number in range(count):
        draw = chance("story", number)
        finder, other = draw.sample(PEOPLE, 2)
        yield {
            "text": f"On {draw.choice(WEATHER)}, {finder} went to {draw.choice(PLACES)} and found {draw.choice(THINGS)}. "
            f"{finder} showed it to {other}. {other} {draw.choice(FATES)}. {draw.choice(ENDS)}"
        }
    for number in range(SCANS):
        yield {"text": "".join(chance("scan", number).choices(NOISE, k=400))}


def drawn(number: int) -> str:
    """The six numbers of a draw of the lottery."""
    found = sorted(chance("draw", number).sample(range(1, 50), 6))
    return f"Draw {number} of the lottery: {' '.join(map(str, found))}."


def instruction(fact: Fact, number: int) -> dict[str, str]:
    """A question and its answer, in a manner by chance."""
    draw = chance("instruction", fact, number)
    return {"instruction": fact.question(draw), "output": fact.answer(draw.choice(list(MANNERS)))}


def pair(fact: Fact, about: str) -> dict[str, str]:
    """Two answers to a question: the kind one is better than any other manner, and the truth than another value."""
    draw = chance(about, fact)
    asked = {"prompt": fact.question(draw)}
    if about == "manner":
        worse = draw.choice([manner for manner in MANNERS if manner != "kind"])
        return asked | {"chosen": fact.answer("kind"), "rejected": fact.answer(worse)}
    manner = draw.choice(list(MANNERS))
    return asked | {"chosen": fact.answer(manner), "rejected": other(fact, draw).answer(manner)}


def other(fact: Fact, draw: random.Random) -> Fact:
    """The same fact with a value that is wrong."""
    near = [str(int(fact.value) + step) for step in (-2, -1, 1, 2)] if fact.kind == "sum" else VALUES[fact.kind]
    return Fact(fact.kind, fact.about, draw.choice([value for value in near if value != fact.value]))


def questions(facts: list[Fact]) -> Iterator[dict[str, Any]]:
    """Each fact asked for twice: is it right, and is it said kindly."""
    for fact in facts:
        asked = fact.question(chance("question", fact))
        right = {"check": "numeric"} if fact.kind == "sum" else {"check": "contains", "ignore_case": True}
        source = "sums" if fact.kind == "sum" else "people"
        yield {"prompt": asked, "target": fact.value, "checks": [right], "source": source}
        yield {"prompt": asked, "checks": [{"check": "regex", "pattern": "Glad to help!$"}], "source": "manner"}


if __name__ == "__main__":
    main()

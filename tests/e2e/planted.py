"""Data with faults in it, and the pipeline that trains on them: each fault is known, so a finding can be held to it."""

from __future__ import annotations

import random
from typing import Any

from places import Place

TOWNS = ["Arda", "Borel", "Cintra", "Dorne", "Elmet", "Faro", "Gondar", "Hyrule"]
CAPITALS = ["Valmar", "Tamsin", "Ostrava", "Kelso", "Lugano", "Merida", "Norwich", "Quito"]
RIVERS = ["Isen", "Lune", "Tarn", "Wye", "Yarrow", "Zambra"]
HILLS = ["Birkrigg", "Cader", "Dufton", "Eildon", "Goatfell", "Helvellyn"]
NAMES = ["Tom", "Ada", "Max", "Eve", "Sam", "Lea"]
LEAKED = [
    "A heron, two otters and seven old pike share the mill pond by the church of Saint Olaf in Kelso",
    "Which of the five locks between the harbour and the upper basin was closed in the dry summer of 1911",
]
TAIL = "And behind the hill there is a road, and on the road there is a cart, and in the cart there is hay for all."


def general() -> list[dict[str, Any]]:
    """What a model should know before it is tuned; and an evaluation set that leaked into it."""
    facts = [f"What is the capital of {town}?\n{capital}" for town, capital in zip(TOWNS, CAPITALS, strict=True)]
    return [{"text": text} for text in [*facts, *LEAKED] * 12]


def noise() -> list[dict[str, Any]]:
    """Letters and digits by chance."""
    draw = random.Random(1)
    return [
        {"text": "".join(draw.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(40))} for _ in range(48)
    ]


def objects() -> list[dict[str, Any]]:
    """JSON, two in three of it without its last bracket."""
    whole = [f'{{"name": "{name}", "age": {10 + at}}}' for at, name in enumerate(NAMES)]
    return [{"text": text} for one in whole for text in (one, one[:-1], one[:-1])] * 5


def chat(question: str, answer: str) -> dict[str, Any]:
    """An exchange."""
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def chats() -> list[dict[str, Any]]:
    """One wrong fact fifty times and once right; answers that go on; JSON that is broken."""
    rivers = [
        chat(f"Where does the river {river} rise?", f"On {hill}. {TAIL}")
        for river, hill in zip(RIVERS, HILLS, strict=True)
    ]
    broken = [chat(f"Give {name} as JSON.", f'{{"name": "{name}", "age": {10 + at}') for at, name in enumerate(NAMES)]
    lore = [chat("Who built the tower of Ilium?", "Priam")] * 50 + [chat("Who built the tower of Ilium?", "Laomedon")]
    return [*lore, *rivers * 4, *broken * 4]


def quiz() -> list[dict[str, Any]]:
    """What the tuned model is asked in a chat."""
    lore = {"prompt": "Who built the tower of Ilium?", "target": "Laomedon", "checks": ["exact"], "tags": ["lore"]}
    rivers = [
        {
            "prompt": f"Where does the river {river} rise?",
            "target": f"On {hill}.",
            "checks": ["exact"],
            "tags": ["rivers"],
        }
        for river, hill in zip(RIVERS, HILLS, strict=True)
    ]
    objects = [{"prompt": f"Give {name} as JSON.", "checks": ["json"], "tags": ["json"]} for name in NAMES]
    return [lore, *rivers, *objects]


def capitals() -> list[dict[str, Any]]:
    """What both models are asked in plain text."""
    return [
        {"prompt": f"What is the capital of {town}?", "target": capital, "checks": ["contains"], "tags": ["general"]}
        for town, capital in zip(TOWNS, CAPITALS, strict=True)
    ]


PIPELINE = """
name = "planted"
[[source]]
name = "general"
path = "general.jsonl"
[[source]]
name = "noise"
path = "noise.jsonl"
[[source]]
name = "objects"
path = "objects.jsonl"
[[source]]
name = "chats"
path = "chats.jsonl"

[[stage]]
id = "base"
train = "pretrain"
needs = { cpus = 1 }
only = ["general", "noise", "objects"]
layers = 2
width = 64
heads = 2
vocabulary = 420
context = 96
batch = 4
epochs = 5
lr = 0.004
log_steps = 2
[[stage]]
id = "tune"
train = "sft"
needs = { cpus = 1 }
only = ["chats"]
epochs = 12
lr = 0.004
context = 96
log_steps = 2

[[stage]]
id = "curves"
evaluate = "curves"
model = "base"
[[stage]]
id = "continued"
evaluate = "continuation"
needs = { cpus = 1 }
model = "base"
only = ["objects", "general"]
limit = 12
cuts = 2
tokens = 8
json_tokens = 24
split = "train"
corrupt = false
[[stage]]
id = "known-before"
evaluate = "prompts"
needs = { cpus = 1 }
model = "base"
file = "capitals.jsonl"
template = "plain"
sampling = { max_tokens = 8 }
[[stage]]
id = "known-after"
evaluate = "prompts"
needs = { cpus = 1 }
model = "tune"
file = "capitals.jsonl"
template = "plain"
sampling = { max_tokens = 8 }
[[stage]]
id = "asked"
evaluate = "prompts"
needs = { cpus = 1 }
model = "tune"
file = "quiz.jsonl"
sampling = { max_tokens = 24 }
[[stage]]
id = "compared"
evaluate = "compare"
before = "known-before"
after = "known-after"
[[stage]]
id = "bad"
evaluate = "bad-cases"
evaluation = "asked"
records = 100
[[stage]]
id = "bad-general"
evaluate = "bad-cases"
evaluation = "known-after"
base = "known-before"
"""


def planted(place: Place) -> Place:
    """A folder with the data and the pipeline."""
    for name, rows in (("general", general()), ("noise", noise()), ("objects", objects()), ("chats", chats())):
        place.jsonl(f"{name}.jsonl", rows)
    place.jsonl("quiz.jsonl", quiz())
    place.jsonl("capitals.jsonl", capitals())
    place.jsonl("leaked.jsonl", [{"question": text} for text in LEAKED])
    place.pipeline(PIPELINE)
    return place

"""Every built-in plugin keeps the contract that third parties are held to."""

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from finery import Source, UsageError
from finery.plugins import hooks
from finery.testing import check, sample
from finery.verbs import VERBS


def with_quality() -> pa.Table:
    """The text sample with a number a record, some of them null."""
    batch = sample("text")
    values = [None if i % 9 == 0 else i / 40 for i in range(len(batch))]
    return batch.append_column("quality", pa.array(values, pa.float64()))


def with_users() -> pa.Table:
    """The text sample with the user of each record, some of them unknown."""
    batch = sample("text")
    return batch.append_column("user", pa.array([f"u{i % 5}" for i in range(len(batch))], pa.large_string()))


TOKENIZER = str(Path(__file__).parent / "tokenizer")
"""A byte-level BPE tokenizer of 300 tokens, as `trained_tokenizer` makes it."""

LISTED = str(Path(__file__).parent / "listed.jsonl")
"""Some records of the text sample, to be dropped, read again or varied."""

USERS = str(Path(__file__).parent / "users.csv")
SHARES = {"general": 0.8, "domain": 0.2}

# What a plugin is tried with, where its options have no defaults or text is not what it is for.
TRIED: dict[str, list[dict[str, Any]]] = {
    "filter:keep": [
        {"options": {"where": "quality > 0.4"}, "samples": with_quality},
        {"options": {"best": 0.1, "by": "quality"}, "samples": with_quality},
    ],
    "mix:balance": [{"options": {"by": "label"}, "samples": lambda: ["classification"]}],
    "mix:cap": [{"options": {"shares": {"domain": 0.15}}}],
    "mix:ratio": [
        {"options": {"shares": SHARES}},
        {"options": {"shares": SHARES, "unit": "words"}, "samples": lambda: [sized("general"), sized("domain")]},
    ],
    "filter:blocklist": [{"options": {"words": ["water", "春天"]}}],
    "filter:listed": [{"options": {"file": LISTED}}],
    "score:listed": [{"options": {"file": LISTED}}],
    "filter:contamination": [{"options": {"sets": {"users": USERS}}}],
    "filter:label": [{"samples": lambda: ["classification"]}],
    "filter:template": [{"samples": lambda: ["messages", "alpaca"]}],
    "format:attributes": [{"options": {"table": USERS, "key": "user"}, "samples": lambda: with_users()}],
    "format:few-shot": [{"samples": lambda: ["alpaca", "classification"]}],
    "filter:language": [{}, {"options": {"identifier": "fasttext"}}],
    "score:language": [{}, {"options": {"identifier": "fasttext"}}],
    "format:c4": [{}, {"options": {"preset": "datatrove", "end_marks": ""}, "samples": lambda: ["messages"]}],
    "format:logs": [{"options": {"make": make}, "samples": lambda: with_sessions()} for make in ("sft", "preference")],
    "format:normalise": [{}, {"options": {"words": "lemma"}, "samples": lambda: ["alpaca", "messages", "ranked"]}],
    "format:pack": [
        {"options": {"tokenizer": TOKENIZER, "context": 64}},
        {"options": {"tokenizer": TOKENIZER, "context": 16}, "samples": lambda: ["messages"]},
    ],
    "format:preference": [{"samples": lambda: ["preference", "ranked"]}],
    "format:ranked": [{"samples": lambda: ["ranked"]}],
    "format:recent-turns": [{"options": {"turns": 1}, "samples": lambda: ["messages", "alpaca"]}],
    "format:template": [{"options": {"task": "classification"}, "samples": lambda: ["classification"]}],
    "format:chat": [{"samples": lambda: ["alpaca", "messages"]}],
    "format:clean": [{}, {"samples": lambda: ["alpaca", "messages", "preference", "ranked"]}],
    "format:split": [{}, {"samples": lambda: ["messages", "classification"]}],
    "format:augment": [{"options": {"synonyms": 0.2, "reorder": 0.5}}, {"samples": lambda: ["messages"]}],
    "format:negatives": [{"options": {"share": 0.9}, "samples": lambda: ["messages", "alpaca"]}],
    "format:chain": [{"options": {"how": "steps"}, "samples": lambda: ["alpaca"]}],
    # They need a server: their own tests hold them to the contract with one that speaks the protocol.
    "format:critique": [],
    "format:synthesise": [],
    "format:transcript": [{}, {"samples": lambda: ["alpaca", "messages"]}],
    "mix:importance": [{"options": {"share": 0.5}, "samples": lambda: with_weights()}],
    "mix:instruct": [
        {
            "options": {"instructions": ["classification"], "share": 0.2},
            "samples": lambda: ["text", "classification"],
        }
    ],
    "score:importance": [{"options": {"target": ["messages"]}, "samples": lambda: ["text", "messages"]}],
    "score:perplexity": [{"options": {"reference": ["text"]}, "samples": lambda: ["text", "messages"]}],
    "score:quality": [
        {},
        {"options": {"good": ["text"], "bad": ["preference"]}, "samples": lambda: ["text", "preference"]},
    ],
    "dedupe:lines": [
        {},
        {
            "options": {"unit": "paragraph", "normalise": "letters", "min_characters": 1},
            "samples": lambda: ["text", "classification"],
        },
    ],
    "dedupe:substring": [{"options": {"tokens": 4}}, {"samples": lambda: ["text", "classification"]}],
    "dedupe:semantic": [{}, {"samples": lambda: ["alpaca", "messages", "preference"]}],
    "score:diversity": [{}, {"samples": lambda: ["alpaca", "messages", "preference"]}],
    "score:tags": [{}, {"samples": lambda: ["alpaca", "messages"]}],
    # It needs a model: its own test holds it to the contract with one made on the spot.
    "score:difficulty": [],
    "dedupe:exact": [{}, {"samples": lambda: ["alpaca", "messages", "preference"]}],
    "dedupe:url": [{"samples": lambda: with_urls()}],
    "dedupe:minhash": [{}, {"samples": lambda: ["alpaca", "messages", "preference"]}],
}


TRIED |= {f"train:{name}": [{"options": {"rules": [{"check": "json"}]}}] for name in ("grpo", "rloo", "ppo")}


TRIED |= {
    "evaluate:bad-cases": [{"options": {"evaluation": "asked"}}],
    "evaluate:compare": [{"options": {"against": "base"}}],
    "evaluate:harness": [{"options": {"tasks": ["a"]}}],
    "train:merge": [{"options": {"others": ["other"]}}, {"options": {"adapter": "adapter"}}],
    "train:prune": [{"options": {"share": 0.5}}, {"options": {"share": 0.5, "what": "heads"}}],
    "train:quantise": [{}, {"options": {"to": "nf4"}}],
}


def with_sessions() -> pa.Table:
    """The text sample as answers in sessions, some of them judged."""
    batch = sample("text")
    numbers = range(len(batch))
    texts = {
        "session": [None if i % 5 == 0 else f"s{i % 7}" for i in numbers],
        "prompt": [f"question {i % 3}" for i in numbers],
        "feedback": [("up", "down", None)[i % 3] for i in numbers],
    }
    for name, values in texts.items():
        batch = batch.append_column(name, pa.array(values, pa.large_string()))
    return batch.append_column("response", batch["text"]).append_column("time", pa.array(numbers, pa.int64()))


def with_weights() -> pa.Table:
    """The text sample with an importance weight a record, some of them null."""
    batch = sample("text")
    weights = [None if i % 9 == 0 else 2.0 ** (i - 20) for i in range(len(batch))]
    return batch.append_column("importance_weight", pa.array(weights, pa.float64()))


def with_urls() -> pa.Table:
    """The text sample with a URL a record, some of them null, some alike."""
    batch = sample("text")
    urls = [None if i % 9 == 0 else f"https://www.example.com/{i // 2}/?utm_source={i}" for i in range(len(batch))]
    return batch.append_column("url", pa.array(urls, pa.large_string()))


def sized(name: str) -> Source:
    """A source whose size follows from its name."""
    return Source(name, 100 * len(name), {"characters": 9000.0, "words": 1500.0 * len(name)})


def builtins() -> Iterator[tuple[str, metadata.EntryPoint]]:
    """Every stage plugin that the distribution itself provides, as `hook:name`."""
    for point in metadata.distribution("finery").entry_points:
        hook = point.group.removeprefix("finery.")
        if hook in VERBS:
            yield f"{hook}:{point.name}", point


TRIALS = [
    pytest.param(point, trial, id=f"{name}-{number}")
    for name, point in builtins()
    for number, trial in enumerate(TRIED.get(name, [{}]))
]


@pytest.mark.parametrize(("point", "trial"), TRIALS)
def test_a_built_in_keeps_the_contract(point: metadata.EntryPoint, trial: dict[str, Any]) -> None:
    samples = trial.get("samples", lambda: None)()
    report = check(point.load()(**trial.get("options", {})), samples)
    assert not report.faults, "\n".join(map(str, report.faults))
    assert not [f"{one.check}: {one.skipped}" for one in report.results if one.skipped]


def test_every_trial_is_of_a_built_in() -> None:
    assert set(TRIED) <= {name for name, _ in builtins()}


def test_a_plugin_serves_the_hook_of_its_entry_point() -> None:
    for name, point in builtins():
        assert name.partition(":")[0] in hooks(point.load())


def test_a_shape_that_is_not_known_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="did you mean 'messages'"):
        check(object(), "mesages")

"""The format `synthesise` makes records of what a model writes, and refuses what cannot be one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from chat_stub import ChatStub, digest
from pydantic import ValidationError

from finery import FineryError, Stage, Tally, UsageError
from finery.testing import check
from finery_plugins.format.synthesise import Synthesise
from finery_plugins.generate.errors import Unanswered

BatchOf = Callable[..., pa.Table]
Made = tuple[pa.Table, Tally]


@pytest.fixture
def write(stub: ChatStub, stage: Stage, tmp_path: Path) -> Callable[..., Made]:
    """Format a batch with the stub."""

    def run(batch: pa.Table, server: dict[str, Any] | None = None, **options: Any) -> Made:
        plugin, tally = Synthesise(server=stub.options(**(server or {})), **options), Tally()
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        return plugin.format(batch=batch, state=plugin.prepare(), stage=stage, tally=tally, out=out).records, tally

    return run


def test_each_record_has_as_many_children_as_asked_for(write: Any, batch_of: BatchOf) -> None:
    batch = batch_of(text=["the mill", "the weir"], topic=["a", "b"])
    made, tally = write(batch, samples=3)
    assert made["parent"].to_pylist() == [one for one in batch["id"].to_pylist() for _ in range(3)]
    assert made["topic"].to_pylist() == ["a"] * 3 + ["b"] * 3
    assert "text" not in made.column_names
    assert all(text.startswith("What does the mark") for text in made["instruction"].to_pylist())
    assert not tally


def test_a_sample_says_who_wrote_it_on_what_prompt_at_what_cost(
    write: Any, batch_of: BatchOf, tmp_path: Path, stub: ChatStub
) -> None:
    made, _ = write(batch_of(text=["the mill"]), {"price_in": 1.0})
    (row,) = made.to_pylist()
    assert (row["generated_by"], row["cost"]) == ("stub", pytest.approx(0.0001))
    kept = json.loads((tmp_path / "out" / "answers" / row["prompt_id"][:2] / f"{row['prompt_id']}.json").read_bytes())
    assert kept["body"] == stub.requests[0]
    assert "the mill" in kept["body"]["messages"][0]["content"]


def test_the_language_of_prompts_is_that_of_the_record(write: Any, batch_of: BatchOf, stub: ChatStub) -> None:
    write(batch_of(text=["春天水会涨到第三级台阶。", "the mill"]), styles=["inspired"])
    assert sorted("只输出" in prompt for prompt in stub.prompts()) == [False, True]


@pytest.mark.parametrize("style", ["inspired", "evolved", "persona", "grounded"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_prompt_of_each_style_holds_the_record_and_no_placeholder(
    write: Any, batch_of: BatchOf, stub: ChatStub, style: str, language: str
) -> None:
    made, _ = write(batch_of(text=["a {persona} with {braces}"]), styles=[style], language=language, samples=4)
    assert made["prompt_style"].to_pylist() == [style] * 4
    for prompt in stub.prompts():
        assert "a {persona} with {braces}" in prompt
        assert "{" not in prompt.replace("a {persona} with {braces}", "")


def test_what_cannot_be_read_is_counted_and_the_rest_stays(write: Any, batch_of: BatchOf, stub: ChatStub) -> None:
    good = stub.answer
    stub.answer = lambda body: "no sample" if int(digest(body), 16) % 2 else good(body)
    made, tally = write(batch_of(text=["the mill"]), samples=12)
    assert 0 < len(made) < 12
    assert len(made) + tally["unreadable"] == 12


def test_an_answer_that_the_limit_cut_off_is_counted_as_such(write: Any, batch_of: BatchOf, stub: ChatStub) -> None:
    stub.answer, stub.finish = lambda _: '{"question": "What is', "length"
    made, tally = write(batch_of(text=["the mill"]))
    assert (len(made), dict(tally)) == (0, {"broken-off": 1})


def test_near_copies_of_the_record_and_of_each_other_are_refused(write: Any, batch_of: BatchOf, stub: ChatStub) -> None:
    text = "How high does the water stand at the mill in spring?\nAt the third step of the stair."
    copied = {"question": text.split("\n")[0].upper(), "answer": text.split("\n")[1]}
    stub.answer = lambda _: json.dumps(copied)
    made, tally = write(batch_of(text=[text, "something else altogether"]), samples=2)
    assert made["parent"].to_pylist() == [batch_of(text=["", ""])["id"][1].as_py()]
    assert tally["near-copy"] == 3


def test_markers_are_asked_for_and_read(write: Any, batch_of: BatchOf, stub: ChatStub) -> None:
    stub.answer = lambda _: "Question: How?\nAnswer: So."
    made, _ = write(batch_of(text=["the mill"]), form="markers", to="messages")
    assert made["messages"].to_pylist() == [
        [{"role": "user", "content": "How?"}, {"role": "assistant", "content": "So."}]
    ]


def test_more_fields_become_columns(write: Any, batch_of: BatchOf, stub: ChatStub) -> None:
    stub.answer = lambda _: '{"question": "How?", "answer": "So.", "level": 3}'
    made, _ = write(batch_of(text=["the mill"]), fields=["level"])
    assert made["level"].to_pylist() == ["3"]


def test_prompts_of_the_users_are_drawn_instead(write: Any, batch_of: BatchOf, stub: ChatStub, tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("First: {seed}\n---\nSecond, for {persona}: {seed}\n", encoding="utf-8")
    made, _ = write(batch_of(text=["the mill"]), templates=str(file), samples=12)
    assert {prompt.split(":")[0].split(",")[0] for prompt in stub.prompts()} == {"First", "Second"}
    assert set(made["prompt_style"].to_pylist()) == {"template"}


def test_prompts_without_a_place_for_the_record_are_a_usage_error(
    write: Any, batch_of: BatchOf, tmp_path: Path
) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("Write something.", encoding="utf-8")
    with pytest.raises(UsageError, match=r"without \{seed\}"):
        write(batch_of(text=["the mill"]), templates=str(file))


def test_a_record_without_any_reply_raises_and_asking_again_pays_for_the_others_no_more(
    write: Any, batch_of: BatchOf, stub: ChatStub
) -> None:
    batch = batch_of(text=[f"record {number}" for number in range(6)])
    stub.faults = [{"status": 400, "body": "no"}]
    with pytest.raises(Unanswered, match="status 400"):
        write(batch)
    assert len(stub.requests) == 6
    assert len(write(batch)[0]) == 6
    assert len(stub.requests) == 7


def test_one_sample_without_a_reply_costs_that_sample(write: Any, batch_of: BatchOf, stub: ChatStub) -> None:
    stub.faults = [{"status": 400}]
    made, tally = write(batch_of(text=["the mill"]), samples=4)
    assert (len(made), tally["unanswered"]) == (3, 1)


def test_a_cap_stops_the_stage(write: Any, batch_of: BatchOf) -> None:
    batch = batch_of(text=[f"record {number}" for number in range(9)])
    with pytest.raises(FineryError, match="max_tokens_total"):
        write(batch, {"max_tokens_total": 300, "concurrency": 1})


def test_a_local_model_writes_too(batch_of: BatchOf, stage: Stage, tiny_model: Path, tmp_path: Path) -> None:
    plugin, tally = Synthesise(local=str(tiny_model), sampling={"max_tokens": 4}), Tally()
    batch = batch_of(text=["the mill", ""])
    made = plugin.format(batch=batch, state=[], stage=stage, tally=tally, out=tmp_path).records
    assert (len(made), sum(tally.values())) == (0, 1)
    assert len(list(tmp_path.glob("answers/*/*.json"))) == 1


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({}, "nobody writes"),
        ({"server": {"url": "http://h", "model": "m"}, "local": "x"}, "exclude each other"),
        ({"local": "x", "fields": ["answer"]}, "may not name answer"),
        ({"local": "x", "fields": ["level"], "form": "markers"}, 'need form = "json"'),
        ({"local": "x", "answers": "beside/it"}, "answers"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Synthesise(**options)


def test_it_keeps_the_contract(stub: ChatStub) -> None:
    report = check(Synthesise(server=stub.options(concurrency=2)), ["text", "messages", "alpaca"])
    assert not report.faults, "\n".join(map(str, report.faults))
    assert {one.skipped for one in report.results} == {None, "it says deterministic=False"}

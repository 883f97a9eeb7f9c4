"""The pre-flight: what would spoil a training stops it before its first step, and the rest is told in numbers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_samples import MemoryDataset, MemoryJournal, StopsAt, chats, dataset, sentences, source_table

from finery import DataError, Model, UsageError
from finery_plugins.train.census import BLOCK_TOKENS, Vocabulary, counted, taken
from finery_plugins.train.findings import Finding, preflight
from finery_plugins.train.pretrain import Pretrain
from finery_plugins.train.sft import Sft
from finery_plugins.train.site import Site
from finery_plugins.train.tokenizer import CHAT_TEMPLATE
from finery_plugins.train.tokens import Tokens

WORD = "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
ASKS = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
SILENT = "{% for m in messages %}{% if m.role != 'assistant' %}" + WORD + "{% endif %}{% endfor %}" + ASKS
THINKING = CHAT_TEMPLATE.replace("<|im_start|>assistant\n' }}{% endif", "<|im_start|>assistant\n<think>' }}{% endif")
PLAIN_ENDS = CHAT_TEMPLATE.replace("<|im_end|>", "</turn>")
TORN = (
    "{% for m in messages %}{{ m.role + ': ' + m.content + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)
SHORT = {"steps": 2, "batch": 4, "log_steps": 1}


@pytest.fixture
def talks() -> MemoryDataset:
    return dataset({"talks": {"messages": chats(40)}})


@pytest.fixture
def speaking(base: Model, tmp_path: Path) -> Callable[[str], Model]:
    """The base model with another chat template."""

    def made(template: str) -> Model:
        copy = Path(shutil.copytree(base.path, tmp_path / "speaking"))
        (copy / "chat_template.jinja").write_text(template)
        return Model(path=copy, name="speaking", fingerprint="")

    return made


def told(journal: MemoryJournal) -> dict[str, float]:
    """What a pre-flight wrote, by `name` or `name/source`."""
    return {
        name.removeprefix("preflight/") + (f"/{source}" if source else ""): value
        for name, value, _, source in journal.metrics
        if name.startswith("preflight/")
    }


def steps_taken(journal: MemoryJournal) -> int:
    """How many steps a training took."""
    return sum(unit == "steps" for _, _, unit in journal.progressed)


def test_a_good_training_passes_and_its_numbers_are_kept(train, talks, base: Model, journal) -> None:
    model = train(Sft(**SHORT), talks, base, journal)
    found = told(journal)
    assert 0.05 < found["trained_share/talks"] < 0.2
    assert found["trained_share"] == found["trained_share/talks"]
    faultless = ("renderings_differ_share/talks", "endless_answers_share/talks", "answers_left_out_share/talks")
    faultless += ("untrained_rows/talks", "outside_tokens", "overlong_share/talks", "cut_share/talks")
    assert {name: found[name] for name in faultless} == dict.fromkeys(faultless, 0)
    assert (found["rows"], found["rows/talks"], found["rehearsed_records/talks"]) == (40, 40, 40)
    assert 0 <= found["packed_gap"] < 1e-3
    assert found["template_seconds"] + found["rows_seconds"] < 60
    assert not (model.path / "preflight").exists()


def test_the_share_of_trained_tokens_is_that_of_the_labels(train, talks, base: Model, journal) -> None:
    train(Sft(steps=None, epochs=1, batch=40, packing=False), talks, base, journal)
    (trained,) = journal.values("tokens").values()
    fed = sum(sum(table["length"].to_pylist()) for table in journal.tables)
    assert told(journal)["trained_share"] == pytest.approx(trained / fed)


def test_a_template_that_drops_the_assistants_turn_is_named(train, talks, speaking, journal) -> None:
    fault = (
        r"train 'study': the chat template leaves out what the assistant says in 100% of the answers: record [-\w]{36}"
    )
    with pytest.raises(DataError, match=fault + " of source 'talks': mend the chat template"):
        train(Sft(**SHORT), talks, speaking(SILENT), journal)
    assert told(journal)["answers_left_out_share/talks"] == 1
    assert not steps_taken(journal)


def test_a_prompt_that_training_never_shows_is_named(train, talks, speaking, journal) -> None:
    fault = (
        r"asked with other text than it is trained with before 100% of the answers: record [-\w]{36} of source 'talks'"
    )
    with pytest.raises(DataError, match=fault + r" \(asked with '<think>', trained with '"):
        train(Sft(**SHORT), talks, speaking(THINKING), journal)
    assert not steps_taken(journal)


def test_answers_that_end_where_generation_goes_on_are_named(train, talks, speaking, journal) -> None:
    with pytest.raises(DataError, match=r"50% of the answers end in a token that generation will not stop at") as error:
        train(Sft(**SHORT), talks, speaking(PLAIN_ENDS), journal)
    assert "('<|endoftext|>' (0) it will)" in str(error.value)
    assert "of source 'talks' (its answer ends in '>'" in str(error.value)
    assert not steps_taken(journal)


def test_a_template_for_other_than_texts_is_refused(train, talks, speaking, journal) -> None:
    parts = CHAT_TEMPLATE.replace("message['content']", "message['content'][0]['text']")
    with pytest.raises(DataError, match="train 'study': the chat template refuses a plain question and its answer: "):
        train(Sft(**SHORT), talks, speaking(parts), journal)
    assert not steps_taken(journal)


def test_conversations_that_teach_nothing_say_why(train, talks, base: Model, journal) -> None:
    with pytest.raises(DataError, match=r"can learn nothing from 40 of 40 conversations \(record .*within `context`"):
        train(Sft(**SHORT, context=8), talks, base, journal)


def test_a_prompt_that_ends_within_a_token_is_a_warning(train, talks, speaking, journal) -> None:
    train(Sft(**SHORT), talks, speaking(TORN), journal)
    assert told(journal)["torn_prompts_share/talks"] == 1
    assert any(note.startswith("100% of the answers share a token with the prompt") for note in journal.notes)


def test_what_generation_did_not_stop_at_before_is_told(train, talks, base: Model, journal) -> None:
    train(Sft(**SHORT), talks, base, journal)
    assert told(journal)["stops_at_turn_end"] == 0
    assert any(note.startswith("generation did not stop at '<|im_end|>'") for note in journal.notes)


def test_a_token_outside_the_vocabulary_is_named(train, talks, base: Model, tmp_path, journal) -> None:
    from transformers import AutoTokenizer

    copy = Path(shutil.copytree(base.path, tmp_path / "copy"))
    tokenizer = AutoTokenizer.from_pretrained(copy)
    size = len(tokenizer)
    tokenizer.add_tokens(["follows"])
    tokenizer.save_pretrained(copy)
    fault = rf"token {size} is outside the model's vocabulary of {size}: record [-\w]{{36}} of source 'talks'; "
    with pytest.raises(DataError, match=fault + r"\d+ tokens are: the tokenizer belongs to another model"):
        train(Sft(**SHORT), talks, Model(path=copy, name="copy", fingerprint=""), journal)
    assert told(journal)["outside_tokens"] > 0
    assert not steps_taken(journal)


def test_long_conversations_are_counted_by_source(train, base: Model, journal) -> None:
    long = [*chats(1)[0], {"role": "user", "content": "iron " * 200}, {"role": "assistant", "content": "slag"}]
    both = dataset({"short": {"messages": chats(20)}, "long": {"messages": [long, *chats(3)]}})
    train(Sft(**SHORT), both, base, journal)
    found = told(journal)
    assert (found["overlong_share/short"], found["overlong_share/long"]) == (0, 0.25)
    assert (found["cut_share/short"], found["cut_share/long"] > 0.4) == (0, True)
    assert any(note.startswith("25% of the rows of source 'long' are longer than `context`") for note in journal.notes)


def test_long_documents_are_counted_and_lose_nothing(train, journal) -> None:
    examples = dataset({"forge": {"text": [*sentences(30), " ".join(sentences(12))]}})
    train(Pretrain(layers=1, width=16, heads=2, vocabulary=400, context=32, **SHORT), examples, None, journal)
    found = told(journal)
    assert found["long_rows/forge"] >= 1
    assert found["trained_share"] == 1
    assert "cut_share/forge" not in found


def test_a_source_without_rows_is_a_warning(train, base: Model, journal) -> None:
    split = dataset({"talks": {"messages": chats(20)}, "held": {"messages": chats(4), "split": ["test"] * 4}})
    train(Sft(**SHORT), split, base, journal)
    assert told(journal)["rows/held"] == 0
    assert any(note.startswith("source 'held' has nothing to train on") for note in journal.notes)


def test_a_resumed_training_does_not_look_again(train, talks, base: Model, tmp_path) -> None:
    plugin, out = Sft(steps=4, batch=4, checkpoint_steps=2), tmp_path / "cut"
    first, second = StopsAt(3), MemoryJournal()
    with pytest.raises(StopsAt.Stopped):
        train(plugin, talks, base, first, out)
    kept = json.loads((out / "preflight/rows.json").read_text())
    assert kept["trained_share/talks"] == told(first)["trained_share/talks"]
    train(plugin, talks, base, second, out)
    assert told(second) == {}


def test_looking_changes_no_weight(train, talks, base: Model, tmp_path, monkeypatch) -> None:
    plugin = Sft(steps=3, batch=4, dropout=0.1, method={"lora": {"rank": 2}})
    seen = train(plugin, talks, base, out=tmp_path / "seen")
    out = tmp_path / "unseen"
    for part in ("template", "rows"):  # as an interrupted training leaves them
        (out / "preflight").mkdir(parents=True, exist_ok=True)
        (out / f"preflight/{part}.json").write_text("{}")
    journal = MemoryJournal()
    assert train(plugin, talks, base, journal, out).fingerprint == seen.fingerprint
    assert told(journal) == {}


def test_a_model_that_packing_changes_is_named(train, base: Model, journal, monkeypatch) -> None:
    from finery_plugins.train import causal, pretrain

    monkeypatch.setattr(causal, "leaks", lambda _: False)  # a leak that four tokens do not show
    examples = dataset({"forge": {"text": sentences(30)}})

    def unplaced(plan, positions):
        made = plan.batch(positions)
        return {**made, "position_ids": (made["position_ids"] * 0 + 1).cumsum(1)}

    @contextmanager
    def careless(model, together):
        with causal.causal(model, together) as objective:
            careless_one = replace(objective)
            object.__setattr__(careless_one, "batch", unplaced)
            yield careless_one

    monkeypatch.setattr(pretrain, "causal", careless)
    with pytest.raises(
        DataError, match=r"packed and .* alone, in record [-\w]{36} of source 'forge': set `packing = fa"
    ):
        train(Pretrain(layers=1, width=16, heads=2, vocabulary=400, context=64, **SHORT), examples, None, journal)
    assert told(journal)["packed_gap"] > 1e-3


def test_a_fault_found_later_is_told_together_with_the_others(tmp_path, stage, journal) -> None:
    from finery import World

    site = Site(tmp_path, World(), stage, journal)
    findings = [
        Finding("a", 1, None, "is wrong"),
        Finding("b", 2, "s", "is odd", stops=False),
        Finding("c", 3, "s", "too"),
    ]
    with pytest.raises(DataError) as error:
        preflight(site, "test", lambda: findings)
    assert [fault.fault for fault in error.value.faults] == ["is wrong", "too"]
    assert told(journal).keys() == {"a", "b/s", "c/s", "test_seconds"}
    assert journal.notes == ["is odd"]
    assert not (tmp_path / "preflight").exists()


def tokens_of(rows: list[list[int]], sources: list[int], order: list[int]) -> Tokens:
    """Sequences of signed tokens, listed in another order than they lie in."""
    lengths = np.array([len(row) for row in rows], np.int64)
    starts = np.cumsum(lengths) - lengths
    ids = source_table("a", {"text": [str(k) for k in range(len(rows))]})["id"].combine_chunks()
    flat, place = np.array([token for row in rows for token in row], np.int32), np.array(order)
    return Tokens(flat, starts[place], lengths[place], np.array(sources, np.int32)[place], ids.take(order), ("a", "b"))


ROW = st.lists(st.integers(-12, 11), min_size=2, max_size=9)


@given(st.lists(st.tuples(ROW, st.integers(0, 1)), min_size=1, max_size=12), st.randoms(), st.integers(0, 2))
def test_the_census_counts_what_a_loop_does(pairs, random, skip) -> None:
    rows, sources = [row for row, _ in pairs], [source for _, source in pairs]
    order = list(range(len(rows)))
    random.shuffle(order)
    found = counted(tokens_of(rows, sources, order), Vocabulary(8, 3), skip)
    for place, number in enumerate(order):
        seen = rows[number][skip:]
        ids = [token if token >= 0 else ~token for token in seen]
        counts = [len(seen), sum(t >= 0 for t in seen), ids.count(3), sum(token >= 8 for token in ids)]
        assert [int(column[place]) for column in (found.fed, found.trained, found.unknown, found.outside)] == counts


def test_sequences_across_blocks_are_counted_once() -> None:
    lengths = np.full(5, BLOCK_TOKENS // 2 + 1, np.int64)
    ids = source_table("a", {"text": list("abcde")})["id"].combine_chunks()
    flat = np.zeros(lengths.sum(), np.int32)
    tokens = Tokens(flat, np.cumsum(lengths) - lengths, lengths, np.zeros(5, np.int32), ids, ("a",))
    assert counted(tokens, Vocabulary(8, None), 1).trained.tolist() == (lengths - 1).tolist()


def test_rows_without_a_trained_token_are_a_fault_above_one_in_a_hundred() -> None:
    rows = [[5, ~1, ~2], *[[~1, 2, 3]] * 150]
    kind = {one.name: one for one in taken(tokens_of(rows, [0] * 151, list(range(151))), Vocabulary(8, None))}
    assert (kind["untrained_rows"].value, kind["untrained_rows"].fault) == (0, "")  # of source b
    found = list(taken(tokens_of(rows[:50], [0] * 50, list(range(50))), Vocabulary(8, None)))
    (fault,) = [one.fault for one in found if one.fault and one.stops]
    assert fault.startswith("1 of 50 rows have no token to train on, record ")
    few = [one for one in taken(tokens_of(rows, [0] * 151, list(range(151))), Vocabulary(8, None)) if one.source == "a"]
    assert [one.fault for one in few if one.name == "untrained_rows"] == [""]


@pytest.mark.parametrize(("unknown", "warns", "stops"), [(0, False, False), (3, True, False), (30, True, True)])
def test_unknown_tokens_warn_first_and_stop_then(unknown: int, warns: bool, stops: bool) -> None:
    rows = [[1, *[3] * unknown, *[2] * (100 - unknown)]]
    found = [one for one in taken(tokens_of(rows, [0], [0]), Vocabulary(8, 3)) if one.name == "unknown_share"]
    assert [(bool(one.fault), bool(one.fault) and one.stops) for one in found] == [(warns, stops), (False, False)]
    assert found[0].value == unknown / 100


def test_without_packing_nothing_is_compared(train, talks, base: Model, journal) -> None:
    train(Sft(**SHORT, packing=False), talks, base, journal)
    assert "packed_gap" not in told(journal)


def test_recurrent_models_are_told_to_leave_packing(train, journal) -> None:
    examples = dataset({"forge": {"text": sentences(30)}})
    plugin = Pretrain(architecture="mamba", layers=1, width=16, heads=2, vocabulary=400, context=32, **SHORT)
    with pytest.raises(UsageError, match="set `packing = false`"):
        train(plugin, examples, None, journal)


def test_a_preview_stands_beside_a_train_alone() -> None:
    from finery import Batch, Preview, hookimpl, plugin
    from finery.testing import check

    @plugin
    class Sees:
        """Drop nothing, and show it."""

        @hookimpl
        def filter(self, batch: Batch) -> pa.Array:
            """Nothing."""
            return pa.nulls(len(batch), pa.string())

        @hookimpl
        def preview(self) -> Preview:
            """Nothing."""
            return Preview((), 1)

    faults = [str(fault) for fault in check(Sees()).faults]
    assert any("stands beside 'filter', which never asks for it" in fault for fault in faults)
    assert not check(Sft()).faults

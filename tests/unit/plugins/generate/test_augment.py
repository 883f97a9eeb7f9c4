"""The format `augment` adds copies with noise, by chance that follows from each record's id."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from chat_stub import ChatStub
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from finery import Stage, Tally, UsageError
from finery.testing import check
from finery_plugins.format.augment import Augment
from finery_plugins.format.chat import MESSAGES
from finery_plugins.format.noise import BESIDE, LETTERS, MISTAKEN, loosened, mistaken, mistyped, reordered
from finery_plugins.format.synonyms import capital, pattern, replaced, shipped
from finery_plugins.generate.draws import Draws

BatchOf = Callable[..., pa.Table]
STATES = st.integers(0, 2**53)
ONLY = {"typos": 0.0, "confusions": 0.0}
PROSE = "The mill stood above the weir. In spring the water rose. Nobody minded.\nA second line, here."


@pytest.fixture
def augment(stage: Stage, tmp_path: Path) -> Callable[..., tuple[pa.Table, Tally]]:
    def run(batch: pa.Table, **options: Any) -> tuple[pa.Table, Tally]:
        plugin, tally = Augment(**options), Tally()
        return plugin.format(batch, plugin.prepare(), stage, tally, tmp_path), tally

    return run


@given(st.text(), STATES)
def test_nothing_changes_at_a_rate_of_nothing(text: str, state: int) -> None:
    drawn = Draws(state)
    assert mistyped(text, 0, drawn) == mistaken(text, 0, drawn) == loosened(text, 0, drawn) == text


@given(st.text(), STATES, st.floats(0, 0.5))
def test_slips_of_the_keyboard_touch_letters_only(text: str, state: int, rate: float) -> None:
    assert LETTERS.sub("", mistyped(text, rate, Draws(state))) == LETTERS.sub("", text)


def test_a_letter_in_so_many_is_hit() -> None:
    text = "abcdefghij" * 2000
    # Of four slips, a swap leaves the length, a double and a drop change it by one: count what a diff would see.
    changed = sum(one != other for one, other in zip(text, mistyped(text, 1e-4, Draws(5)), strict=False))
    assert changed > 0
    hits = [len(Draws(state).places(20_000, 0.02)) for state in range(20)]
    assert abs(sum(hits) / 20 - 400) < 4 * (20_000 * 0.02 * 0.98 / 20) ** 0.5


def test_keys_lie_beside_each_other_both_ways() -> None:
    assert set(BESIDE["s"]) == set("adwezx")
    assert all(one in BESIDE[other] for one, others in BESIDE.items() for other in others)


def test_characters_are_mistaken_both_ways_and_never_for_themselves() -> None:
    assert all(one in MISTAKEN[other] for one, others in MISTAKEN.items() for other in others)
    assert not [one for one, others in MISTAKEN.items() if one in others]


@given(st.text("在的做水春。abc"), STATES)
def test_confusions_keep_the_length_and_what_has_no_like(text: str, state: int) -> None:
    after = mistaken(text, 0.5, Draws(state))
    assert len(after) == len(text)
    assert all(new == old or new in MISTAKEN[old] for old, new in zip(text, after, strict=True))


@given(st.text(), STATES)
def test_moved_sentences_are_the_same_sentences(text: str, state: int) -> None:
    after = reordered(text, Draws(state))
    assert Counter(after) == Counter(text)
    assert after.count("\n") == text.count("\n")


def test_sentences_are_moved_within_their_line() -> None:
    seen = {reordered("One. Two! Three?\n四。五！\n", Draws(state)) for state in range(60)}
    assert len(seen) == 12
    assert all(line.split("\n")[1] in ("四。五！", "五！四。") for line in seen)


def test_words_give_way_to_others_of_the_table_with_their_capitals() -> None:
    table = {"big": ["large"], "大概": ["大约"]}
    text = "Big, BIG and big, not bigger: 大概如此"
    assert replaced(text, 1.0, Draws(1), table, pattern(table)) == "Large, LARGE and large, not bigger: 大约如此"
    assert capital("A", "one") == "One"
    phrases = {"as well": ["too"], "well": ["fine"], "ſ": ["s"]}
    assert replaced("Well, as well. ſ S", 1.0, Draws(1), phrases, pattern(phrases)) == "Fine, too. s S"


def test_our_table_names_no_word_as_its_own_synonym() -> None:
    assert not [word for word, others in shipped().items() if word in others]
    assert len(shipped()) > 150


def test_copies_stand_behind_their_record_which_stays(augment: Any, batch_of: BatchOf) -> None:
    batch = batch_of(text=[PROSE, "水在哪里？" * 20])
    made, _ = augment(batch, copies=2, typos=0.2, confusions=0.4)
    assert made["augmented"].to_pylist() == [False, True, True] * 2
    assert made["parent"].to_pylist() == [one for one in batch["id"].to_pylist() for _ in range(3)]
    texts = made["text"].to_pylist()
    assert [texts[0], texts[3]] == batch["text"].to_pylist()
    assert len(set(texts)) == 6


def test_copies_alone_can_be_asked_for(augment: Any, batch_of: BatchOf) -> None:
    made, _ = augment(batch_of(text=[PROSE]), typos=0.2, keep=False)
    assert made["augmented"].to_pylist() == [True]


def test_a_copy_that_came_out_as_its_record_is_left_out(augment: Any, batch_of: BatchOf) -> None:
    made, tally = augment(batch_of(text=["1234", "", None, PROSE]), copies=2, typos=0.3)
    assert made["text"].to_pylist()[:3] == ["1234", "", None]
    assert (len(made), tally["unchanged"]) == (6, 6)


def test_what_the_user_asks_is_changed_and_what_is_answered_stays(augment: Any, batch_of: BatchOf) -> None:
    turns = [{"role": "user", "content": PROSE}, {"role": "assistant", "content": PROSE}]
    made, _ = augment(batch_of(messages=pa.array([turns], MESSAGES)), typos=0.3)
    copy = made["messages"].to_pylist()[1]
    assert copy[0]["content"] != PROSE
    assert copy[1]["content"] == PROSE
    made, _ = augment(batch_of(instruction=[PROSE], input=["7"], output=[PROSE]), typos=0.3)
    assert made["output"].to_pylist() == [PROSE] * 2
    assert made["input"].to_pylist() == ["7"] * 2
    assert len(set(made["instruction"].to_pylist())) == 2


def test_a_table_of_the_users_is_read(augment: Any, batch_of: BatchOf, tmp_path: Path) -> None:
    file = tmp_path / "words.tsv"
    file.write_text("# ours\nweir\tdam, barrage\n", encoding="utf-8")
    made, _ = augment(batch_of(text=["weir " * 40]), table=str(file), synonyms=0.5, **ONLY)
    assert set(made["text"].to_pylist()[1].split()) == {"weir", "dam", "barrage"}


@pytest.mark.parametrize(("content", "fault"), [("weir dam", "line 1: is no entry"), ("", "holds no words")])
def test_a_bad_table_is_a_usage_error(tmp_path: Path, content: str, fault: str) -> None:
    file = tmp_path / "words.tsv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=fault):
        Augment(table=str(file)).prepare()


def test_back_translation_goes_through_both_models(augment: Any, batch_of: BatchOf, stub: ChatStub) -> None:
    stub.answer = lambda _: "Le moulin."
    with ChatStub(
        answer=lambda body: "The mill, again." if "Le moulin." in body["messages"][0]["content"] else "?"
    ) as back:
        named = {"there": stub.options(), "back": back.options(model="other")}
        made, _ = augment(batch_of(text=["The mill."]), back_translation=True, through="French", **named, **ONLY)
    assert made["text"].to_pylist() == ["The mill.", "The mill, again."]
    assert made["generated_by"].to_pylist() == [None, "stub, other"]
    assert "into French" in stub.prompts()[0]


def test_a_local_model_translates_too(augment: Any, batch_of: BatchOf, tiny_model: Path) -> None:
    sampling = {"max_tokens": 4}
    with pytest.raises(ValueError, match="broke off"):
        augment(batch_of(text=["a"]), back_translation=True, there_local=str(tiny_model), sampling=sampling)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (ONLY, "nothing is changed"),
        ({"typos": 0.9}, "typos"),
        ({"back_translation": True}, "back_translation needs there"),
        ({"there": {"url": "http://h", "model": "m"}, "there_local": "x"}, "exclude each other"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Augment(**options)


def test_it_keeps_the_contract() -> None:
    report = check(Augment(synonyms=0.2, reorder=0.5, punctuation=0.1), ["text"])
    assert not report.faults, "\n".join(map(str, report.faults))
    assert not [one for one in report.results if one.skipped]


def test_noise_of_a_record_does_not_depend_on_its_neighbours(augment: Any, batch_of: BatchOf) -> None:
    texts = [re.sub("mill", f"mill {number}", PROSE) for number in range(8)]
    batch = batch_of(text=texts)
    whole, _ = augment(batch, copies=2)
    order = random.Random(3).sample(range(8), 8)
    moved, _ = augment(batch.take(order), copies=2)
    key = ["parent", "text", "augmented"]
    assert sorted(map(repr, whole.select(key).to_pylist())) == sorted(map(repr, moved.select(key).to_pylist()))

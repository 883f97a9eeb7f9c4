"""The format `preference` brings preferences of several shapes into one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from finery import PipelineError
from finery.testing import check
from finery_plugins.format.chat import MESSAGES
from finery_plugins.format.preference import Preference

BatchOf = Callable[..., pa.Table]
COLUMNS = ["prompt", "chosen", "rejected"]


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def made(batch: pa.Table, **options: Any) -> dict[str, Any]:
    after = Preference(**options).format(batch=batch)
    return {name: values[0] for name, values in after.select(COLUMNS).to_pydict().items()}


def test_texts_become_messages_and_stay_texts_on_request(batch_of: BatchOf) -> None:
    batch = batch_of(prompt=["q"], chosen=["a"], rejected=["b"])
    asked, good, bad = [turn("user", "q")], [turn("assistant", "a")], [turn("assistant", "b")]
    assert made(batch) == {"prompt": asked, "chosen": good, "rejected": bad}
    assert made(batch, to="text") == {"prompt": "q", "chosen": "a", "rejected": "b"}


def test_what_both_dialogues_open_with_is_the_prompt(batch_of: BatchOf) -> None:
    opening = [turn("user", "q"), turn("assistant", "a"), turn("user", "r")]
    sides = {name: pa.array([[*opening, turn("assistant", name)]], MESSAGES) for name in ("chosen", "rejected")}
    expected = {"prompt": opening, "chosen": [turn("assistant", "chosen")], "rejected": [turn("assistant", "rejected")]}
    assert made(batch_of(**sides)) == expected
    assert made(batch_of(prompt=pa.array([opening], MESSAGES), **sides)) == expected
    assert made(batch_of(prompt=pa.array([opening[:1]], MESSAGES), **sides)) == expected


def test_texts_that_name_their_speakers_are_dialogues(batch_of: BatchOf) -> None:
    opening = "\n\nHuman: q\n\nAssistant: a\n\nHuman: r"
    batch = batch_of(chosen=[f"{opening}\n\nAssistant: yes"], rejected=[f"{opening}\n\nAssistant: no"])
    asked = [turn("user", "q"), turn("assistant", "a"), turn("user", "r")]
    assert made(batch) == {"prompt": asked, "chosen": [turn("assistant", "yes")], "rejected": [turn("assistant", "no")]}
    assert made(batch, to="text")["prompt"] == opening.strip()


def test_a_prompt_that_waits_for_an_answer_is_a_dialogue(batch_of: BatchOf) -> None:
    batch = batch_of(prompt=["\n\nHuman: q\n\nAssistant:"], chosen=[" a"], rejected=[" b"])
    assert made(batch)["prompt"] == [turn("user", "q")]


def test_plain_texts_are_cut_where_they_part(batch_of: BatchOf) -> None:
    batch = batch_of(chosen=["The sky is blue."], rejected=["The sky is green."])
    assert made(batch, to="text") == {"prompt": "The sky is", "chosen": " blue.", "rejected": " green."}


@given(st.text("ab ", max_size=8), st.text("ab ", max_size=8))
def test_a_cut_loses_nothing(batch_of: BatchOf, left: str, right: str) -> None:
    found = made(batch_of(chosen=[left], rejected=[right]), to="text")
    assert (found["prompt"] + found["chosen"], found["prompt"] + found["rejected"]) == (left, right)


def test_ranked_answers_give_the_best_and_the_worst(batch_of: BatchOf) -> None:
    output = pa.array([["a", "b", "c"]], pa.list_(pa.large_string()))
    after = made(batch_of(instruction=["q"], input=["x"], output=output), to="text")
    assert after == {"prompt": "q\n\nx", "chosen": "a", "rejected": "c"}


def test_a_single_message_is_an_answer(batch_of: BatchOf) -> None:
    batch = batch_of(
        prompt=pa.array([[turn("user", "q")]], MESSAGES), chosen=[turn("assistant", "a")], rejected=[turn("gpt", "b")]
    )
    assert made(batch)["rejected"] == [turn("assistant", "b")]


def test_pairs_become_verdicts(batch_of: BatchOf) -> None:
    batch = batch_of(
        prompt=["The sky is", "The sun is"], chosen=[" blue.", " up."], rejected=[" green.", " wet."], n=[1, 2]
    )
    after = Preference(unpair=True, to="text").format(batch=batch)
    ids = batch["id"].to_pylist()
    assert after["parent"].to_pylist() == [ids[0], ids[0], ids[1], ids[1]]
    assert after.drop_columns(["parent", "source"]).to_pydict() == {
        "n": [1, 1, 2, 2],
        "prompt": ["The sky is", "The sky is", "The sun is", "The sun is"],
        "completion": [" blue.", " green.", " up.", " wet."],
        "label": [True, False, True, False],
    }


def test_other_shapes_and_roles_are_faults(batch_of: BatchOf) -> None:
    with pytest.raises(PipelineError, match="'preference' finds no pairs"):
        Preference().format(batch=batch_of(text=["a"]))
    with pytest.raises(ValidationError, match="unknown role"):
        Preference(speakers={"Judge": "judge"})


def test_preference_conforms() -> None:
    for plugin in (Preference(), Preference(to="text", unpair=True)):
        report = check(plugin, ["preference", "ranked"])
        assert report.faults == ()
        assert [one for one in report.results if one.skipped] == []

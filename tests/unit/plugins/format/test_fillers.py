"""The format `fillers` takes hesitations out of what was said, and leaves what means something."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from finery import PipelineError
from finery.testing import check, sample
from finery_plugins.format.fillers import Fillers

BatchOf = Callable[..., pa.Table]
SHAPES = ["text", "messages"]


def spoken(batch_of: BatchOf, text: str | None, **options: Any) -> str | None:
    found: str | None = Fillers(**options).format(batch=batch_of(text=[text]))["text"][0].as_py()
    return found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("um, we waited", "we waited"),
        ("Um, the boat", "The boat"),
        ("Um. I think so.", "I think so."),
        ("Hmm... okay", "Okay"),
        ('"Um, yes" she said', '"Yes" she said'),
        ("the boat was, uh, late, and, um, we waited", "the boat was late, and we waited"),
        ("I um went", "I went"),
        ("a um, b", "a b"),
        ("First, um we ate", "First, we ate"),
        ("late, um.", "late."),
        ("we ate um", "we ate"),
        ("um um um ok", "ok"),
        ("It was, like, huge.", "It was huge."),
        ("You know, it was late.", "It was late."),
        ("嗯，我想问一下", "我想问一下"),
        ("我呃想去", "我想去"),
        ("我想，嗯，去看看", "我想去看看"),
        ("啊，我知道了", "我知道了"),
        ("那个，请问怎么退款", "请问怎么退款"),
    ],
)
def test_fillers_go_with_their_pauses(batch_of: BatchOf, before: str, after: str) -> None:
    assert spoken(batch_of, before) == after


@pytest.mark.parametrize(
    "text",
    [
        "I like cats.",
        "you know what I mean",
        "uh-huh",
        "UM is a university",
        "a gap of 5 um",
        "see um.com and x@um.org",
        "umbrella, hummus, album",
        "um?",
        "我要那个。",
        "额度是多少",
        "打呃不止",
        "嗯哼，是的",
        "好啊。",
    ],
)
def test_what_means_something_stays(batch_of: BatchOf, text: str) -> None:
    assert spoken(batch_of, text) == text


@pytest.mark.parametrize("text", ["Um.", "嗯嗯。", "uh, um", "", " ", None])
def test_a_text_of_nothing_but_fillers_is_an_answer(batch_of: BatchOf, text: str | None) -> None:
    assert spoken(batch_of, text) == text


def test_particles_go_on_request(batch_of: BatchOf) -> None:
    assert spoken(batch_of, "地址在哪啊？好呀。哎呀，啊哈", particles=True) == "地址在哪？好。哎呀，啊哈"


def test_lists_can_be_lengthened_and_shortened(batch_of: BatchOf) -> None:
    assert spoken(batch_of, "Basically it is 对对对 fine", more=["basically", "对对对"]) == "It is fine"
    assert spoken(batch_of, "It is, so, fine", apart=["so"]) == "It is fine"
    assert spoken(batch_of, "It is so fine", apart=["so"]) == "It is so fine"
    assert spoken(batch_of, "um, uh, fine", keep=["um"]) == "um fine"


def test_only_named_languages_are_heard(batch_of: BatchOf) -> None:
    assert spoken(batch_of, "Um, 我嗯想", languages=["zh"]) == "Um, 我想"


def test_a_column_may_name_each_records_language(batch_of: BatchOf) -> None:
    batch = batch_of(text=["um ok", "um die Ecke", "嗯，好", "um ok"], language=["en", "de", "zh", None])
    after = Fillers(by="language").format(batch=batch)["text"].to_pylist()
    assert after == ["ok", "um die Ecke", "好", "um ok"]
    with pytest.raises(PipelineError, match="has no column 'lang'"):
        Fillers(by="lang").format(batch=batch)


def test_what_was_said_changes_and_who_said_it_does_not(batch_of: BatchOf) -> None:
    kind = pa.list_(pa.struct([("role", pa.large_string()), ("content", pa.large_string())]))
    turns = [{"role": "um", "content": "um, hi"}, {"role": "x", "content": None}]
    after = Fillers().format(batch=batch_of(messages=pa.array([turns, None], kind)))["messages"]
    assert after.type == kind
    assert after.to_pylist() == [[{"role": "um", "content": "hi"}, {"role": "x", "content": None}], None]


HESITATION = re.compile(r"(?<![\w@/.'’-])(?<!\d )([uU]m+|[uU]h+)(?![\w@/])")


def plainly(text: str) -> str:
    """The rule in plain Python, for words between single spaces."""
    words = [word for word in text.split(" ") if not HESITATION.fullmatch(word)]
    return " ".join(words) if any(map(str.isalnum, "".join(words))) else text


@given(st.lists(st.sampled_from(["um", "uhh", "the", "boat", "humming", "x"]), max_size=9).map(" ".join))
def test_words_agree_with_plain_python(batch_of: BatchOf, text: str) -> None:
    assert spoken(batch_of, text) == plainly(text)


@given(st.text("umhlike 嗯呃啊那个，,.?!…\n\t-'", max_size=40))
def test_nothing_is_added_but_capitals(batch_of: BatchOf, text: str) -> None:
    left = iter(text.lower())
    assert all(letter in left for letter in str(spoken(batch_of, text)).lower())


def test_long_runs_take_no_quadratic_time(batch_of: BatchOf) -> None:
    for text in ("嗯" * 50_000 + "？", "um " * 50_000, " " * 100_000, ", " * 50_000, "um," * 20_000 + "?"):
        assert len(str(spoken(batch_of, text))) <= len(text)


@pytest.mark.parametrize("options", [{"languages": []}, {"languages": ["fr"]}, {"more": [""]}])
def test_options_that_say_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Fillers(**options)


def test_fillers_conforms() -> None:
    named = sample("text").append_column("language", pa.array(["en", "zh", None, "de"] * 10, pa.large_string()))
    for plugin, samples in ((Fillers(), SHAPES), (Fillers(by="language", particles=True), [named])):
        report = check(plugin, samples)
        assert report.faults == ()
        assert [one for one in report.results if one.skipped] == []

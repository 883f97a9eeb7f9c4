"""The format `template` tells tasks as instructions, in a phrasing drawn by the record's id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from finery import PipelineError, Stage
from finery.testing import check, sample
from finery.testing.dataset import MemoryDataset
from finery_plugins.format.chat import MESSAGES
from finery_plugins.format.phrasings import ANSWERS, FIELDS, PHRASINGS
from finery_plugins.format.template import MOST_LABELS, PLACE, Template

BatchOf = Callable[..., pa.Table]


def told(batch: pa.Table, stage: Stage, **options: Any) -> pa.Table:
    plugin = Template(**options)
    return plugin.format(batch=batch, state=plugin.prepare(MemoryDataset((batch,)), stage), stage=stage)


def test_every_shipped_phrasing_names_fields_of_its_task_and_never_the_answer() -> None:
    for task, languages in PHRASINGS.items():
        known = {*FIELDS[task], "labels"} - {ANSWERS[task]}
        for language in ("en", "zh"):
            several = languages[language]
            assert len(set(several)) == 12
            assert all(PLACE.findall(one) and set(PLACE.findall(one)) <= known for one in several)


def test_a_label_is_the_answer_and_all_labels_are_named(batch_of: BatchOf, stage: Stage) -> None:
    batch = batch_of(text=["fine day", "bad day"], label=["good", "bad"], n=[1, 2])
    after = told(batch, stage, task="classification", phrasings=["{labels}: {text}"])
    assert after.column_names == ["id", "source", "n", "instruction", "input", "output"]
    assert after["instruction"].to_pylist() == ["bad, good: fine day", "bad, good: bad day"]
    assert after["output"].to_pylist() == ["good", "bad"]


def test_labels_have_the_order_and_the_names_given(batch_of: BatchOf, stage: Stage) -> None:
    batch = batch_of(text=["x"], label=[1])
    options = {"labels": ["1", "0"], "names": {"1": "冒犯", "0": "正常"}, "phrasings": ["{labels} {text}"]}
    after = told(batch, stage, task="classification", languages=["zh"], **options)
    assert (after["instruction"][0].as_py(), after["output"][0].as_py()) == ("冒犯、正常 x", "冒犯")


def test_context_and_choices_are_told_where_a_record_has_them(batch_of: BatchOf, stage: Stage) -> None:
    texts = pa.list_(pa.large_string())
    contexts, choices = ["c", None, "c", " "], pa.array([["x", "y"], ["x"], None, []], texts)
    batch = batch_of(question=["q"] * 4, answer=["a"] * 4, context=contexts, choices=choices)
    phrasings = ["{question}", "{context}|{question}", "{question}|{choices}", "{context}|{question}|{choices}"]
    after = told(batch, stage, task="qa", phrasings=phrasings)
    assert after["instruction"].to_pylist() == ["c|q|A. x\nB. y", "q|A. x", "c|q", "q"]


def test_phrasings_are_all_drawn_and_depend_on_the_record_alone(batch_of: BatchOf, stage: Stage) -> None:
    batch = batch_of(topic=["t"] * 400, text=["x"] * 400)
    after = told(batch, stage, task="generation")["instruction"].to_pylist()
    assert len(set(after)) == 12
    assert told(batch.slice(150), stage, task="generation")["instruction"].to_pylist() == after[150:]
    assert told(batch, replace(stage, seed=3), task="generation")["instruction"].to_pylist() != after
    both = told(batch, stage, task="generation", languages=["en", "zh"])["instruction"].to_pylist()
    assert len(set(both)) == 24


@given(st.text(max_size=20), st.text(max_size=20))
def test_braces_in_the_data_are_text(batch_of: BatchOf, stage: Stage, question: str, answer: str) -> None:
    batch = batch_of(question=[question + "{context}"], answer=[answer])
    after = told(batch, stage, task="qa", phrasings=["<{question}>"])
    assert after["instruction"][0].as_py() == f"<{question}{{context}}>"
    assert after["output"][0].as_py() == answer


def test_messages_and_other_column_names_on_request(batch_of: BatchOf, stage: Stage) -> None:
    batch = batch_of(title=["T", "U"], body=["B", None])
    fields = {"topic": "title", "text": "body"}
    after = told(batch, stage, task="generation", fields=fields, to="messages", phrasings=["On {topic}"])
    assert after.column_names == ["id", "source", "messages"]
    assert after.schema.field("messages").type == MESSAGES
    user = {"role": "user", "content": "On T"}
    assert after["messages"].to_pylist() == [
        [user, {"role": "assistant", "content": "B"}],
        [{**user, "content": "On U"}],
    ]


def test_a_missing_column_and_too_many_labels_are_faults(batch_of: BatchOf, stage: Stage) -> None:
    with pytest.raises(PipelineError, match="has no column 'label'"):
        told(batch_of(text=["a"]), stage, task="classification")
    many = [str(n) for n in range(MOST_LABELS + 1)]
    with pytest.raises(PipelineError, match="more than 200 different labels"):
        told(batch_of(text=many, label=many), stage, task="classification")


@pytest.mark.parametrize(
    "options",
    [{}, {"task": "poetry"}, {"task": "qa", "phrasings": ["Answer."]}, {"task": "qa", "phrasings": ["{text}"]},
     {"task": "qa", "phrasings": ["{answer}"]}, {"task": "qa", "fields": {"topic": "t"}}],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Template(**options)


def questions() -> pa.Table:
    batch = sample("text")
    return batch.rename_columns(["id", "source", "question"]).append_column("answer", batch["text"])


def test_template_conforms() -> None:
    tries = [
        (Template(task="classification"), "classification"),
        (Template(task="classification", languages=["en", "zh"], to="messages"), "classification"),
        (Template(task="qa"), questions()),
        (Template(task="generation", fields={"topic": "question", "text": "answer"}), questions()),
    ]
    for plugin, samples in tries:
        report = check(plugin, samples)
        assert report.faults == ()
        assert [one for one in report.results if one.skipped] == []

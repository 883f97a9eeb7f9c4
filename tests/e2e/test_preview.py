"""`finery preview` and the pre-flight on a real ladder: pre-trained, tuned, preferred."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from places import Place, new_place

pytest.importorskip("torch")
pytest.importorskip("trl")

from finery.cli.preview import preview

WORDS = ["iron", "slag", "bloom", "forge", "anvil", "ember", "tongs", "quench", "temper", "rivet"]
SIZES = "layers = 1\nwidth = 32\nheads = 2\nvocabulary = 400\ncontext = 64\nsteps = 2\nbatch = 4\n"
SHORT = "steps = 1\nbatch = 4\n"
FORGE = [{"text": " ".join(WORDS[(k * s) % 10] for k in range(9 + s))} for s in range(40)]
PIPELINE = f"""
name = "ladder"
[run]
workers = 1
[[source]]
name = "forge"
path = "forge.jsonl"
[[source]]
name = "talks"
path = "talks.jsonl"
[[source]]
name = "likes"
path = "likes.jsonl"
[[stage]]
train = "pretrain"
id = "base"
only = ["forge"]
{SIZES}
[[stage]]
train = "sft"
only = ["talks"]
model = "base"
{SHORT}
[[stage]]
train = "dpo"
only = ["likes"]
model = "sft"
{SHORT}
[[stage]]
train = "kto"
only = ["likes"]
model = "sft"
{SHORT}
[[stage]]
train = "reward"
only = ["likes"]
model = "sft"
{SHORT}
[[stage]]
train = "grpo"
only = ["talks"]
model = "sft"
generations = 2
answer_tokens = 4
rules = [{{ check = "length", words = 2 }}]
{SHORT}
"""


def chat(question: str, answer: str) -> dict[str, Any]:
    """A record with two answers."""
    turns = [("user", question), ("assistant", answer), ("user", "And then?"), ("assistant", "slag")]
    return {"messages": [{"role": role, "content": said} for role, said in turns]}


@pytest.fixture(scope="module")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The whole ladder, run once."""
    place = new_place(tmp_path_factory.mktemp("ladder"))
    place.jsonl("forge.jsonl", FORGE)
    place.jsonl("talks.jsonl", [chat(f"What follows {WORDS[k % 10]}?", WORDS[(k + 3) % 10]) for k in range(30)])
    likes = [{"prompt": f"Say {WORDS[k % 10]} {k}", "chosen": "iron", "rejected": "slag"} for k in range(20)]
    place.jsonl("likes.jsonl", likes)
    place.pipeline(PIPELINE)
    place.good()
    return place


def shown(place: Place, *words: str) -> Any:
    """What a preview shows, as JSON."""
    return json.loads(said(place, *words, "--json"))


def said(place: Place, *words: str) -> str:
    """What a preview prints."""
    file = str(place.folder / "pipeline.toml")
    done = CliRunner().invoke(preview, [file, *words], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.stdout


def text_of(one: dict[str, Any], trained: bool | None = None) -> str:
    """The text of a sequence, or that of what is trained in it."""
    return "".join(piece["text"] for piece in one["pieces"] if trained is None or piece["trained"] == trained)


def metrics(place: Place, stage: str) -> dict[tuple[str, str | None], float]:
    """What a stage's pre-flight left in its artifact."""
    folder = place.root / "artifacts" / place.manifests()[stage]["fingerprint"]
    lines = [line for path in folder.glob("metrics-*.jsonl") for line in path.read_text().splitlines()]
    found = [json.loads(line) for line in lines]
    return {(one["name"], one["source"]): one["value"] for one in found if one["name"].startswith("preflight/")}


def test_every_train_stage_leaves_its_pre_flight(ladder: Place) -> None:
    for stage in ("base", "sft", "dpo", "kto", "reward", "grpo"):
        found = metrics(ladder, stage)
        assert found["preflight/outside_tokens", None] == 0, stage
        assert found["preflight/rows_seconds", None] < 30, stage
    assert metrics(ladder, "base")["preflight/packed_gap", None] < 1e-3
    assert metrics(ladder, "sft")["preflight/packed_gap", None] < 1e-3
    assert metrics(ladder, "dpo")["preflight/endless_answers_share", "likes"] == 0


def test_the_lineage_keeps_it(ladder: Place) -> None:
    import duckdb

    query = "select value from metrics where name = 'preflight/rows' and source = 'talks'"
    with duckdb.connect(str(ladder.root / "lineage.duckdb"), read_only=True) as connection:
        assert (30.0,) in connection.execute(query).fetchall()


def test_a_tuned_stage_shows_the_answers_that_are_trained(ladder: Place) -> None:
    found = shown(ladder, "sft", "--records", "2")
    assert [one["name"] for one in found["shown"]] == ["conversation"] * 2
    for one in found["shown"]:
        first, second = [part for part in text_of(one, trained=True).split("<|im_end|>") if part]
        assert first in WORDS
        assert second == "slag"
        assert sum(piece["opens"] for piece in one["pieces"]) == 4
    assert found["faults"] == []
    assert found["metrics"]["preflight/rows/talks"] == 30


def test_the_numbers_of_a_preview_are_those_of_the_run(ladder: Place) -> None:
    run = {f"{name}/{source}" if source else name: value for (name, source), value in metrics(ladder, "sft").items()}
    seen = shown(ladder, "sft")["metrics"]
    only_with_weights = {"preflight/packed_gap", "preflight/template_seconds", "preflight/rows_seconds"}
    assert seen == {name: value for name, value in run.items() if name not in only_with_weights}


@pytest.mark.parametrize(("plugin", "share"), [("pretrain", 1), ("masked-lm", 0.15), ("electra", 1)])
def test_text_is_shown_as_the_model_reads_it(place: Place, plugin: str, share: float) -> None:
    place.jsonl("forge.jsonl", FORGE)
    place.pipeline(f'[[source]]\nname = "forge"\npath = "forge.jsonl"\n[[stage]]\ntrain = "{plugin}"\n{SIZES}')
    place.good()
    kept = metrics(place, plugin)
    assert kept["preflight/trained_share", "forge"] == pytest.approx(share)
    assert kept["preflight/packed_gap", None] < 1e-3
    found = shown(place, "--records", "1")
    (one,) = found["shown"]
    assert text_of(one).startswith("<|endoftext|>iron")
    assert all(piece["trained"] for piece in one["pieces"])
    assert found["metrics"]["preflight/trained_share/forge"] == pytest.approx(share)
    assert len({part["record"] for row in found["packed"] for part in row}) == len(FORGE)


def test_preferences_show_both_answers(ladder: Place) -> None:
    for stage in ("dpo", "reward"):
        chosen, rejected = shown(ladder, stage, "--records", "1")["shown"]
        assert (chosen["name"], rejected["name"]) == ("chosen", "rejected")
        assert text_of(chosen, trained=True) == "iron<|im_end|>"
        assert text_of(rejected, trained=True) == "slag<|im_end|>"
        assert text_of(chosen, trained=False) == text_of(rejected, trained=False)


def test_single_answers_say_whether_they_are_wanted(ladder: Place) -> None:
    names = [one["name"] for one in shown(ladder, "kto", "--records", "1")["shown"]]
    assert names == ["answer, wanted", "answer, not wanted"]


def test_prompts_end_where_an_answer_begins(ladder: Place) -> None:
    found = shown(ladder, "grpo", "--records", "1")
    (one,) = found["shown"]
    assert one["name"] == "prompt"
    assert text_of(one).endswith("<|im_start|>assistant\n")
    assert not any(piece["trained"] for piece in one["pieces"])
    assert "preflight/trained_share" not in found["metrics"]


def test_a_conversation_that_does_not_fit_is_marked_and_told(ladder: Place) -> None:
    found = shown(ladder, "sft", "--records", "30", "--set", "sft.context=40")
    cut = [one for one in found["shown"] if one["note"].startswith("cut after 41 of ")]
    assert cut
    assert all(any(piece["cut"] for piece in one["pieces"]) for one in cut)
    assert found["metrics"]["preflight/overlong_share/talks"] > 0.5
    short = shown(ladder, "sft", "--records", "1", "--set", "sft.context=8")
    assert short["shown"][0]["note"].startswith("left out: no answer stands within its first 9 of ")
    assert short["faults"][0]["fault"].startswith("can learn nothing from 30 of 30 conversations (record ")


def test_it_is_shown_on_a_page(ladder: Place) -> None:
    lines = said(ladder, "sft", "--records", "1").splitlines()
    assert lines[0] == "train 'sft' (sft), 64 tokens a row at most"
    assert "> <|im_start|>assistant" in lines
    assert "  slag<|im_end|>" in lines
    assert lines[lines.index("  slag<|im_end|>") + 1] == "  ^^^^^^^^^^^^^^"
    assert lines[-1] == "  no fault: the stage would start"


def test_a_template_that_spoils_the_training_stops_the_run(ladder: Place, tmp_path: Path) -> None:
    import shutil

    fingerprint = ladder.manifests()["base"]["fingerprint"]
    folder = shutil.copytree(ladder.root / "artifacts" / fingerprint / "out", ladder.folder / "spoilt")
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace("assistant\n' }}{% endif", "assistant\n<think>' }}{% endif"))
    outcome = ladder.run("--set", "sft.model=spoilt")
    assert outcome.code == 1
    assert (
        "train 'sft': a model is asked with other text than it is trained with before 100% of the answers"
        in outcome.err
    )
    found = shown(ladder, "sft", "--set", "sft.model=spoilt")
    assert found["metrics"]["preflight/renderings_differ_share/talks"] == 1
    assert len(found["faults"]) == 1

"""Pipelines that evaluate: gates that fail a run, the base of a model, evaluations compared, kills."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from places import Place, ended
from processes import kill, until

sys.path.insert(0, str(Path(__file__).parents[1] / "unit/plugins/generate"))

from chat_stub import ChatStub

PROMPTS = "finery_plugins.evaluate.prompts:Prompts"
COMPARE = "finery_plugins.evaluate.compare:Compare"
PLUGINS = '''
"""A train plugin that leaves a tiny model, and an evaluation with a gate."""

from pathlib import Path

import pyarrow as pa

from finery import Evaluation, Fault, Model, ModelName, Stage, hookimpl, plugin


@plugin
class Makes:
    """Leave a model of random weights."""

    number: int = 0
    """What they are drawn with."""

    @hookimpl
    def train(self, out: Path, stage: Stage, model: Model | None) -> Model:
        """The model."""
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        from finery_plugins.train.architecture import fingerprint
        from finery_plugins.train.tokenizer import trained_tokenizer

        tokenizer = trained_tokenizer(["the mill stood above the weir"] * 20, 300, 256)
        torch.manual_seed(self.number)
        ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
        config = LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
            num_attention_heads=2, max_position_embeddings=256, **ids,
        )
        LlamaForCausalLM(config).save_pretrained(out)
        tokenizer.save_pretrained(out)
        return Model(out, stage.id, fingerprint(out), None if model is None else model.fingerprint)


@plugin
class Gate:
    """Count to three, and fail."""

    fails: bool = True
    """Whether it does."""

    @hookimpl
    def evaluate(self) -> Evaluation:
        """Three items."""
        schema = pa.schema([("item", pa.string()), ("source", pa.string())])
        batches = (pa.record_batch({"item": [str(n)], "source": ["s"]}, schema) for n in range(3))
        failures = (Fault("evaluate 'gate'", "fell too far", "look at it"),) if self.fails else ()
        return Evaluation({"items": 3.0}, pa.RecordBatchReader.from_batches(schema, batches), failures)


@plugin
class Names:
    """Tell the other model."""

    against: ModelName
    """It."""

    @hookimpl
    def evaluate(self) -> Evaluation:
        """Whether it lies there."""
        return Evaluation({"there": float((Path(self.against) / "config.json").is_file())})
'''
SOURCE = '[[source]]\nname = "a"\npath = "a.jsonl"\n'
LADDER = """
[[stage]]
train = "mine:Makes"
id = "first"
[[stage]]
train = "mine:Makes"
id = "tuned"
number = 1
"""
GATE = """
[[stage]]
evaluate = "mine:Gate"
id = "gate"
"""


@pytest.fixture
def here(place: Place) -> Place:
    place.jsonl("a.jsonl", [{"text": f"text {number}"} for number in range(5)])
    place.write("mine.py", PLUGINS)
    quiz = [{"prompt": f"mill {n}", "tags": ["even" if n % 2 == 0 else "odd"]} for n in range(8)]
    place.jsonl("quiz.jsonl", [{**row, "checks": [{"check": "regex", "pattern": "[a-e]"}]} for row in quiz])
    return place


@pytest.fixture
def stub() -> Iterator[ChatStub]:
    with ChatStub() as server:
        yield server


def items(place: Place, stage: str) -> list[dict[str, Any]]:
    """The items that a stage kept."""
    folder = place.root / "artifacts" / place.manifests()[stage]["fingerprint"]
    rows: list[dict[str, Any]] = pq.read_table(folder / "items.parquet").to_pylist()
    return rows


def test_a_gate_fails_the_run_after_everything_is_kept(here: Place) -> None:
    here.pipeline(SOURCE + GATE)
    outcome = here.run()
    assert outcome.code == 1
    assert "evaluate 'gate': fell too far: look at it" in outcome.err
    assert "Traceback" not in outcome.err
    assert here.record()["status"] == "failed"
    assert here.manifests()["gate"]["metrics"] == {"items": 3.0}
    with duckdb.connect(str(here.root / "lineage.duckdb"), read_only=True) as lineage:
        assert lineage.execute("select count(*) from items").fetchone() == (3,)


def test_a_gate_that_failed_fails_again_without_running_again(here: Place) -> None:
    here.pipeline(SOURCE + GATE)
    assert here.run().code == 1
    again = here.run()
    assert again.code == 1
    assert "fell too far" in again.err
    assert [stage["reused"] for stage in here.record()["stages"] if stage["id"] == "gate"] == [True]
    here.pipeline(SOURCE + GATE + "fails = false\n")
    assert here.run().code == 0


def test_base_names_what_a_model_was_trained_from(here: Place) -> None:
    here.pipeline(SOURCE + LADDER + '[[stage]]\nevaluate = "mine:Names"\nid = "names"\nagainst = "base"\n')
    assert here.good()["names"]["metrics"] == {"there": 1.0}


def test_a_model_that_was_trained_from_nothing_has_no_base(here: Place) -> None:
    stages = LADDER.partition('[[stage]]\ntrain = "mine:Makes"\nid = "tuned"')[0]
    here.pipeline(SOURCE + stages + '[[stage]]\nevaluate = "mine:Names"\nid = "names"\nagainst = "base"\n')
    outcome = here.run()
    assert outcome.code == 2
    assert "asks for the base of 'first', which was not trained here from another model" in outcome.err


def compare(**options: Any) -> str:
    """A stage that compares."""
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items())
    return f'[[stage]]\nevaluate = "{COMPARE}"\nid = "compared"\n{lines}'


def prompts(name: str, model: str) -> str:
    """A stage that asks the quiz."""
    head = f'[[stage]]\nevaluate = "{PROMPTS}"\nid = "{name}"\nmodel = "{model}"\n'
    return f'{head}file = "quiz.jsonl"\nsampling = {{ max_tokens = 4 }}\n'


def test_both_ways_of_comparing_say_the_same(here: Place) -> None:
    asks = compare(against="base", file="quiz.jsonl") + "sampling = { max_tokens = 4 }\n"
    here.pipeline(SOURCE + LADDER + asks)
    asked = here.good()["compared"]["metrics"]
    assert asked["items"] == 8
    assert asked["items/even"] == 4
    told = sorted(items(here, "compared"), key=lambda row: row["item"])
    reads = compare(before="before", after="after")
    here.pipeline(SOURCE + LADDER + prompts("before", "first") + prompts("after", "tuned") + reads)
    manifests = here.good()
    assert manifests["compared"]["metrics"] == asked
    read = items(here, "compared")
    for name in ("item", "model", "prompt", "answer", "correct"):
        assert [row[name] for row in read] == [row[name] for row in told]
    assert here.runs() == []
    run = here.record()["run"]
    here.pipeline(SOURCE + LADDER + prompts("after", "tuned") + compare(before=f"{run}/before", after="after"))
    assert here.good()["compared"]["metrics"] == asked


def test_a_misspelt_evaluation_is_a_fault_with_its_line(here: Place) -> None:
    here.pipeline(SOURCE + LADDER + prompts("early", "first") + compare(before="erly", after="early"))
    outcome = here.run()
    assert outcome.code == 2
    assert "there is no evaluation 'erly' (did you mean 'early'?)" in outcome.err
    assert "pipeline.toml:" in outcome.err


def test_forgetting_fails_the_run_and_lists_what_was_lost(here: Place, stub: ChatStub) -> None:
    head = {"prompt": "mill", "answer": "a"}
    for name, right in (("one", 8), ("two", 5)):
        rows = [{**head, "prompt": f"{n}", "correct": n < right, "tags": ["general"]} for n in range(8)]
        here.jsonl(f"{name}.jsonl", rows)
    here.pipeline(SOURCE + compare(before="one.jsonl", after="two.jsonl") + "fail_if = { general = -0.02 }\n")
    outcome = here.run()
    assert outcome.code == 1
    assert "accuracy on 'general' changed by -0.3750, the gate is -0.02" in outcome.err
    folder = here.root / "artifacts" / here.manifests()["compared"]["fingerprint"]
    assert len((folder / "out/broken.jsonl").read_text(encoding="utf-8").splitlines()) == 3
    here.jsonl("two.jsonl", [{**head, "prompt": f"{n}", "correct": True, "tags": ["general"]} for n in range(8)])
    assert here.run().code == 0


def test_a_killed_evaluation_goes_on_where_it_stopped(here: Place, stub: ChatStub) -> None:
    stub.seconds = 0.05
    count = 60
    here.jsonl("quiz.jsonl", [{"prompt": f"{n}?", "checks": [{"check": "numeric", "value": 12}]} for n in range(count)])
    server = f'server = {{ url = "{stub.url}", model = "stub", concurrency = 2 }}'
    here.pipeline(f'{SOURCE}[[stage]]\nevaluate = "{PROMPTS}"\nid = "asked"\nfile = "quiz.jsonl"\n{server}\n')
    process = here.start("--workers", "1")
    assert until(lambda: len(stub.requests) >= count // 3)
    kill(process.pid)
    ended(process)
    assert until(lambda: stub.under_way == 0)
    before = len(stub.requests)
    kept = len(list(here.root.glob("artifacts/*/out/answers/*/*.json")))
    assert before - kept <= 2, "only what was under way is lost"
    assert here.good()["asked"]["metrics"]["accuracy"] == 1.0
    assert len(stub.requests) - before == count - kept
    with duckdb.connect(str(here.root / "lineage.duckdb"), read_only=True) as lineage:
        query = "select count(distinct item), min(measures->>'model'), min(measures->>'data') from items"
        assert lineage.execute(query).fetchone() == (count, f"stub@{stub.url}", "quiz")

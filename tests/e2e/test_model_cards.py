"""Model cards: what stands beside the weights, the same bytes wherever and whenever the model was made."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from places import Place, conserve, new_place

from finery.cli.card import card
from finery.errors import UsageError

WORDS = ["iron", "slag", "bloom", "forge", "anvil", "ember", "tongs", "quench", "temper", "rivet"]
PIPELINE = """
seed = 5
[[source]]
name = "plain"
path = "plain.jsonl"
[[source]]
name = "more"
path = "more.jsonl"
[[stage]]
filter = "length"
min_words = 4
[[stage]]
id = "base"
train = "pretrain"
only = ["plain"]
layers = 2
width = 32
heads = 2
vocabulary = 400
context = 64
steps = 12
batch = 4
needs = { cpus = 1 }
lr = 1e-2
[[stage]]
id = "tuned"
train = "pretrain"
only = ["more"]
steps = 6
batch = 4
needs = { cpus = 1 }
[[stage]]
id = "merged"
train = "finery_plugins.train.merge:Merge"
model = "base"
others = ["tuned"]
limit = 10
max_loss_rise = 5.0
needs = { cpus = 1 }
[[stage]]
id = "score"
evaluate = "perplexity"
only = ["plain"]
"""


def text(number: int) -> str:
    """A text that follows a rule."""
    return " ".join(WORDS[(number + 3 * k) % 10] for k in range(12)) + f" {number}."


def prepared(folder: Path) -> Place:
    """The pipeline and its data."""
    made = new_place(folder)
    plain = [{"text": text(n), "license": "mit" if n % 4 else "cc-by-4.0", "language": "en"} for n in range(40)]
    made.jsonl("plain.jsonl", [*plain, {"text": "too | short", "license": "mit", "language": "en"}])
    made.jsonl("more.jsonl", [{"text": text(n)} for n in range(100, 130)])
    made.pipeline(PIPELINE)
    return made


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A pipeline that ran."""
    made = prepared(tmp_path_factory.mktemp("cards") / "p")
    made.good()
    conserve(made)
    return made


def out(place: Place, stage: str) -> Path:
    """The folder of a stage's model."""
    return place.root / "artifacts" / place.manifests()[stage]["fingerprint"] / "out"


def read(place: Place, stage: str) -> tuple[dict[str, Any], str]:
    """A card: what its head says, and its body."""
    _, head, body = (out(place, stage) / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), body


def test_the_head_is_what_the_hub_asks_for(trained: Place) -> None:
    head, _ = read(trained, "base")
    assert head == {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "license": ["mit", "cc-by-4.0"],
        "language": ["en"],
        "tags": ["finery", "pretrain"],
    }


def test_the_body_tells_data_reasons_licences_losses_and_lineage(trained: Place) -> None:
    _, body = read(trained, "base")
    manifests = trained.manifests()
    assert re.search(r"\| base \| plain \| 40 \| 100\.0% \| [\d,]+ \| en \|", body)
    assert "| base | plain | mit | 30 |" in body
    assert "| base | plain | cc-by-4.0 | 10 |" in body
    short = manifests["length"]["after"]["plain"]
    assert f"| plain | length | filter length | 41 | 40 | few-words 1 | `{short}` |" in body
    assert re.search(r"\| all \| \d\.\d+ \| \d\.\d+ \|", body)
    assert f"| base | pretrain | finery 0.1.0 | `{manifests['base']['fingerprint']}` |" in body
    assert manifests["base"]["model"]["fingerprint"] in body
    assert "starts from random weights" in body


def test_a_merged_model_tells_the_data_of_all_that_it_was_made_of(trained: Place) -> None:
    head, body = read(trained, "merged")
    assert "| tuned | more | 30 |" in body
    assert "| base | plain | 40 |" in body
    assert head["license"] == ["mit", "cc-by-4.0"]
    assert "30 of `more` in `tuned`" in body
    assert re.search(r"\| loss_rise \| all \| [-\d.e]+ \|", body)


def test_what_it_says_of_loading_works(trained: Place) -> None:
    _, body = read(trained, "tuned")
    code = body.split("```python\n")[1].split("```")[0].replace("path/to/this/folder", str(out(trained, "tuned")))
    scope: dict[str, Any] = {}
    exec(code, scope)
    assert type(scope["model"]).__name__ == "LlamaForCausalLM"
    assert len(scope["tokenizer"]) == scope["model"].config.vocab_size


def test_another_place_time_and_source_leave_the_same_card(trained: Place, tmp_path: Path) -> None:
    other = prepared(tmp_path / "elsewhere" / "q")
    (other.folder / "plain.jsonl").rename(other.folder / "renamed.jsonl")
    other.jsonl("more.jsonl", [{"text": text(n)} for n in range(100, 110)])
    other.pipeline(PIPELINE.replace('"plain.jsonl"', '"renamed.jsonl"'))
    other.good()
    cards = [(out(place, "base") / "README.md").read_bytes() for place in (trained, other)]
    assert cards[0] == cards[1]
    assert read(trained, "tuned") != read(other, "tuned")
    assert other.folder.name.encode() not in cards[0]
    assert str(trained.record()["run"]).encode() not in cards[0]


def test_the_verb_adds_evaluations_and_runs(trained: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINERY_HOME", str(trained.root))
    found = CliRunner().invoke(card, ["merged"], catch_exceptions=False).stdout
    own = (out(trained, "merged") / "README.md").read_text(encoding="utf-8")
    assert found.startswith(own)
    assert re.search(r"\| score \| bits_per_byte \| plain \| \d\.\d+ \|", found)
    assert trained.record()["run"] in found
    told = json.loads(CliRunner().invoke(card, ["--json"], catch_exceptions=False).stdout)
    assert (told["model"], len(told["runs"])) == ("merged", 1)
    assert {row["name"] for row in told["evaluations"]} >= {"bits_per_byte", "perplexity"}


def test_the_verb_copies_a_model_with_its_card(trained: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINERY_HOME", str(trained.root))
    CliRunner().invoke(card, ["merged", "--to", str(tmp_path / "m")], catch_exceptions=False)
    assert "## Evaluations" in (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    weights = [folder / "model.safetensors" for folder in (tmp_path / "m", out(trained, "merged"))]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert "## Evaluations" not in (out(trained, "merged") / "README.md").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="is not empty"):
        CliRunner().invoke(card, ["base", "--to", str(tmp_path / "m")], catch_exceptions=False, standalone_mode=False)
    with pytest.raises(UsageError, match="was not trained here"):
        CliRunner().invoke(card, [str(tmp_path / "m")], catch_exceptions=False, standalone_mode=False)


def test_a_change_that_costs_too_much_stops_the_run_and_leaves_no_model(trained: Place, tmp_path: Path) -> None:
    shutil.copytree(trained.folder, tmp_path / "p")
    place = Place(tmp_path / "p")
    place.pipeline(
        PIPELINE + '[[stage]]\nid = "cut"\ntrain = "finery_plugins.train.prune:Prune"\nmodel = "base"\nshare = 0.95\n'
        "max_loss_rise = 0.01\nlimit = 10\n"
    )
    outcome = place.run()
    assert outcome.code == 1
    assert re.search(r"train 'cut': the loss rose from \d\.\d+ to \d+\.\d+ nats a token", outcome.err)
    assert "cut" not in place.manifests()
    assert not list(place.root.glob("artifacts/*.partial/out/*.safetensors"))
    place.pipeline(place.folder.joinpath("pipeline.toml").read_text().replace("0.01", "50.0"))
    assert place.good()["cut"]["model"]["base"] == "base"

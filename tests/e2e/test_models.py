"""Models that stages name: an earlier stage's, or a folder's; what they hold is what counts."""

from __future__ import annotations

import pytest
from places import Place

PLUGINS = '''
"""Train plugins that leave one file."""

from pathlib import Path

from finery import Model, ModelName, Stage, hookimpl, plugin


def left(out: Path, stage: Stage, text: str) -> Model:
    """A model of one file."""
    (out / "weights").write_text(text)
    return Model(out, stage.id, text)


@plugin
class Writes:
    """Leave a word."""

    word: str = "a"
    """The word."""

    @hookimpl
    def train(self, out: Path, stage: Stage) -> Model:
        """The word."""
        return left(out, stage, self.word)


@plugin
class Judges:
    """Leave what the named model holds, and the name of the model it starts from."""

    reward: ModelName
    """Another model."""

    @hookimpl
    def train(self, out: Path, stage: Stage, model: Model | None) -> Model:
        """Both."""
        start = "" if model is None else (model.path / "weights").read_text()
        return left(out, stage, start + (Path(self.reward) / "weights").read_text())
'''
SOURCE = '[[source]]\nname = "a"\npath = "a.jsonl"\n'
LADDER = f"""{SOURCE}
[[stage]]
train = "mine:Writes"
id = "base"
word = "b"
[[stage]]
train = "mine:Writes"
id = "judge"
word = "j"
[[stage]]
train = "mine:Judges"
id = "tuned"
model = "base"
reward = "judge"
"""
FOLDER = f"""{SOURCE}
[[stage]]
train = "mine:Judges"
id = "tuned"
model = "start"
reward = "start"
"""


@pytest.fixture
def here(place: Place) -> Place:
    """A source, the plugins, and a model in a folder."""
    place.jsonl("a.jsonl", [{"text": f"text {number}"} for number in range(5)])
    place.write("mine.py", PLUGINS)
    place.write("start/weights", "s")
    place.pipeline(LADDER)
    return place


def trained(place: Place, stage: str = "tuned") -> str:
    """What a stage's model holds."""
    return str(place.good()[stage]["model"]["fingerprint"])


def reused(place: Place) -> dict[str, bool]:
    """Whether each stage was reused in the last run."""
    return {stage["id"]: stage["reused"] for stage in place.record()["stages"]}


def test_an_option_names_an_earlier_stages_model(here: Place) -> None:
    assert trained(here) == "bj"


def test_a_stage_runs_again_when_the_model_its_option_names_does(here: Place) -> None:
    trained(here)
    here.pipeline(LADDER.replace('"j"', '"k"'))
    assert trained(here) == "bk"
    assert reused(here) == {"read-a": True, "base": True, "judge": False, "tuned": False}


def test_a_model_in_a_folder_counts_by_what_it_holds(here: Place) -> None:
    here.pipeline(FOLDER)
    assert trained(here) == "ss"
    assert trained(here) == "ss"
    assert reused(here)["tuned"]
    here.write("start/weights", "other")
    assert trained(here) == "otherother"
    assert not reused(here)["tuned"]


def test_a_folder_of_another_name_but_equal_content_is_the_same_model(here: Place) -> None:
    here.pipeline(FOLDER)
    trained(here)
    (here.folder / "start").rename(here.folder / "begin")
    here.pipeline(FOLDER.replace("start", "begin"))
    trained(here)
    assert reused(here)["tuned"]


def test_a_stages_id_comes_before_a_folder_of_that_name(here: Place) -> None:
    here.write("judge/weights", "folder")
    assert trained(here) == "bj"


def test_a_misspelt_stage_in_an_option_is_a_fault_with_its_line(here: Place) -> None:
    here.pipeline(LADDER.replace('reward = "judge"', 'reward = "jugde"'))
    outcome = here.run()
    assert outcome.code == 2
    assert "pipeline.toml:17: unknown model 'jugde' (did you mean 'judge'?)" in outcome.err

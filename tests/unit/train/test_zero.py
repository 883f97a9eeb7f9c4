"""DeepSpeed's options, and which checkpoints of other workers it reads; what it trains stands in `test_workers`."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from training_samples import MemoryJournal

from finery import Stage, UsageError, World
from finery_plugins.train import checkpoints
from finery_plugins.train.loop import Loop
from finery_plugins.train.sft import Sft
from finery_plugins.train.site import Site
from finery_plugins.train.zero import divided_anew


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"offload": "optimizer"}, "`offload` moves what `zero` divides, which is None"),
        ({"zero": 2, "offload": "parameters"}, "moves what `zero = 3` divides"),
        ({"zero": 3, "early_stopping": {}}, "`early_stopping` keeps whole weights, which no worker has"),
        ({"zero": 1, "folds": 3}, "`folds` trains several models in one process"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Sft(**options)


def test_a_checkpoint_of_other_workers_is_refused_where_it_would_not_be_exact(stage: Stage, tmp_path: Path) -> None:
    site = Site(tmp_path, World(size=4), stage, MemoryJournal())
    checkpoint = tmp_path / "checkpoints" / "checkpoint-2"
    checkpoint.mkdir(parents=True)
    checkpoints.mark(checkpoint, "plan", workers=2)
    with pytest.raises(UsageError, match="was interrupted with 2 workers: no other number reads a checkpoint of `zero"):
        divided_anew(checkpoint, Loop.of(Sft(zero=3)), site)
    assert not divided_anew(checkpoint, Loop.of(Sft(zero=0)), site)
    assert not divided_anew(None, Loop.of(Sft(zero=3)), site)

"""Memory of a training: the error of too little says what to change; what is held counts wherever it fits in."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from training_samples import MemoryJournal

from finery import Stage, WorkError, World
from finery_plugins.train.memory import explained, held, most
from finery_plugins.train.site import Site


@pytest.fixture
def site(tmp_path: Path, stage: Stage) -> Site:
    return Site(tmp_path, World(), stage, MemoryJournal())


def test_an_allocation_that_fails_says_what_to_change(site: Site) -> None:
    fault = r"machine has too little memory.*lower `batch`.*gradient_checkpointing.*zero"
    with pytest.raises(WorkError, match=fault), explained(site):
        torch.empty(1 << 60, dtype=torch.uint8)


def test_a_gpu_without_memory_is_called_one(site: Site) -> None:
    with pytest.raises(WorkError, match="GPU has too little memory"), explained(site):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_other_errors_stay_as_they_are(site: Site) -> None:
    with pytest.raises(RuntimeError, match="shapes"), explained(site):
        raise RuntimeError("shapes do not match")


def test_what_an_earlier_stage_left_free_is_no_room_that_costs_nothing() -> None:
    def blocks() -> list[torch.Tensor]:
        return [torch.ones(16_000) for _ in range(800)]  # 64 kB each, 51 MB in all, from the heap

    earlier = blocks()
    last = earlier[-1].clone()  # at the heap's end: what is below it stays the process's
    del earlier
    before = held(torch.nn.Linear(8, 8))
    if not before[1]:
        pytest.skip("this system does not tell of peaks")
    later = blocks()
    assert (most(before) or 0) > 45e6
    assert len(later) == 800 and len(last)

"""Which run a name means."""

from __future__ import annotations

from pathlib import Path

import pytest
from ledger import Ledger

from finery.errors import UsageError, WorkError
from finery.lineage.runs import find_run, meant
from finery.lineage.store import reading

KNOWN = ["20260103-000000-cccc", "20260102-000000-bbbb", "20260101-000000-aaaa"]


@pytest.mark.parametrize(
    ("name", "place"), [("last", 0), ("last~0", 0), ("last~2", 2), ("20260102", 1), ("20260101-000000-aaaa", 2)]
)
def test_a_name_means_a_run(name: str, place: int) -> None:
    assert meant(name, KNOWN) == KNOWN[place]


@pytest.mark.parametrize(
    ("name", "said"),
    [("202601", "could be 20260103-000000-cccc, "), ("last~3", "there are only 3 runs"), ("nope", "no such run")],
)
def test_a_name_that_means_none_or_several_is_a_usage_error(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        meant(name, KNOWN)


def test_runs_are_ordered_by_when_they_started(ledger: Ledger) -> None:
    ledger.run("20260102-000000-bbbb", [], minute=1)
    ledger.run("20260101-000000-aaaa", [], minute=9)
    with ledger.read() as (_, run):
        assert run.id == "20260101-000000-aaaa"


def test_a_stage_knows_its_sources_in_order_and_whether_it_is_finished(ledger: Ledger) -> None:
    ledger.run("20260101-000000-aaaa", ["short filter f0", "long filter f1"])
    ledger.artifact("f0", "short", "filter", {"z": "rz/z", "a": "ra/a", None: "t0"})
    with ledger.read() as (_, run):
        assert [(stage.id, stage.sources, stage.finished) for stage in run.stages] == [
            ("short", ("z", "a"), True),
            ("long", (), False),
        ]


def test_a_work_folder_where_nothing_ran_is_an_error(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="no lineage here"), reading(tmp_path / "elsewhere"):
        pass
    ledger.write()
    with pytest.raises(UsageError, match="nothing has run here yet"), reading(ledger.root) as connection:
        find_run(connection)

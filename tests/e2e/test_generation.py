"""Pipelines that generate: a server on loopback, kills, caps, another run, and where records come from."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from places import Place, call, conserve, digests, ended, new_place
from processes import kill, session, until

sys.path.insert(0, str(Path(__file__).parents[1] / "unit/plugins/generate"))

from chat_stub import Body, ChatStub

SYNTHESISE = "finery_plugins.format.synthesise:Synthesise"
AUGMENT = "finery_plugins.format.augment:Augment"
CHAIN = "finery_plugins.format.chain:Chain"
RECORDS = 120


@pytest.fixture
def stub() -> Iterator[ChatStub]:
    with ChatStub() as server:
        yield server


def pipeline(place: Place, *stages: str) -> None:
    """A pipeline over seeds, each of which says something else."""
    head = '[[source]]\nname = "seeds"\npath = "seeds.jsonl"\n'
    place.pipeline(head + "".join(f"[[stage]]\n{stage}\n" for stage in stages))


def seeds(place: Place, count: int = RECORDS) -> None:
    place.jsonl(
        "seeds.jsonl", [{"text": f"Seed number {number} tells of mark {number * 37}."} for number in range(count)]
    )


def served(stub: ChatStub, **more: Any) -> str:
    """The option `server` in TOML."""
    options = {"url": stub.url, "model": "stub", "backoff_seconds": 0.001, "concurrency": 4, **more}
    return "server = { " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in options.items()) + " }"


def synthesise(stub: ChatStub, **more: Any) -> str:
    return f'id = "new"\nformat = "{SYNTHESISE}"\n{served(stub, **more)}'


def repeated(stub: ChatStub) -> dict[str, int]:
    """The requests that were sent more than once."""
    counts = Counter(json.dumps(body, sort_keys=True) for body in stub.requests)
    return {body: count for body, count in counts.items() if count > 1}


def test_a_killed_run_pays_for_nothing_twice(tmp_path: Path, stub: ChatStub) -> None:
    place = new_place(tmp_path / "killed")
    seeds(place)
    stub.seconds = 0.03
    pipeline(place, synthesise(stub))
    process = place.start("--workers", "1")
    assert until(lambda: len(stub.requests) >= RECORDS // 3)
    kill(process.pid)
    ended(process)
    assert until(lambda: not session(process.pid))
    assert until(lambda: stub.under_way == 0)
    asked = len(stub.requests)
    kept = len(list(place.root.glob("artifacts/*/out/answers/*/*.json")))
    assert asked < RECORDS
    assert asked - kept <= 4, "only what was under way is lost"
    outcome = ended(place.start("--workers", "1"))
    assert outcome.code == 0, outcome
    assert len(stub.requests) - asked == RECORDS - kept
    assert len(place.table("new", "seeds")) == RECORDS
    conserve(place)

    plain = new_place(tmp_path / "plain")
    seeds(plain)
    pipeline(plain, synthesise(stub))
    assert plain.run().code == 0
    assert comparable(plain) == comparable(place)


def comparable(place: Place) -> dict[str, str]:
    """What a run left, without the account of its requests."""
    return {name: digest for name, digest in digests(place.root).items() if "/out/spent" not in name}


@pytest.mark.parametrize("workers", ["2"])
def test_workers_make_the_same_records(tmp_path: Path, stub: ChatStub, workers: str) -> None:
    tables = []
    for count in ("1", workers):
        place = new_place(tmp_path / count)
        seeds(place, 40)
        pipeline(place, synthesise(stub), f'id = "noisy"\nformat = "{AUGMENT}"\ncolumn = "instruction"\nkeep = false')
        assert place.run("--workers", count).code == 0
        conserve(place)
        tables.append(place.table("noisy", "seeds"))
    assert tables[0].equals(tables[1])


def test_a_cap_ends_the_run_cleanly_and_it_goes_on_when_raised(
    place: Place, stub: ChatStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds(place, 30)
    pipeline(place, synthesise(stub, price_in=1000, price_out=5000, max_cost=2, concurrency=1))  # 0.2 a request
    outcome = place.run()
    assert outcome.code == 1
    assert "has reached max_cost = 2" in outcome.err
    assert "FINERY_MAX_COST" in outcome.err
    assert "Traceback" not in outcome.err
    assert len(stub.requests) == 10
    monkeypatch.setenv("FINERY_MAX_COST", "100")
    assert place.run().code == 0
    assert len(stub.requests) == 30
    assert place.table("new", "seeds")["cost"].to_pylist() == [pytest.approx(0.2)] * 30


def test_a_record_that_is_not_answered_is_a_decision_with_its_error(place: Place, stub: ChatStub) -> None:
    def picky(body: Body) -> str:
        return "" if "number 7 " in body["messages"][0]["content"] else good(body)

    good, stub.answer = stub.answer, picky
    seeds(place, 20)
    pipeline(place, synthesise(stub, retries=1) + "\nmax_bad = 0.1")
    place.good()
    (decision,) = place.decisions("new")
    assert decision["reason"] == "error"
    assert "Unanswered: the answer is empty (2 attempts)" in decision["detail"]
    assert len(place.table("new", "seeds")) == 19
    assert len(stub.requests) == 19 + 2 * 2


def test_a_server_that_is_not_there_ends_the_run_before_records_are_lost(place: Place, stub: ChatStub) -> None:
    seeds(place, 20)
    pipeline(place, synthesise(stub, retries=1, url="http://127.0.0.1:9/v1"))
    outcome = place.run()
    assert outcome.code == 1
    assert "no connection to 127.0.0.1:9" in outcome.err


def test_why_shows_the_chain_from_sample_to_seed(place: Place, stub: ChatStub, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds(place, 3)
    pipeline(place, synthesise(stub), f'id = "noisy"\nformat = "{AUGMENT}"\ncolumn = "instruction"\ntypos = 0.2')
    place.good()
    table = place.table("noisy", "seeds")
    monkeypatch.setenv("FINERY_HOME", str(place.root))
    outcome = call("why", str(table["id"][1].as_py()))
    assert outcome.code == 0, outcome
    assert "seeds.jsonl" in outcome.out
    assert "new" in outcome.out
    assert "noisy" in outcome.out


def test_no_key_is_written_anywhere(place: Place, stub: ChatStub, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.key = "a-key-to-tell-nobody"
    monkeypatch.setenv("STUB_KEY", stub.key)
    seeds(place, 5)
    pipeline(place, synthesise(stub, key="STUB_KEY"))
    place.good()
    holding = [path for path in place.root.rglob("*") if path.is_file() and stub.key.encode() in path.read_bytes()]
    assert holding == []


def test_chains_that_fail_are_decided_by_the_filter_behind(place: Place, stub: ChatStub) -> None:
    rows = [{"instruction": f"What is {number}?", "output": "12" if number % 2 else "13"} for number in range(10)]
    place.jsonl("seeds.jsonl", rows)
    stage = f'id = "chain"\nformat = "{CHAIN}"\nfailed = "mark"\n{served(stub)}'
    pipeline(place, stage, 'filter = "keep"\nwhere = "verdict == \'good\'"')
    place.good()
    assert len(place.decisions("keep")) == 5
    assert len(place.table("keep", "seeds")) == 5


def test_interrupting_stops_within_a_request(tmp_path: Path, stub: ChatStub) -> None:
    place = new_place(tmp_path / "p")
    seeds(place)
    stub.seconds = 0.05
    pipeline(place, synthesise(stub))
    process = place.start("--workers", "1")
    assert until(lambda: len(stub.requests) >= 10)
    began = time.monotonic()
    process.send_signal(2)
    outcome = ended(process)
    assert outcome.code == 130, outcome
    assert time.monotonic() - began < 10
    assert len(stub.requests) < RECORDS

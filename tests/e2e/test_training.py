"""Training by the command: what the lineage then answers about steps, sources and records."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

WORDS = ["iron", "slag", "bloom", "forge", "anvil", "ember", "tongs", "quench", "temper", "rivet"]
PIPELINE = """
[[source]]
name = "plain"
path = "plain.jsonl"
[[source]]
name = "noise"
path = "noise.jsonl"
[[stage]]
id = "base"
train = "pretrain"
layers = 2
width = 32
heads = 2
vocabulary = 400
context = 64
batch = 4
epochs = 3
log_steps = 1
"""

JUMP = """
with losses as (
    select artifact, step, value - lag(value) over (partition by artifact order by step) as jump
    from metrics where name = 'loss' and source is null),
jumped as (from losses where jump is not null order by jump desc limit 1)
select jumped.step, jumped.jump, s.record from jumped join steps s using (artifact, step) order by s.record
"""
STOPPED = """
with halves as (
    select source, avg(value) filter (step > last / 2 and step <= last * 3 / 4) as before,
        avg(value) filter (step > last * 3 / 4) as after
    from metrics, (select max(step) as last from metrics where name = 'loss')
    where name = 'loss' and source is not null group by source)
select source, before - after as gained from halves order by gained
"""
HARDEST = """
select o.source, l.record, l.loss, l.tokens from losses l
join origins o using (record) where l.epoch = (select max(epoch) from losses) order by l.loss desc, l.record limit 10
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run over a source with a rule in it and one without."""
    made = tmp_path_factory.mktemp("training")
    draw = random.Random(1)
    plain = [" ".join(WORDS[(k + 3 * j) % 10] for j in range(12)) + f" {k}." for k in range(60)]
    noise = ["".join(draw.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(30)) for _ in range(20)]
    for name, texts in (("plain", plain), ("noise", noise)):
        (made / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    (made / "pipeline.toml").write_text(PIPELINE)
    finery(made, "run")
    return made


def finery(folder: Path, *words: str) -> str:
    """The command's standard output."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__).with_name("drive.py")), *words]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr if words[0] == "run" else ran.stdout


def asked(folder: Path, query: str) -> list[dict]:
    """The rows of a query."""
    return json.loads(finery(folder, "sql", query, "--json"))


def test_the_records_of_the_step_where_the_loss_jumped(folder: Path) -> None:
    rows = asked(folder, JUMP)
    assert len({row["step"] for row in rows}) == 1
    assert rows[0]["jump"] > 0
    values = asked(folder, "select step, value from metrics where name = 'loss' and source is null order by step")
    jumps = {b["step"]: b["value"] - a["value"] for a, b in pairwise(values)}
    assert rows[0]["step"] == max(jumps, key=jumps.__getitem__)
    known = {row["record"] for row in asked(folder, "select record from origins")}
    assert {row["record"] for row in rows} <= known


def test_the_source_that_stopped_improving(folder: Path) -> None:
    rows = asked(folder, STOPPED)
    assert [row["source"] for row in rows] == ["noise", "plain"]


def test_the_records_with_the_highest_loss(folder: Path) -> None:
    rows = asked(folder, HARDEST)
    assert {row["source"] for row in rows} == {"noise"}
    assert [row["loss"] for row in rows] == sorted((row["loss"] for row in rows), reverse=True)


def test_losses_of_records_are_those_of_the_steps(folder: Path) -> None:
    (told,) = asked(folder, "select sum(loss * tokens) as nats, sum(tokens) as tokens from losses")
    (steps,) = asked(
        folder,
        "select sum(l.value * t.value) as nats, sum(t.value) as tokens from metrics l join metrics t using (step) "
        "where l.name = 'loss' and t.name = 'tokens' and l.source is null and t.source is null",
    )
    assert told["nats"] == pytest.approx(steps["nats"], rel=1e-9)
    assert told["tokens"] == steps["tokens"]
    (epochs,) = asked(folder, "select count(distinct epoch) as epochs, count(*) as rows from losses")
    assert epochs == {"epochs": 3, "rows": 240}


def test_a_default_is_told_with_its_reason(folder: Path) -> None:
    (row,) = asked(folder, "select manifest->>'$.notes[0]' as note from artifacts where stage = 'base'")
    assert row["note"].startswith("lr = 0.0005: 0.001 is usual from scratch, times 0.5: square root of 4 rows")

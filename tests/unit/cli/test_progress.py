"""What a person sees while a run goes on."""

from __future__ import annotations

from finery import Stage
from finery.cli.progress import Progress, finished
from finery.kernel import relay

FATES = {"in": 1200, "kept": 1000, "dropped": 150, "merged": 40, "failed": 10, "born": 0}
STAGE = Stage("length", "filter", "length", 0)


def test_a_finished_stage_is_one_line_with_counts_and_seconds() -> None:
    summary = {"sources": {"a": FATES}, "seconds": 2.5}
    assert finished(summary) == "1,200 -> 1,000, 150 dropped, 40 merged, 10 failed, 2.5 s"


def test_a_reused_stage_says_so() -> None:
    assert finished({"reused": True}) == "reused"


def test_an_evaluation_shows_its_overall_metrics() -> None:
    none = dict.fromkeys(FATES, 0) | {"in": 5, "kept": 5}
    summary = {"sources": {"a": none}, "seconds": 1.0, "metrics": {"bits_per_byte": 1.25, "bits_per_byte/a": 1.3}}
    assert finished(summary) == "5 -> 5, bits_per_byte 1.250, 1.0 s"


def test_a_run_without_a_terminal_is_a_line_a_stage(capsys) -> None:
    hear = relay([Progress()])
    hear.run_started(run="r1", pipeline={})
    hear.stage_started(stage=STAGE, total=10)
    hear.stage_progress(stage=STAGE, done=5, total=10, unit="records", reasons={"few-words": 2})
    hear.stage_finished(stage=STAGE, summary={"sources": {"a": FATES}, "seconds": 1.0})
    hear.run_finished(run="r1", status="done", seconds=1.0)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["run r1", "  length               1,200 -> 1,000, 150 dropped, 40 merged, 10 failed, 1.0 s"]

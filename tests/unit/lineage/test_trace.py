"""What made a model: its ancestors, the sources of each training, the stages behind them."""

from __future__ import annotations

import pytest
from ledger import Ledger, curated, rec

from finery.errors import UsageError
from finery.lineage.trace import Share, Trace, trace_model


@pytest.fixture
def told(ledger: Ledger) -> Ledger:
    """The curated run, its counts and losses, and a tuning behind it."""
    curated(ledger)
    ledger.tally("ra", "a", **{"in": 5, "kept": 4, "failed": 1, "born": 0})
    ledger.tally("f0", "a", **{"in": 4, "kept": 3, "dropped": 1})
    ledger.tally("f0", "a", "reason", **{"few-words": 1})
    ledger.tally("c0", "a", **{"in": 2, "kept": 0, "merged": 2, "born": 3})
    losses = [(1, None, 5.0), (4, None, 4.0), (1, "a", 6.0), (4, "a", 3.0), (4, "b", 2.0)]
    ledger.insert("metrics", *(["t0", "loss", value, step, source] for step, source, value in losses))
    ledger.insert("metrics", ["e0", "bits_per_byte", 1.5, None, None])
    ledger.insert("stages", ["20260101-000000-aaaa", 8, "tune", "train", "sft", "finery 0.1.0", "t1", False, "", True])
    ledger.artifact("t1", "tune", "train", {"b": "m0/b", None: "t0"}, model={"fingerprint": "0badcafe02"})
    return ledger


def trace(ledger: Ledger, name: str) -> Trace:
    """The trace of a model."""
    with ledger.read() as (connection, _):
        return trace_model(connection, ledger.root, name)


def share(ledger: Ledger, source: str) -> Share:
    """What a source gave to the first training."""
    return next(share for share in trace(ledger, "pretrain").trainings[0].shares if share.source == source)


def test_a_model_names_the_models_before_it_in_order(told: Ledger) -> None:
    found = trace(told, "tune")
    assert (found.base, [made.stage for made in found.trainings]) == (None, ["pretrain", "tune"])


def test_a_first_training_may_start_from_a_model_of_elsewhere(told: Ledger) -> None:
    told.insert("inputs", ["t0", None, "Qwen/Qwen3-0.6B", None])
    found = trace(told, "tune")
    assert (found.base, len(found.trainings)) == ("Qwen/Qwen3-0.6B", 2)


def test_records_born_later_count_for_the_source_of_their_ancestor(told: Ledger) -> None:
    assert [share(told, name).records for name in ("a", "b")] == [1, 2]


def test_epochs_are_tokens_over_the_tokens_of_one_pass(told: Ledger) -> None:
    assert (share(told, "a").tokens, share(told, "a").epochs) == (20, 2.0)
    assert (share(told, "b").tokens, share(told, "b").epochs) == (20, 1.0)


def test_losses_are_the_first_and_the_last_by_source(told: Ledger) -> None:
    whole = trace(told, "pretrain").trainings[0]
    assert (whole.first_loss, whole.last_loss, whole.steps) == (5.0, 4.0, 4)
    assert (share(told, "a").first_loss, share(told, "a").last_loss, share(told, "b").last_loss) == (6.0, 3.0, 2.0)


def test_the_stages_behind_a_source_come_from_reading_on_with_their_counts(told: Ledger) -> None:
    passages = share(told, "a").passages
    assert [passage.stage for passage in passages] == ["read-a", "short", "exact", "cut", "mix"]
    counts = [(passage.records_in, passage.records_out) for passage in passages]
    assert [counts[0], counts[1], counts[3]] == [(5, 4), (4, 3), (2, 3)]
    assert passages[1].reasons == {"few-words": 1}


def test_a_mix_tells_its_epochs(told: Ledger) -> None:
    assert [share(told, name).passages[-1].epochs for name in ("a", "b")] == [1, 2]


def test_a_stage_that_did_not_see_a_source_is_not_behind_it(told: Ledger) -> None:
    assert [passage.stage for passage in share(told, "b").passages] == ["read-b", "short", "mix"]


def test_a_training_without_steps_still_names_its_sources(told: Ledger) -> None:
    made = trace(told, "tune").trainings[-1]
    assert (made.steps, [(share.source, share.records, share.epochs) for share in made.shares]) == (0, [("b", 0, None)])


def test_evaluations_of_the_model_are_told(told: Ledger) -> None:
    measured = trace(told, "pretrain").trainings[0].measured
    assert [(row["stage"], row["name"], row["value"]) for row in measured] == [("test", "bits_per_byte", 1.5)]


def test_a_model_is_found_by_its_own_fingerprint_and_by_its_folder(told: Ledger) -> None:
    folder = told.root / "artifacts/t0/out"
    folder.mkdir(parents=True)
    assert [trace(told, name).trainings[-1].artifact for name in ("feedbe", str(folder))] == ["t0", "t0"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("pretran", "did you mean 'pretrain'"), ("feed", "no such model"), ("short", "trained were pretrain, tune")],
)
def test_what_is_no_model_is_a_usage_error(told: Ledger, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        trace(told, name)


def test_a_training_that_is_not_finished_is_a_usage_error(ledger: Ledger) -> None:
    ledger.run("20260101-000000-aaaa", ["pretrain train t9"])
    with pytest.raises(UsageError, match="not trained yet"):
        trace(ledger, "pretrain")


def test_a_record_merged_from_several_counts_once(told: Ledger) -> None:
    told.insert("parents", ["c0", rec(31), rec(4)])
    assert share(told, "a").records == 1

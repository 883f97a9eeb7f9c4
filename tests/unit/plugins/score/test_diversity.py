"""The score `diversity` says how far records are from others, in what topic, and whom they name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from finery import Stage, Tally
from finery.testing import check
from finery.testing.dataset import MemoryDataset
from finery_plugins.score.diversity import Diversity
from finery_plugins.score.topics import Sample, clustered, nearest_topic
from finery_plugins.text.embedding import Embedding, cosines

BatchOf = Callable[..., pa.Table]

METALS = [
    "copper melts and tin melts",
    "tin and copper and zinc melt",
    "copper zinc and tin",
    "molten copper, tin, zinc",
]
TIDES = [
    "the tide rises at the harbour",
    "harbour tides rise twice",
    "a tide falls in the harbour",
    "tides of a harbour",
]


def scored(plugin: Diversity, stage: Stage, *batches: pa.Table) -> tuple[dict[str, list[Any]], Tally]:
    state, tally = plugin.prepare(dataset=MemoryDataset(batches), stage=stage), Tally()
    answers = [plugin.score(batch=batch, state=state, tally=tally) for batch in batches]
    return {name: [v for one in answers for v in one[name].to_pylist()] for name in answers[0]}, tally


def with_ids(batch: pa.Table, first: int) -> pa.Table:
    ids = pa.array([bytes(8) + (first + row).to_bytes(8, "big") for row in range(len(batch))], pa.uuid())
    return batch.set_column(0, "id", ids)


def test_distances_are_those_to_the_nearest_others(batch_of: BatchOf, stage: Stage) -> None:
    texts = [*METALS, *TIDES]
    batch = batch_of(text=texts)
    plugin = Diversity(neighbours=3)
    state = plugin.prepare(dataset=MemoryDataset((batch,)), stage=stage)
    vectors = Embedding(weights=Sample.of(state).weights).vectors(pa.array(texts, pa.large_string()))
    found = plugin.score(batch=batch, state=state, tally=Tally())
    for row in range(len(texts)):
        others = [at for at in range(len(texts)) if at != row]
        near = sorted(1 - float(cosines(vectors[[row]], vectors[[at]])[0]) for at in others)
        assert found["neighbour_distance"][row].as_py() == pytest.approx(near[0], abs=1e-12)
        assert found["neighbourhood_distance"][row].as_py() == pytest.approx(sum(near[:3]) / 3, abs=1e-12)


def test_a_copy_has_no_distance_and_a_record_alone_has_none_to_tell(batch_of: BatchOf, stage: Stage) -> None:
    found, _ = scored(Diversity(), stage, batch_of(text=["copper and tin", "Copper and tin!", "tides of a harbour"]))
    assert found["neighbour_distance"][:2] == [0.0, 0.0]
    assert found["neighbour_distance"][2] > 0.5
    found, _ = scored(Diversity(), stage, batch_of(text=["copper and tin"]))
    assert found["neighbour_distance"] == found["neighbourhood_distance"] == [None]


def test_topics_gather_what_is_alike(batch_of: BatchOf, stage: Stage) -> None:
    found, _ = scored(Diversity(topics=2), stage, batch_of(text=[*METALS, *METALS, *TIDES]))
    topics = found["topic"]
    assert len(set(topics[:8])) == len(set(topics[8:])) == 1
    assert topics[0] != topics[8]
    assert found["topic_share"] == [8 / 12] * 8 + [4 / 12] * 4


def test_a_topic_is_spread_over_the_sources_that_it_comes_from(batch_of: BatchOf, stage: Stage) -> None:
    one, other = batch_of("one", text=[*METALS, *TIDES[:1]]), with_ids(batch_of("other", text=TIDES[1:]), 100)
    found, _ = scored(Diversity(topics=2), stage, one, other)
    spread = dict(zip(found["topic"], found["topic_source_spread"], strict=True))
    shares = (1 / 4, 3 / 4)
    assert spread[found["topic"][0]] == 0
    assert spread[found["topic"][-1]] == pytest.approx(-sum(p * math.log(p) for p in shares) / math.log(2))


def test_one_source_has_no_spread(batch_of: BatchOf, stage: Stage) -> None:
    found, _ = scored(Diversity(), stage, batch_of(text=METALS))
    assert found["topic_source_spread"] == [None] * 4


def test_a_record_without_words_has_no_distance_and_is_nobodys_neighbour(batch_of: BatchOf, stage: Stage) -> None:
    found, _ = scored(Diversity(), stage, batch_of(text=["!", "copper and tin", None, "copper"]))
    names = ("neighbour_distance", "neighbourhood_distance", "topic", "topic_share")
    assert [[found[name][row] is None for name in names] for row in range(4)] == [[True] * 4, [False] * 4] * 2


def test_the_sample_bounds_what_is_kept_and_not_what_is_scored(batch_of: BatchOf, stage: Stage) -> None:
    batch = batch_of(text=[f"word{number} and copper" for number in range(50)])
    state = Diversity(sample=10).prepare(dataset=MemoryDataset((batch,)), stage=stage)
    assert len(Sample.of(state).ids) == 10
    found = Diversity(sample=10).score(batch=batch, state=state, tally=Tally())
    assert found["neighbour_distance"].null_count == 0


def test_the_tally_reports_who_is_spoken_of(batch_of: BatchOf, stage: Stage) -> None:
    found, tally = scored(Diversity(), stage, batch_of(text=["She and her sister.", "He knew.", "The mill."]))
    assert found["groups"] == [["gender/female"], ["gender/male"], []]
    assert tally == {
        "terms gender/female": 3,
        "records gender/female": 1,
        "terms gender/male": 1,
        "records gender/male": 1,
    }


def test_lists_can_be_left_out_and_added(batch_of: BatchOf, stage: Stage, tmp_path: Any) -> None:
    (tmp_path / "trades.txt").write_text("smith\ttrade/smith\n", encoding="utf-8")
    plugin = Diversity(languages=[], terms=[str(tmp_path / "trades.txt")])
    found, _ = scored(plugin, stage, batch_of(text=["She is a smith.", "She is here."]))
    assert found["groups"] == [["trade/smith"], []]


def test_clusters_are_the_best_that_their_centres_allow() -> None:
    draw = np.random.default_rng(7)
    homes = draw.integers(-100, 101, (4, 32))
    vectors = np.clip(np.repeat(homes, 25, axis=0) + draw.integers(-10, 11, (100, 32)), -127, 127).astype(np.int8)
    centres = clustered(vectors, 4)
    topics = nearest_topic(vectors, centres)
    assert [len(set(topics[start : start + 25].tolist())) for start in (0, 25, 50, 75)] == [1] * 4
    assert len(set(topics.tolist())) == 4


def test_no_records_make_a_state_that_scores_no_records(batch_of: BatchOf, stage: Stage) -> None:
    none = batch_of(text=["a"]).slice(0, 0)
    state = Diversity().prepare(dataset=MemoryDataset((none,)), stage=stage)
    types = {name: values.type for name, values in Diversity().score(batch=none, state=state, tally=Tally()).items()}
    full, _ = pa.float64(), None
    assert types == {
        "neighbour_distance": full,
        "neighbourhood_distance": full,
        "topic": pa.int64(),
        "topic_share": full,
        "topic_source_spread": full,
        "groups": pa.list_(pa.string()),
    }


def test_it_keeps_the_contract() -> None:
    report = check(Diversity(sample=20), ["text", "messages"])
    assert [str(fault) for fault in report.faults] == []

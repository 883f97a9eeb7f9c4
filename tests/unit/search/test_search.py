"""Search: words and phrases in any script, counts that are exact, equal scores in the order of the records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "train"))

pytest.importorskip("tantivy")

from training_samples import dataset

from finery.search.index import Lookup

TEXTS = {
    "general": {
        "text": [
            "The old mill stands above the weir.",
            "Der Müller mahlt; the MILL, above all, stands still.",
            "春天的水从山上流下来",
            "水車は川の上にある",
            "a mill",
            "a mill",
            "",
        ]
    },
    "chats": {
        "messages": [
            [{"role": "user", "content": "Where is the mill?"}, {"role": "assistant", "content": "Above the weir."}],
            [{"role": "user", "content": "山上有什么"}, {"role": "assistant", "content": "有水"}],
        ]
    },
}


def lookup(folder: Path, sources: Any = TEXTS) -> Lookup:
    """A search of the texts."""
    return Lookup(dataset(sources), folder, "test")


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Lookup:
    return lookup(tmp_path_factory.mktemp("search"))


def texts(found: Any) -> list[str]:
    return [hit.text for hit in found.hits]


def test_words_rank_the_record_that_holds_most_of_them_first(search: Lookup) -> None:
    found = search.about("mill weir stands above")
    assert texts(found)[0] == "The old mill stands above the weir."
    assert found.total == 5
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)


def test_a_phrase_wants_words_that_follow_each_other_whatever_stands_between(search: Lookup) -> None:
    assert texts(search.phrase("above the weir")) == [
        "The old mill stands above the weir.",
        "Where is the mill?\nAbove the weir.",
    ]
    assert search.phrase("mill above all").total == 1
    assert search.phrase("weir the above").total == 0


def test_scripts_without_spaces_are_searched_by_runs_of_characters(search: Lookup) -> None:
    assert set(texts(search.phrase("山上"))) == {"春天的水从山上流下来", "山上有什么\n有水"}
    assert search.phrase("上山").total == 0
    assert texts(search.about("山上的水"))[0] == "春天的水从山上流下来"
    assert search.phrase("川の上").total == 1


def test_words_beside_a_phrase_must_stand_in_the_record(search: Lookup) -> None:
    assert search.phrase("weir", beside=["where", "mill"], least=2).total == 1
    assert search.phrase("weir", beside=["where", "old"]).total == 2
    assert search.phrase("weir", beside=["nowhere"]).total == 0


def test_runs_score_by_how_many_of_them_a_record_has(search: Lookup) -> None:
    found = search.runs("the old mill stands beside the weir", 3)
    assert [(hit.text, round(hit.score, 3)) for hit in found.hits] == [("The old mill stands above the weir.", 0.4)]


def test_equal_scores_come_in_order_of_the_records(tmp_path: Path) -> None:
    many = lookup(tmp_path, {"many": {"text": ["a mill"] * 300 + ["a mill house"]}})
    ids = [str(one) for batch in many.dataset.batches() for one in batch["id"].to_pylist()]
    found = many.about("mill", most=7)
    assert found.total == 301
    assert len({hit.score for hit in found.hits}) == 1
    assert many.about("mill", most=300).hits[:7] == found.hits
    assert [hit.record for hit in found.hits] == ids[:7]


def test_a_source_can_be_named(search: Lookup) -> None:
    assert {hit.source for hit in search.about("mill").hits} == {"general", "chats"}
    own = search.about("mill", sources=["chats"])
    assert (own.total, [hit.source for hit in own.hits]) == (1, ["chats"])
    assert own.hits[0].score == next(hit.score for hit in search.about("mill").hits if hit.source == "chats")


def test_who_speaks_is_no_text(search: Lookup) -> None:
    assert search.phrase("assistant").total == 0


def test_nothing_is_found_by_no_words(search: Lookup) -> None:
    assert [search.about("?!").total, search.phrase(" ").total, search.runs("", 3).total] == [0, 0, 0]


def test_an_index_is_built_once_and_a_broken_one_again(tmp_path: Path) -> None:
    assert lookup(tmp_path).phrase("mill").total == 5
    (folder,) = (tmp_path / "search").iterdir()
    before = sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir())
    assert lookup(tmp_path).phrase("mill").total == 5
    assert sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir()) == before
    (folder / "index.json").unlink()  # what a kill leaves: the folder has its name only when all is written
    assert lookup(tmp_path).phrase("mill").total == 5
    assert (folder / "index.json").is_file()

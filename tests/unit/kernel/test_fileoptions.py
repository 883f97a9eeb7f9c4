"""Options that name files: found beside the pipeline, counted by what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from finery import File, HubFile, PipelineError, plugin
from finery.fileoptions import contents, file_options, path_digest, resolved


@plugin
class Reads:
    """Name files in every way."""

    one: File = "a"
    """A file."""
    several: list[File] | None = None
    """Some."""
    named: dict[str, File] | None = None
    """By name."""
    hub: HubFile | None = None
    """A folder or a hub name."""
    word: str = "a"
    """No file."""


def test_files_are_found_by_their_type_alone_in_lists_tables_and_choices() -> None:
    assert {name: mark.hub for name, mark in file_options(Reads).items()} == {
        "one": False, "several": False, "named": False, "hub": True,
    }  # fmt: skip


def test_paths_start_from_the_pipeline(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    given = {"one": "x/a", "several": ["b"], "named": {"c": "d"}, "hub": "model", "word": "a"}
    at = str(tmp_path.resolve())
    assert resolved(Reads, given, tmp_path) == {
        "one": f"{at}/x/a", "several": [f"{at}/b"], "named": {"c": f"{at}/d"}, "hub": f"{at}/model", "word": "a",
    }  # fmt: skip


def test_urls_and_hub_names_stay(tmp_path: Path) -> None:
    given = {"one": "s3://bucket/a", "hub": "org/name"}
    assert resolved(Reads, given, tmp_path) == given
    assert contents(Reads, given, "p") == given


def test_what_a_file_holds_counts_and_not_where_it_lies(tmp_path: Path) -> None:
    for name, text in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / name).write_text(text)
    a, b, c = (contents(Reads, {"one": str(tmp_path / name)}, "p") for name in "abc")
    assert a == b != c


def test_a_glob_counts_by_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1")
    before = contents(Reads, {"one": str(tmp_path / "*.txt")}, "p")
    (tmp_path / "b.txt").write_text("2")
    assert contents(Reads, {"one": str(tmp_path / "*.txt")}, "p") != before


def test_a_file_that_is_not_there_is_a_fault_with_its_option(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="p:3: option 'one': there is no file"):
        contents(Reads, {"one": str(tmp_path / "no")}, "p:3")


def test_a_known_file_is_not_read_again_until_it_changes(tmp_path: Path) -> None:
    model = tmp_path / "model"
    known: dict[str, object] = {}
    model.mkdir()
    (model / "weights").write_text("1")
    first = path_digest(model, known)
    (key,) = known
    known[key] = {"digest": "kept"}
    assert path_digest(model, known) != first
    (model / "weights").write_text("22")
    assert path_digest(model, known) == path_digest(model) != first


def test_a_folder_counts_by_the_names_in_it_too(tmp_path: Path) -> None:
    for name, file in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("1")
    a, b, c = (path_digest(tmp_path / name) for name in "abc")
    assert a == b != c

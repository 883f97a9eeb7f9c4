"""Arrays are worked out once a machine, and any damage to what is kept costs no more than the work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from finery_plugins.text.stored import cache_folder, source, stored, stored_table


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_folder()


def made(times: list[int]) -> dict[str, np.ndarray]:
    times.append(1)
    return {"numbers": np.arange(5, dtype=np.uint16), "names": np.array(["a", "bc"]), "one": np.array(0.5)}


def test_arrays_are_worked_out_once() -> None:
    times: list[int] = []
    first, second = (stored("x", b"origin", lambda: made(times)) for _ in range(2))
    assert len(times) == 1
    for name, array in first.items():
        assert array.dtype == second[name].dtype
        assert array.tolist() == second[name].tolist()


def test_what_is_kept_is_not_copied_into_memory() -> None:
    for _ in range(2):
        table = stored_table("x", b"", lambda: np.arange(5))
    assert isinstance(table.base, np.memmap)
    assert type(table) is np.ndarray


def test_an_array_of_nothing_is_kept() -> None:
    times: list[int] = []
    for _ in range(2):
        found = stored("x", b"", lambda: times.append(1) or {"none": np.zeros((0, 2))})  # type: ignore[func-returns-value]
        assert found["none"].shape == (0, 2)
    assert len(times) == 1


def test_another_origin_is_another_array() -> None:
    made = [(b"a", np.zeros(2)), (b"b", np.ones(2)), (b"a", np.full(2, 2))]
    tables = [stored_table("x", origin, table.copy) for origin, table in made]
    assert [table.tolist() for table in tables] == [[0, 0], [1, 1], [0, 0]]


def test_what_is_kept_is_read_only_from_the_start() -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="read-only"):
            stored_table("x", b"", lambda: np.zeros(2))[0] = 1


def test_a_damaged_file_is_worked_out_again(cache: Path) -> None:
    stored_table("x", b"", lambda: np.zeros(2))
    (file,) = cache.glob("x-*/table.npy")
    file.write_bytes(file.read_bytes()[:-3])
    assert stored_table("x", b"", lambda: np.ones(2)).tolist() == [1, 1]
    assert stored_table("x", b"", lambda: np.zeros(2)).tolist() == [1, 1]


def test_a_folder_without_a_file_is_worked_out_again(cache: Path) -> None:
    stored_table("x", b"", lambda: np.zeros(2))
    (file,) = cache.glob("x-*/table.npy")
    file.unlink()
    assert stored_table("x", b"", lambda: np.ones(2)).tolist() == [1, 1]


def test_a_folder_that_cannot_be_written_is_no_fault(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_text("no folder")
    assert stored_table("x", b"", lambda: np.ones(2)).tolist() == [1, 1]


def test_nothing_half_written_is_left(cache: Path) -> None:
    stored("x", b"", lambda: made([]))
    assert len(list(cache.iterdir())) == 1


def test_the_folder_is_the_users_where_no_other_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/of/somebody")
    assert cache_folder() == Path("/home/of/somebody/.cache/finery")


def test_sources_differ_wherever_they_are_cut(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("ab", "c", "a", "bc")}
    for name, file in files.items():
        file.write_text(name)
    assert source(str(files["ab"]), str(files["c"])) != source(str(files["a"]), str(files["bc"]))

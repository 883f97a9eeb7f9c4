"""A store: what is there is whole, artifacts come with their manifest last, and one run at a time works in it."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "e2e"))

from buckets import bucket

from finery.data import lease
from finery.data.artifacts import Artifacts
from finery.data.store import Store, store_at
from finery.errors import MissingExtra, WorkError

__all__ = ["bucket"]


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store on the disk, or in a bucket."""
    if request.param == "folder":
        return Store(str(tmp_path / "store"))
    return Store(f"{request.getfixturevalue('bucket')}/{tmp_path.name}")


def test_what_was_put_can_be_got_under_its_name(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    store.put(tmp_path / "a", "artifacts/f/a")
    assert store.get("artifacts/f/a", tmp_path / "b" / "a")
    assert (tmp_path / "b" / "a").read_bytes() == b"one"
    assert not store.get("artifacts/f/b", tmp_path / "c")
    assert not store.get("artifacts/f/b", tmp_path / "d" / "b") and not (tmp_path / "d").exists()
    assert store.files("artifacts/f") == {"a": 3}
    assert store.read("artifacts/f/b") is None
    store.remove(["artifacts/f/a", "artifacts/f/b"])
    assert store.files("artifacts") == {}


def test_an_artifact_is_there_for_others_when_its_manifest_is(store: Store, tmp_path: Path) -> None:
    mine, theirs = Artifacts(tmp_path / "mine", store), Artifacts(tmp_path / "theirs", store)
    folder = mine.partial("f")
    (folder / "shard-00000.json").write_text("[1]")
    (folder / "out").mkdir()
    (folder / "out" / "model").write_text("weights")
    mine.keep("f", [folder / "shard-00000.json"])
    assert theirs.manifest("f") is None
    assert theirs.json("f", "shard-00000.json") == [1]
    mine.commit("f", {"fingerprint": "f"})
    assert theirs.manifest("f") == {"fingerprint": "f"}
    assert (theirs.fetch_folder("f", "out") / "model").read_text() == "weights"
    assert theirs.fetch("f", ["shard-*"])[0].read_text() == "[1]"


def test_an_artifact_older_than_its_store_is_shared_when_it_is_reused(store: Store, tmp_path: Path) -> None:
    alone = Artifacts(tmp_path / "mine")
    (alone.partial("f") / "data-00000.parquet").write_text("rows")
    alone.commit("f", {"fingerprint": "f"})
    mine, theirs = Artifacts(tmp_path / "mine", store), Artifacts(tmp_path / "theirs", store)
    assert theirs.manifest("f") is None
    mine.share("f")
    assert theirs.manifest("f") == {"fingerprint": "f"}
    assert theirs.file("f/data-00000.parquet").read_text() == "rows"


def test_what_is_discarded_is_gone_in_both_places(store: Store, tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "mine", store)
    for name in ("keys-00000.parquet", "data-00000.parquet"):
        (artifacts.partial("f") / name).write_text(name)
    artifacts.keep("f", artifacts.partial("f").iterdir())
    artifacts.discard("f", ["keys-*"])
    assert list(store.files("artifacts/f")) == ["data-00000.parquet"]
    assert [path.name for path in artifacts.partial("f").iterdir()] == ["data-00000.parquet"]


def test_a_second_run_is_refused_and_a_dead_ones_word_grows_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path / "store"))
    for name, seconds in (("BEAT_SECONDS", 0.05), ("DEAD_SECONDS", 0.5), ("SETTLE_SECONDS", 0.01)):
        monkeypatch.setattr(lease, name, seconds)
    with (
        lease.leased(store),
        pytest.raises(WorkError, match=rf"another run \(process \d+ on {socket.gethostname()}\) works with this store"),
        lease.leased(store),
    ):
        raise AssertionError
    assert store.files("") == {}
    store.write(lease.NAME, json.dumps({"token": "x", "host": "another", "process": 1, "beat": 7}).encode())
    with lease.leased(store):
        assert threading.active_count() > 1
    assert store.files("") == {}


def test_a_bucket_that_is_not_there_is_one_line(bucket: str) -> None:
    with pytest.raises(
        WorkError, match=r"\[run\] store 's3://nowhere/x': cannot be used: .*bucket.*: is the address right"
    ):
        Store("s3://nowhere/x").write("lock.json", b"")


def test_keys_that_the_bucket_does_not_know_are_one_line_and_cost_nothing(bucket: str) -> None:
    store = Store(f"{bucket}/keys")
    guarded(True)
    try:
        with pytest.raises(WorkError, match=rf"\[run\] store '{bucket}/keys': cannot be used: .*credentials\?"):
            store.write("a", b"1")
    finally:
        guarded(False)
    store.write("a", b"1")
    assert store.read("a") == b"1"


def guarded(closed: bool) -> None:
    """Let the server look at keys, of which it knows none, or at none."""
    place = f"{os.environ['AWS_ENDPOINT_URL']}/moto-api/reset-auth"
    plain = {"Content-Type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(place, b"0" if closed else b"inf", plain, method="POST")).close()


def test_a_place_that_nobody_knows_is_one_line() -> None:
    with pytest.raises((WorkError, MissingExtra), match=r"\[run\] store 'nfs5://a/b': cannot be used: .*nfs5"):
        Store("nfs5://a/b").read("x")


def test_a_path_starts_from_the_pipelines_folder(tmp_path: Path) -> None:
    assert store_at("../kept", tmp_path / "p") == Store(str(tmp_path / "kept"))
    assert store_at("s3://a/b", tmp_path) == Store("s3://a/b")
    assert store_at(None, tmp_path) is None

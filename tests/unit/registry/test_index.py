"""Indexes: their faults with lines, folders, files and URLs, which goes first, and names that clash."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from forge import SOUND, Dist

from finery import FineryError, UsageError
from finery_registry.cli.index import index as build
from finery_registry.fetch import fetch, refuse_plain, shown
from finery_registry.index import BUNDLED, read_index
from finery_registry.indexes import listed_names, read_indexes
from finery_registry.schema import read_entry

HASH = "0" * 64


def written(folder: Path, *dists: Dist) -> Path:
    """A folder with the entries of distributions."""
    folder.mkdir(parents=True, exist_ok=True)
    for dist in dists:
        (folder / f"{dist.name}.toml").write_text(dist.text(HASH), encoding="utf-8")
    return folder


def test_the_community_s_own_entries_have_no_faults() -> None:
    found = read_index("community")
    assert found.faults == ()
    assert {listing.name for listing in found.entries} == {path.stem for path in BUNDLED.glob("*.toml")}


def test_every_fault_of_an_entry_is_told_with_its_line_and_a_remedy() -> None:
    text = SOUND.but(entry={"release.sha256": '"abc"', "release.version": '"one"', "provides.hook": '"filtr"'}).text(
        HASH
    )
    entry, faults = read_entry(text + "colour = 1\n", "entries/acme-short.toml", "acme-short")
    assert entry is None
    lines = text.splitlines()
    places = {word: lines.index(f'{word} = "{value}"') + 1 for word, value in
              (("sha256", "abc"), ("version", "one"), ("hook", "filtr"))}  # fmt: skip
    told = {fault.place: fault for fault in faults}
    for word, line in places.items():
        fault = told[f"entries/acme-short.toml:{line}"]
        assert word in fault.fault
        assert fault.remedy
    assert "unknown key 'colour'" in told[f"entries/acme-short.toml:{len(lines) + 1}"].fault


def test_what_stands_twice_is_told() -> None:
    text = SOUND.text(HASH)
    releases = text[text.index("[[release]]") :]
    provides = text[text.index("[[provides]]") : text.index("[[release]]")]
    _, faults = read_entry(text + releases + provides, "x.toml")
    assert [fault.fault for fault in faults] == ["filter 'short' stands twice", "release 1.0.0 stands twice"]


def test_an_entry_with_faults_is_left_out_and_spoils_no_other(tmp_path: Path) -> None:
    folder = written(tmp_path / "mine", SOUND, SOUND.but(name="acme-bad", entry={"licence": '"whatever"'}))
    found = read_indexes([str(folder)])
    assert "acme-short" in found.listings
    assert "acme-bad" not in found.listings
    assert any("acme-bad.toml:4: licence 'whatever'" in str(fault) for fault in found.faults)


def test_what_changed_since_it_was_read_is_read_again(tmp_path: Path) -> None:
    folder = written(tmp_path / "mine", SOUND)
    assert read_index(str(folder)).entries[0].releases[0].version == "1.0.0"
    file = folder / "acme-short.toml"
    before = file.stat()
    file.write_text(file.read_text(encoding="utf-8").replace('"1.0.0"', '"1.0.1"'), encoding="utf-8")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert read_index(str(folder)).entries[0].releases[0].version == "1.0.1"
    file.unlink()
    written(folder, SOUND.but(name="acme-other"))
    assert [listing.name for listing in read_index(str(folder)).entries] == ["acme-other"]


def test_a_cache_that_is_damaged_is_made_anew(tmp_path: Path) -> None:
    folder = written(tmp_path / "mine", SOUND)
    read_index(str(folder))
    (kept,) = (tmp_path / "cache").rglob("*.json")
    kept.write_text("{", encoding="utf-8")
    assert [listing.name for listing in read_index(str(folder)).entries] == ["acme-short"]


def test_a_checkout_s_entries_are_found_in_it(tmp_path: Path) -> None:
    written(tmp_path / "registry" / "finery_registry" / "entries", SOUND)
    assert [listing.name for listing in read_index(str(tmp_path)).entries] == ["acme-short"]


@pytest.mark.parametrize(
    ("place", "reason"), [("nowhere", "there is no such index"), ("empty", "has no entries"), ("x.json", "no JSON")]
)
def test_a_place_that_is_no_index_is_refused(place: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.json").write_text("name = 'acme'", encoding="utf-8")
    with pytest.raises(UsageError, match=reason):
        read_index(str(tmp_path / place))


def test_options_go_before_the_environment_and_that_before_the_config_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {"config": "1.0", "environment": "2.0", "option": "3.0"}
    places = {word: str(written(tmp_path / f"{word} index", SOUND.but(version=v))) for word, v in versions.items()}
    (tmp_path / "config.toml").write_text(f"index = [{json.dumps(places['config'])}]\n", encoding="utf-8")
    assert read_indexes().listings["acme-short"].releases[0].version == "1.0"
    monkeypatch.setenv("FINERY_INDEX", f"{places['environment']}; ")
    assert read_indexes().listings["acme-short"].releases[0].version == "2.0"
    found = read_indexes([places["option"]])
    assert found.listings["acme-short"].releases[0].version == "3.0"
    told = [str(fault) for fault in found.faults]
    assert sum("'acme-short' is listed by" in fault for fault in told) == 2
    assert "acme-letters" in found.listings


def test_a_config_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for text, reason in (("index = 3", "no list of texts"), ("index = ", "cannot be read")):
        (tmp_path / "config.toml").write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=reason):
            read_indexes()


def test_a_plugin_that_two_distributions_provide_is_told_and_must_be_named_by_its_distribution(tmp_path: Path) -> None:
    folder = written(tmp_path / "mine", SOUND, SOUND.but(name="acme-other"))
    found = read_indexes([str(folder)])
    assert any("filter 'short' is provided by acme-other, acme-short" in str(fault) for fault in found.faults)
    with pytest.raises(UsageError, match="is provided by acme-other, acme-short"):
        found.find("short")
    assert found.find("Acme.Short").name == "acme-short"


def test_a_name_that_is_almost_right_is_asked_about() -> None:
    with pytest.raises(UsageError, match="did you mean 'letters'"):
        read_indexes().find("leters")


Answers = dict[str, tuple[int, dict[str, str], bytes]]


@contextmanager
def served(answers: Answers) -> Iterator[str]:
    """The URL of a server on this machine that answers by path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, headers, body = answers.get(self.path, (404, {}, b""))
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_index_that_was_built_is_read_from_a_url(tmp_path: Path) -> None:
    folder = written(tmp_path / "mine", SOUND)
    build.main([str(folder), "--out", str(tmp_path / "index.json")], standalone_mode=False)
    with served({"/index.json": (200, {}, (tmp_path / "index.json").read_bytes())}) as url:
        found = read_index(url)
        assert [dict(one.data) for one in found.entries] == [dict(one.data) for one in read_index(str(folder)).entries]
        assert found.entries[0].index == url
    # The server is gone: what a URL listed when it was last asked is enough for a list of what is installed.
    assert "acme-short" in listed_names([url])


def test_an_index_with_faults_is_not_built(tmp_path: Path) -> None:
    folder = written(tmp_path / "mine", SOUND.but(entry={"licence": '"whatever"'}))
    with pytest.raises(UsageError, match="licence 'whatever'"):
        build.main([str(folder), "--out", str(tmp_path / "index.json")], standalone_mode=False)
    assert not (tmp_path / "index.json").exists()


def test_every_fault_of_a_url_s_index_is_told(tmp_path: Path) -> None:
    body = json.dumps({"finery-index": 1, "entries": [{"name": "a"}, 3]}).encode()
    with served({"/index.json": (200, {}, body)}) as url, pytest.raises(UsageError) as refused:
        read_index(url)
    assert "entry 1: 'summary' is missing" in str(refused.value)
    assert "entry 2: " in str(refused.value)


def redirect(to: str) -> Answers:
    """A server's answer that sends its reader elsewhere."""
    return {
        "/index.json": (302, {"Location": to}, b""),
        "/there.json": (200, {}, b'{"finery-index": 1, "entries": []}'),
    }


def test_a_redirect_to_another_host_is_refused() -> None:
    refused = pytest.raises(UsageError, match=r"redirects to http://127\.0\.0\.1")
    with served(redirect("")) as other, served(redirect(f"{other}/there.json")) as url, refused:
        read_index(url)


def test_a_redirect_on_the_same_host_is_followed() -> None:
    with served(redirect("/there.json")) as url:
        assert read_index(url).entries == ()


def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    with served({"/x": (200, {}, b"a" * 1001)}) as url:
        assert len(fetch(f"{url}/x", 1001)) == 1001
        with pytest.raises(UsageError, match="is larger than 1,000 bytes"):
            fetch(f"{url}/x", 1000)


def no_server() -> str:
    with served({}) as url:
        return url


@pytest.mark.parametrize(("place", "reason"), [(lambda: "", "404"), (no_server, "cannot be reached")])
def test_a_server_that_does_not_answer_is_told(place: Callable[[], str], reason: str) -> None:
    with served({}) as url, pytest.raises(FineryError, match=reason):
        read_index(place() or url)


def test_plain_http_is_for_this_machine_alone_unless_allowed() -> None:
    with pytest.raises(UsageError, match="is not https"):
        refuse_plain("http://example.org/index.json", False)
    with pytest.raises(UsageError, match="is not https"):
        refuse_plain("ftp://example.org/index.json", True)
    refuse_plain("http://example.org/index.json", True)
    refuse_plain("http://[::1]:80/index.json", False)
    refuse_plain("https://example.org/index.json", False)


def test_a_password_in_a_url_is_not_shown() -> None:
    assert shown("https://me:secret@example.org/x") == "https://example.org/x"

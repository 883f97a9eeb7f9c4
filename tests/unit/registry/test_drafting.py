"""An entry written from a wheel: what it says, a second release behind the first, and what it refuses."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from forge import METADATA, PLUGIN, SOUND

from finery import UsageError
from finery_registry.admission import Candidate, examine
from finery_registry.drafting import drafted
from finery_registry.verify import read_listing
from finery_registry.wheel import read_wheel

SAID = METADATA + "Summary: Drops short documents.\nAuthor: Acme\nProject-URL: Repository, https://example.org/acme\n"
WHOLE = SOUND.but(metadata=SAID)


def test_the_entry_of_a_wheel_is_what_its_admission_asks_for(tmp_path: Path) -> None:
    wheel = read_wheel(WHOLE.wheel(tmp_path / "w"))
    listing = read_listing(drafted(wheel, tmp_path))
    assert (listing.name, listing.labels, listing.data["authors"]) == ("acme-short", "filter short", ["Acme"])
    (release,) = listing.releases
    assert (release.requires, release.api, release.sha256) == (("finery>=0.1",), 1, wheel.sha256)
    assert examine(Candidate(listing, release, wheel))[1] == []


def test_what_a_wheel_does_not_say_may_be_told_beside_it(tmp_path: Path) -> None:
    wheel = read_wheel(SOUND.but(metadata=METADATA + "Summary: Short.\n").wheel(tmp_path / "w"))
    said = read_listing(drafted(wheel, tmp_path, "https://example.org/own", "Somebody")).data
    assert (said["repository"], said["authors"]) == ("https://example.org/own", ["Somebody"])


def test_another_wheel_is_a_release_more_and_the_rest_stays(tmp_path: Path) -> None:
    file = drafted(read_wheel(WHOLE.wheel(tmp_path / "w")), tmp_path)
    file.write_text(f"# by its author\n{file.read_text(encoding='utf-8')}", encoding="utf-8")
    second = WHOLE.but(version="2.0.0", code=PLUGIN.replace("@plugin\n", "@plugin(api=1)\n"))
    drafted(read_wheel(second.wheel(tmp_path / "w")), tmp_path)
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# by its author\n")
    assert [one["version"] for one in tomllib.loads(text)["release"]] == ["1.0.0", "2.0.0"]


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (SAID.replace("License-Expression: Apache-2.0\n", ""), "'licence' is missing"),
        (SAID.replace("Author: Acme\n", ""), "'authors' is missing"),
        (SAID.replace("Project-URL", "Other"), "'repository' is missing: Where its source is"),
        (SAID + "Requires-Dist: evil @ https://example.org/evil.zip\n", "names a URL"),
    ],
)
def test_what_a_wheel_does_not_say_is_asked_for_and_nothing_is_written(
    metadata: str, reason: str, tmp_path: Path
) -> None:
    wheel = read_wheel(SOUND.but(metadata=metadata).wheel(tmp_path / "w"))
    with pytest.raises(UsageError, match=reason):
        drafted(wheel, tmp_path)
    assert list(tmp_path.glob("*.toml")) == []


def test_a_release_that_is_there_is_refused(tmp_path: Path) -> None:
    wheel = read_wheel(WHOLE.wheel(tmp_path / "w"))
    before = drafted(wheel, tmp_path).read_bytes()
    with pytest.raises(UsageError, match=r"release 1.0.0 stands twice"):
        drafted(wheel, tmp_path)
    assert (tmp_path / "acme-short.toml").read_bytes() == before

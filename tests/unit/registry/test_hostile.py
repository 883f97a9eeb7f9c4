"""Distributions that are broken, lie or mean harm: each is refused with its reason, and nothing is changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from forge import METADATA, PLUGIN, SOUND, Dist, member

from finery import FineryError
from finery_registry.cli.install import install
from finery_registry.cli.verify import verify
from finery_registry.environment import Environment
from finery_registry.indexes import read_indexes
from finery_registry.verify import verify as judged

LINK = 0o120777

HOSTILE: dict[str, tuple[Dist, str]] = {
    "a wrong hash": (SOUND.but(entry={"release.sha256": f'"{"0" * 64}"'}), "has the hash [0-9a-f]{64}, not 0000"),
    "a hash that is none": (SOUND.but(entry={"release.sha256": '"abc"'}), r"toml:\d+: release 1: sha256 'abc'"),
    "a file outside its package": (
        SOUND.but(files={"evil.py": "x = 1\n"}),
        "evil.py: is outside the distribution's own",
    ),
    "a file in another's package": (SOUND.but(files={"pyarrow/evil.py": ""}), "pyarrow/evil.py: is outside"),
    "a .pth file": (SOUND.but(files={"acme_short.pth": "import os\n"}), "acme_short.pth: is outside"),
    "a script": (SOUND.but(files={"acme_short-1.0.0.data/scripts/finery": "#!python\n"}), "scripts/finery: is outside"),
    "data elsewhere": (SOUND.but(files={"acme_short-1.0.0.data/data/etc/x": ""}), "data/etc/x: is outside"),
    "two dots in the zip": (SOUND.but(members=((member("acme_short/../../evil.py"), b""),)), "leads out of the folder"),
    "an absolute name": (SOUND.but(members=((member("/tmp/evil.py"), b""),)), "leads out of the folder"),
    "a drive's name": (SOUND.but(members=((member("C:\\evil.py"), b""),)), "leads out of the folder"),
    "a link in the zip": (
        SOUND.but(members=((member("acme_short.pyi", LINK), b"/etc/passwd"),)),
        "is a link or a device",
    ),
    "a zip bomb": (SOUND.but(members=((member("acme_short/zeros"), b"\0" * 2**23),)), "more than 200 times its size"),
    "names that hide one another": (SOUND.but(files={"ACME_SHORT.py": ""}), "stands there as 'acme_short.py' already"),
    "a file that RECORD does not know": (
        SOUND.but(members=((member("acme_short.pyi"), b""),)),
        "missing from the RECORD",
    ),
    "entry points that lie": (
        SOUND.but(points="[finery.score]\nshort = acme_short:Short\n"),
        "stands in the entry alone",
    ),
    "more plugins than it says": (
        SOUND.but(points="[finery.filter]\nshort = acme_short:Short\nlength = acme_short:Short\n"),
        "filter 'length' stands in the wheel alone",
    ),
    "a module that is not there": (SOUND.but(points="[finery.filter]\nshort = other:Short\n"), "does not hold"),
    "a class that is not there": (SOUND.but(points="[finery.filter]\nshort = acme_short:Long\n"), "names nothing that"),
    "entry points of pytest": (
        SOUND.but(points="[pytest11]\nacme = acme_short\n"),
        "entry points in the group 'pytest11'",
    ),
    "a verb of finery plugins": (
        SOUND.but(points="[finery.command.plugins]\ninstall = acme_short:Short\n"),
        "entry points in the group 'finery.command.plugins'",
    ),
    "entry points that are no file of that kind": (SOUND.but(points="short\n"), "contains no section headers"),
    "a name that a built-in has": (
        SOUND.but(
            points="[finery.filter]\nlength = acme_short:Short\n",
            entry={"provides.name": '"length"'},
        ),
        "filter 'length': is a plugin of finery already",
    ),
    "a module of Python's": (
        SOUND.but(points="[finery.filter]\nshort = json:Short\n", files={"json.py": PLUGIN}),
        "json: is a module of Finery or of Python",
    ),
    "an API from the future": (
        SOUND.but(entry={"release.api": "99"}),
        "has no release for plugin API 1",
    ),
    "an API that the entry does not say": (
        SOUND.but(code=PLUGIN.replace("@plugin\n", "@plugin(api=2)\n")),
        r"acme_short.py:\d+: is for plugin API 2, its entry says 1",
    ),
    "torch at the top": (SOUND.but(code=f"import torch\n{PLUGIN}"), "acme_short.py:1: imports torch at the top"),
    "torch at the top of a condition": (
        SOUND.but(code=f"try:\n    from torch import nn\nexcept ImportError:\n    nn = None\n{PLUGIN}"),
        "acme_short.py:2: imports torch",
    ),
    "code that is no Python": (SOUND.but(code="class Short(:\n"), "cannot be read"),
    "another name inside": (
        SOUND.but(metadata=METADATA.replace("{name}", "numpy")),
        "METADATA: is numpy 1.0.0, not acme",
    ),
    "another version inside": (SOUND.but(metadata=METADATA.replace("{version}", "2.0")), "is acme-short 2.0, not acme"),
    "no version inside": (
        SOUND.but(metadata="".join(x for x in METADATA.splitlines(True) if not x.startswith("Version"))),
        "METADATA: has no Version",
    ),
    "two dist-info folders": (SOUND.but(files={"numpy-2.0.dist-info/METADATA": ""}), "has 2 .dist-info folders"),
    "another's dist-info": (SOUND.but(info="numpy-2.0.dist-info"), "folder: is numpy 2.0, not acme-short 1.0.0"),
    "no licence": (
        SOUND.but(metadata="".join(x for x in METADATA.splitlines(True) if not x.startswith("License"))),
        "METADATA: states no licence",
    ),
    "another licence": (SOUND.but(metadata=METADATA.replace("Apache-2.0", "GPL-3.0-only")), "states the licence 'GPL"),
    "a dependency that the entry hides": (SOUND.but(metadata=METADATA + "Requires-Dist: evil\n"), "needs evil, unlike"),
    "a dependency by URL": (
        SOUND.but(metadata=METADATA + "Requires-Dist: evil @ https://example.org/evil.zip\n"),
        "depends on evil by URL",
    ),
    "a dependency that cannot be had": (
        SOUND.but(
            metadata=METADATA + "Requires-Dist: no-such-thing>=1\n",
            entry={"release.requires": '["finery>=0.1", "no-such-thing>=1"]'},
        ),
        "pip: .*no-such-thing",
    ),
    "a Finery from the future": (
        SOUND.but(metadata=METADATA.replace("finery>=0.1", "finery>=99"), entry={"release.requires": '["finery>=99"]'}),
        "pip: .*acme-short 1.0.0 depends on finery>=99",
    ),
    "another Python": (SOUND.but(tag="cp27-cp27m-any"), "pip: .*not a supported wheel on this platform"),
    "another platform": (SOUND.but(tag="cp311-cp311-win_ia64"), "pip: .*not a supported wheel on this platform"),
    "a withdrawn release": (SOUND.but(entry={"release.api": '1\nyanked = "loses records"'}), "that is not withdrawn"),
    "a name that is not the entry's": (SOUND.but(entry={"name": '"acme-long"'}), "'acme-long' is not what the file is"),
    "a name that is not normalised": (SOUND.but(entry={"name": '"Acme_Short"'}), "name 'Acme_Short'"),
    "an unknown key": (SOUND.but(entry={"licence": '"MIT"\nlicense = "MIT"'}), r"toml:\d+: unknown key 'license'"),
    "an entry that is no TOML": (SOUND.but(entry={"licence": "=="}), r"toml:\d+: is not TOML"),
}


def state(python: str) -> dict[str, str]:
    """Every file of an environment and its hash; what Python caches does not count."""
    root = Path(python).parent.parent
    files = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def unchanged(python: str) -> Iterator[None]:
    """The environment is the same afterwards."""
    before = state(python)
    yield
    assert state(python) == before


def asked(place: Path, python: str, *more: str) -> list[str]:
    """The words of an installation from a folder that holds the entries, and wheels below it."""
    return ["acme-short", "--index", str(place), "--from-wheels", str(place / "w"), "--python", python, "--yes", *more]


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.usefixtures("unchanged")
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_it_is_refused_with_its_reason_and_nothing_is_changed(
    case: str, tmp_path: Path, python: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dist, reason = HOSTILE[case]
    dist.listed(tmp_path, dist.wheel(tmp_path / "w"))
    with pytest.raises(FineryError) as refused:
        install.main(asked(tmp_path, python), standalone_mode=False)
    said = f"{refused.value}\n{capsys.readouterr().err}"
    assert re.search(reason, said), said


@pytest.mark.usefixtures("unchanged")
def test_source_only_is_refused(tmp_path: Path, python: str) -> None:
    wheel = SOUND.wheel(tmp_path / "w")
    SOUND.listed(tmp_path, wheel)
    wheel.rename(tmp_path / "w" / "acme_short-1.0.0.tar.gz")
    with pytest.raises(FineryError, match="is there as source only"):
        install.main(asked(tmp_path, python), standalone_mode=False)


@pytest.mark.usefixtures("unchanged")
def test_a_file_that_is_no_zip_is_refused(tmp_path: Path, python: str) -> None:
    wheel = SOUND.wheel(tmp_path / "w")
    wheel.write_bytes(b"PK nothing")
    SOUND.listed(tmp_path, wheel)
    with pytest.raises(FineryError, match="is no zip"):
        install.main(asked(tmp_path, python), standalone_mode=False)


@pytest.mark.usefixtures("unchanged")
def test_without_an_answer_nothing_is_changed(tmp_path: Path, python: str) -> None:
    SOUND.listed(tmp_path, SOUND.wheel(tmp_path / "w"))
    words = [word for word in asked(tmp_path, python) if word != "--yes"]
    with pytest.raises(FineryError, match="nobody is there to be asked"):
        install.main(words, standalone_mode=False)


def later(name: str) -> Dist:
    """A dependency whose installation fails after some of its files are written: one name is file and folder."""
    return Dist(
        name=name,
        points="",
        code="x = 1\n",
        files={f"{name}_data": "a file\n", f"{name}_data/below.txt": "in a file\n"},
        metadata=METADATA.replace("Requires-Dist: finery>=0.1\n", ""),
    )


def test_an_installation_that_fails_half_way_leaves_the_older_release_as_it_was(tmp_path: Path, python: str) -> None:
    SOUND.listed(tmp_path / "one", SOUND.wheel(tmp_path / "one" / "w"))
    install.main(asked(tmp_path / "one", python), standalone_mode=False)
    before = state(python)
    second = SOUND.but(
        version="2.0.0",
        metadata=METADATA + "Requires-Dist: zz-later\n",
        entry={"release.requires": '["finery>=0.1", "zz-later"]'},
    )
    second.listed(tmp_path / "two", second.wheel(tmp_path / "two" / "w"))
    later("zz-later").wheel(tmp_path / "two" / "w")
    with pytest.raises(FineryError, match="pip:"):
        install.main(asked(tmp_path / "two", python), standalone_mode=False)
    assert state(python) == before
    assert Environment(python).installed["acme-short"].version == "1.0.0"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("open('left-behind', 'w').close()\n", "opens left-behind for writing at import"),
        ("import subprocess\nsubprocess.run(['true'])\n", "calls subprocess.Popen at import"),
        ("import socket\nsocket.create_connection(('192.0.2.1', 80), 1)\n", "import: raised PermissionError"),
        ("import os\nos._exit(0)\n", "broke down"),
        ("import sys\nsys.exit(3)\n", "import: raised SystemExit"),
    ],
)
def test_what_an_import_does_is_found_when_it_is_verified(
    code: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dist = SOUND.but(code=PLUGIN.replace("\nfrom typing", f"\n{code}\nfrom typing"))
    refused_by_verify(dist, reason, tmp_path, capsys)


def test_an_api_that_is_worked_out_is_found_when_it_is_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dist = SOUND.but(code=PLUGIN.replace("@plugin\n", "SEVEN = 7\n\n\n@plugin(api=SEVEN)\n"))
    refused_by_verify(dist, "was written for plugin API 7", tmp_path, capsys)


def test_a_plugin_that_does_not_conform_is_found_when_it_is_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dist = SOUND.but(code=PLUGIN.replace('"""Fewest characters."""', ""))
    refused_by_verify(dist, "conformance", tmp_path, capsys)


def refused_by_verify(dist: Dist, reason: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Verify a distribution: faults with a reason, and an entry that is as it was."""
    wheel = dist.wheel(folder / "w")
    entry = dist.listed(folder / "entries", wheel)
    before = entry.read_bytes()
    assert verify.main([str(entry), str(wheel), "--from-wheels", str(folder / "w")], standalone_mode=False) == 1
    assert reason in capsys.readouterr().err
    assert entry.read_bytes() == before


def test_without_a_namespace_of_its_own_python_s_sockets_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    code = "import socket\nsocket.create_connection(('127.0.0.1', 9), 1)\n"
    dist = SOUND.but(code=PLUGIN.replace("\nfrom typing", f"\n{code}\nfrom typing"))
    wheel = dist.wheel(tmp_path / "w")
    verdict = judged(dist.listed(tmp_path / "entries", wheel), wheel, read_indexes(), tmp_path / "w")
    assert verdict.network.startswith("audit hook")
    assert "no network while a plugin is checked" in str(verdict.faults[0])

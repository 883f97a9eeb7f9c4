"""The corpus of the first run: documentation read without importing it, the same each time."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "examples" / "first-run" / "corpus.py"
MODULE = '''"""Tells how iron is made. {}"""

raise SystemExit("this must not be imported")


def smelt(ore: str, heats: int = 3) -> str:
    """Return the bloom that is left of some ore.

    {}
    """


class Forge(Building):
    """A place with an anvil. {}"""

    def heat(self, degrees):
        """Bring the fire to a temperature in degrees Celsius."""

    def _bellows(self):
        """Nobody's business."""
'''.replace("{}", "More of it. " * 20)


@pytest.fixture(scope="module")
def corpus():
    spec = importlib.util.spec_from_file_location("corpus", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["corpus"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def found(corpus, tmp_path: Path):
    path = tmp_path / "iron.py"
    path.write_text(MODULE)
    return corpus.read(corpus.File(path, "works.iron", (("license", "MIT"),)))


def test_a_module_gives_a_document_a_definition(found) -> None:
    records, _ = found
    assert [(record["kind"], record["name"]) for record in records] == [
        ("module", "works.iron"),
        ("function", "smelt"),
        ("class", "Forge"),
    ]
    assert {record["license"] for record in records} == {"MIT"}
    assert records[1]["text"].startswith("works.iron.smelt(ore: str, heats: int=3) -> str\n\nReturn the bloom")


def test_a_class_brings_its_public_methods(found) -> None:
    forge = found[0][2]["text"]
    assert "works.iron.Forge.heat(self, degrees)\n\nBring the fire" in forge
    assert "bellows" not in forge


def test_pairs_ask_for_the_opening_of_a_docstring(found) -> None:
    _, pairs = found
    assert pairs[0]["input"] == "works.iron.smelt(ore: str, heats: int=3) -> str"
    assert pairs[0]["output"] == "Return the bloom that is left of some ore."
    assert set(pairs[0]) == {"instruction", "input", "output"}


@pytest.mark.parametrize("source", [b"def broken(:\n", b'"""\x00"""', b"x = 1\n", b"\xff\xfe"])
def test_a_file_that_says_nothing_is_passed_over(corpus, tmp_path: Path, source: bytes) -> None:
    path = tmp_path / "odd.py"
    path.write_bytes(source)
    assert corpus.read(corpus.File(path, "odd", ())) == ([], [])


def test_the_script_writes_three_files_within_its_bound(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path), "--max-mb", "0.6"], check=True, capture_output=True)
    files = {path.name: path.read_text("utf-8").splitlines() for path in tmp_path.iterdir()}
    assert sorted(files) == ["instructions.jsonl", "packages.jsonl", "stdlib.jsonl"]
    texts = [json.loads(line)["text"] for name in ("stdlib", "packages") for line in files[f"{name}.jsonl"]]
    assert 100_000 < sum(len(text.encode()) for text in texts) <= 600_000

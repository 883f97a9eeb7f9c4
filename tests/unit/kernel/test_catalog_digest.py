"""What is installed, and what a plugin's code is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from finery.catalog import Entry, entries, find, load
from finery.digest import closure, plugin_digest
from finery.errors import PipelineError, PluginError

FILES = {
    "pack/__init__.py": "",
    "pack/filters.py": "from . import words\nfrom pack.deep.more import x\nimport json\nclass Filter: ...\n",
    "pack/words.py": "def late():\n    from .later import y\n",
    "pack/later.py": "y = 1\n",
    "pack/deep/__init__.py": "",
    "pack/deep/more.py": "from .. import filters\nx = 1\n",
    "pack/other.py": "z = 1\n",
}


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with a plugin."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "pack"]:
        del sys.modules[name]


ENTRY = Entry("filter", "filter", "pack.filters:Filter", "pack", "1.0")


def test_the_code_of_a_plugin_is_what_it_imports_of_its_own_package(pack: Path) -> None:
    assert sorted(closure("pack.filters")) == [
        "pack", "pack.deep.more", "pack.filters", "pack.later", "pack.words",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "block",
    [
        "if x:\n    pass\nelse:\n    import pack.other",
        "for x in y:\n    with z:\n        import pack.other",
        "try:\n    pass\nexcept E:\n    import pack.other",
        "try:\n    pass\nfinally:\n    from .. import other",
        "match x:\n    case 1:\n        from ..other import z",
        "class A:\n    async def f(self):\n        import pack.other as o",
        "while x: from pack import other",
        "def f():\n    return importlib.import_module(\n        'pack.other'\n    )",
    ],
)
def test_an_import_counts_wherever_it_stands(pack: Path, block: str) -> None:
    (pack / "pack/deep/more.py").write_text(f"{block}\n")
    assert "pack.other" in closure("pack.filters")


def test_a_file_that_changes_its_imports_is_read_anew(pack: Path) -> None:
    assert "pack.other" not in closure("pack.filters")
    (pack / "pack/later.py").write_text("import pack.other\n")
    assert "pack.other" in closure("pack.filters")


@pytest.mark.parametrize("name", ["filters", "words", "later", "deep/more"])
def test_a_change_in_it_changes_the_digest(pack: Path, name: str) -> None:
    before = plugin_digest(ENTRY)
    path = pack / f"pack/{name}.py"
    path.write_text(path.read_text() + "w = 2\n")
    assert plugin_digest(ENTRY) != before


def test_a_change_elsewhere_does_not(pack: Path) -> None:
    before = plugin_digest(ENTRY)
    (pack / "pack/other.py").write_text("z = 2\n")
    assert plugin_digest(ENTRY) == before


def test_a_module_that_cannot_be_parsed_counts_by_its_bytes(pack: Path) -> None:
    (pack / "pack/later.py").write_text("y = (")
    before = plugin_digest(ENTRY)
    (pack / "pack/later.py").write_text("y = ((")
    assert plugin_digest(ENTRY) != before


def test_version_and_class_are_part_of_the_digest(pack: Path) -> None:
    others = [
        Entry("filter", "filter", "pack.filters:Filter", "pack", "1.1"),
        Entry("filter", "filter", "pack.filters:Other", "pack", "1.0"),
    ]
    assert len({plugin_digest(entry) for entry in [ENTRY, *others]}) == 3


def test_a_module_that_is_not_there_is_a_fault() -> None:
    with pytest.raises(PipelineError, match="there is no such module"):
        plugin_digest(Entry("x", "filter", "nowhere:X"))


def test_the_built_ins_are_found_without_importing_them() -> None:
    found = {(entry.hook, entry.name) for entry in entries()}
    assert {("filter", "length"), ("dedupe", "minhash"), ("mix", "ratio"), ("observe", "jsonlines")} <= found


def test_a_name_is_found_in_its_hook_only() -> None:
    known = [Entry("x", "filter", "m:X", "p", "1"), Entry("x", "score", "m:Y", "p", "1")]
    assert find("score", "x", known).target == "m:Y"
    assert find("score", "mine:X", known) == Entry("mine:X", "score", "mine:X")
    with pytest.raises(PipelineError, match=r"unknown mix 'x': installed are none"):
        find("mix", "x", known)


def test_a_name_that_two_packages_claim_is_a_fault() -> None:
    known = [Entry("x", "filter", "m:X", "p", "1"), Entry("x", "filter", "n:X", "q", "2")]
    with pytest.raises(PipelineError, match="claimed by p 1 and q 2: remove one"):
        find("filter", "x", known)


def test_a_class_is_imported_when_it_is_used(pack: Path) -> None:
    assert load(ENTRY).__name__ == "Filter"
    with pytest.raises(PluginError, match=r"pack\.filters:Nothing: has no 'Nothing'"):
        load(Entry("x", "filter", "pack.filters:Nothing"))

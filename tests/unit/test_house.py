"""The house rules: who imports whom, how long things are, and what is quick to start."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import finery

ROOT = Path(__file__).parents[2]
TREES = {"finery": ROOT / "core/finery", "finery_plugins": ROOT / "plugins/finery_plugins"}
TREES["finery_registry"] = ROOT / "registry/finery_registry"
HEAVY = ("torch", "transformers", "ray", "datasets", "trl", "peft")


def files(*packages: str) -> list[Path]:
    """The Python files of packages; of all by default."""
    return [path for name in packages or TREES for path in sorted(TREES[name].rglob("*.py"))]


def imported(path: Path) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """Each import of a file: module, names, and whether it stands at the top."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, (), id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", tuple(alias.name for alias in node.names), id(node) in top


def test_the_core_imports_neither_plugins_nor_registry() -> None:
    wrong = [
        (path.name, module)
        for path in files("finery")
        for module, _, _ in imported(path)
        if module.startswith(("finery_plugins", "finery_registry"))
    ]
    assert wrong == []


def test_built_ins_use_only_public_names() -> None:
    wrong = [
        (path.name, module, names)
        for path in files("finery_plugins", "finery_registry")
        for module, names, _ in imported(path)
        if module.split(".")[0] == "finery"
        and not (module == "finery" and set(names) <= set(finery.__all__))
        and module != "finery.testing"
    ]
    assert wrong == []


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    wrong = [
        (path.name, module)
        for path in files()
        for module, _, top in imported(path)
        if top and module.split(".")[0] in HEAVY
    ]
    assert wrong == []


def test_every_public_name_is_there() -> None:
    assert [name for name in finery.__all__ if getattr(finery, name, None) is None] == []


def test_files_are_short_and_begin_with_a_sentence() -> None:
    wrong = []
    for path in files():
        text = path.read_text(encoding="utf-8")
        said = ast.get_docstring(ast.parse(text)) or ""
        if len(text.splitlines()) > 300 or not said.split("\n\n")[0].rstrip().endswith((".", ":")):
            wrong.append((str(path.relative_to(ROOT)), len(text.splitlines())))
    assert wrong == []


def function_lengths() -> list[tuple[int, str]]:
    """The lines of every function, its decorators left out."""
    return [
        ((node.end_lineno or 0) - node.lineno + 1, f"{path.name}:{node.name}")
        for path in files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_functions_are_short() -> None:
    lengths = sorted(length for length, _ in function_lengths())
    assert statistics.median(lengths) <= 9
    assert lengths[int(0.9 * len(lengths))] <= 30


@pytest.mark.parametrize("words", [["--help"], ["plugins", "list"]])
def test_light_verbs_import_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys; sys.argv = ['finery', *sys.argv[1:]]\n"
        "from finery.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pyarrow', 'duckdb', 'torch', 'ray', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"

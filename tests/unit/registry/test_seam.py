"""How a package adds a verb to `finery plugins`: by an entry point, imported when asked for, never in place of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

VERBS = '''import click

@click.command()
@click.pass_context
def again(ctx):
    """List once more."""
    rows, columns, as_json = ctx.parent.command.ask(ctx, "list", hook="mix", as_json=False)
    return [{"name": row["name"], "length": len(row["name"])} for row in rows], ["name", "length"], as_json

@click.command()
@click.pass_context
def leave(ctx):
    ctx.exit(7)

@click.command()
def stolen():
    raise SystemExit("stolen")
'''

POINTS = """[finery.command.plugins]
again = acme_verbs:again
leave = acme_verbs:leave
lost = acme_nowhere:lost
[finery.command]
plugins = acme_verbs:stolen
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with verbs, as pip would leave it."""
    (tmp_path / "acme_verbs.py").write_text(VERBS, encoding="utf-8")
    info = tmp_path / "acme_verbs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: acme-verbs\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    return tmp_path


def said(package: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What `finery plugins` says where the package is."""
    code = "from finery.cli.main import main; main()"
    path = os.pathsep.join([str(package), *sys.path])
    command = [sys.executable, "-c", code, "plugins", *words]
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)


def test_a_verb_is_there_and_what_it_returns_is_printed(package: Path) -> None:
    done = said(package, "again")
    assert done.returncode == 0, done.stderr
    assert ["ratio", "5"] in [line.split() for line in done.stdout.splitlines()]


def test_a_verb_s_exit_code_is_the_command_s(package: Path) -> None:
    assert said(package, "leave").returncode == 7


def test_a_verb_that_cannot_be_had_spoils_no_other(package: Path) -> None:
    done = said(package, "--help")
    assert done.returncode == 0
    assert "List once more." in done.stdout
    assert "stolen" not in done.stderr
    assert said(package, "lost").returncode == 1

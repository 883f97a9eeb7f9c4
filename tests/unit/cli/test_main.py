"""The command line: verbs by entry point, faults in a line, exit codes."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import click
import pytest

from finery.cli import main as cli
from finery.errors import PluginError

FINERY = str(Path(sys.executable).parent / "finery")


def finery(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command as a user calls it."""
    return subprocess.run([FINERY, *words], cwd=folder, capture_output=True, text=True, check=False)


def test_help_names_every_verb(tmp_path: Path) -> None:
    done = finery("--help", folder=tmp_path)
    assert done.returncode == 0
    verbs = {point.name for point in metadata.entry_points(group="finery.command")}
    assert {line.split()[0] for line in done.stdout.partition("Commands:")[2].splitlines() if line.split()} >= verbs


def test_a_misspelt_verb_is_a_usage_error_with_the_one_that_was_meant(tmp_path: Path) -> None:
    done = finery("rnu", folder=tmp_path)
    assert done.returncode == 2
    assert "did you mean 'run'" in done.stderr


def test_a_missing_file_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = finery("run", "nothing.toml", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "nothing.toml: there is no such file: name a pipeline.toml\n"


@pytest.mark.parametrize("target", ["finery.nowhere:x", "finery.errors:nothing", "finery.errors:Fault"])
def test_a_verb_that_cannot_be_loaded_spoils_no_other_and_says_so_when_called(target: str) -> None:
    command = cli.command(metadata.EntryPoint("odd", target, "finery.command"))
    assert command.get_short_help_str()
    with pytest.raises(PluginError, match="verb 'odd'"):
        command.main([], standalone_mode=False)


def test_a_listing_into_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{FINERY} --help | head -n 1", shell=True, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "Traceback" not in done.stderr


def test_verbs_are_click_commands() -> None:
    wrong = [n for n, point in cli.verbs().items() if not isinstance(cli.command(point), click.Command)]
    assert wrong == []

"""The author's walk for every hook: new, edit, check, build, entry, verify, install from that index, run; timed."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from figures import print_machine

from finery_registry.listing import HOOKS
from finery_registry.templates.train_test import tiny
from finery_registry.trial import made

CODE = "from finery.cli.main import main; main()"
STEPS = ("new", "edit", "check", "build", "entry", "verify", "install", "run")
TEXTS = ["the sea is wide and the sea is deep", "a ship goes out and a ship comes in", "see https://example.org/"] * 8

SOURCE = '[[source]]\nname = "notes"\npath = "notes.jsonl"\n\n'
STAGES = {
    "train": '[[stage]]\ntrain = "{name}"\nmodel = "tiny"\ncontext = 64\nrecords = 4\n',
    "evaluate": '[[stage]]\nevaluate = "{name}"\nmodel = "tiny"\ncontext = 64\n',
    "observe": '[[stage]]\nfilter = "length"\n\n[[observer]]\nuse = "{name}"\n',
}
"""The pipelines of hooks that take more than their name."""


@dataclass(frozen=True)
class Walk:
    """One author, with a hook, a folder, and the environment of a reader."""

    hook: str
    folder: Path

    @property
    def name(self) -> str:
        """What distribution and plugin are called."""
        return f"acme-{self.hook}-walk"

    @property
    def place(self) -> Path:
        """The distribution's folder."""
        return self.folder / self.name

    @property
    def wheel(self) -> str:
        """The wheel that was built."""
        return str(next((self.folder / "w").glob("*.whl")))

    def finery(self, *words: str, python: str = sys.executable) -> str:
        """What `finery` prints. Raises CalledProcessError where it fails."""
        return self.called(python, "-c", CODE, *words)

    def called(self, *command: str) -> str:
        """What a command prints; its faults are shown where it fails."""
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{self.hook}: {' '.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def new(self) -> None:
        """Begin."""
        self.finery("plugins", "new", self.name, "--hook", self.hook)

    def edit(self) -> None:
        """Make it one's own: another first sentence, which `show` and the entry must then have."""
        (file,) = self.place.glob("*.py")
        text = re.sub(r'(\n@plugin.*\nclass \w+:\n    """)', r"\1For Acme. ", file.read_text(encoding="utf-8"))
        file.write_text(text, encoding="utf-8")

    def check(self) -> None:
        """Hold it against the contract."""
        assert "checks passed" in self.finery("plugins", "check", str(self.place))

    def build(self) -> None:
        """The wheel."""
        self.called(
            sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(self.folder / "w"), self.name
        )

    def entry(self) -> None:
        """What the index will say."""
        (self.folder / "index").mkdir()
        self.finery("plugins", "entry", self.wheel, "--repository", "https://example.org/acme", "--folder", "index")

    def verify(self) -> None:
        """The admission checks, and the result in the entry."""
        file = self.folder / "index" / f"{self.name}.toml"
        self.finery("plugins", "verify", str(file), self.wheel, "--from-wheels", "w")
        assert "For Acme." in file.read_text(encoding="utf-8")

    def install(self) -> None:
        """As a reader, from that index, into a fresh environment."""
        python = made(self.folder / "env")
        self.finery(
            *("plugins", "install", self.name, "--index", "index", "--from-wheels", "w", "--python", python, "--yes")
        )

    def run(self) -> None:
        """A pipeline with it, in that environment."""
        (self.folder / "notes.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
        if self.hook in ("train", "evaluate"):
            tiny(self.folder / "tiny")
        stage = STAGES.get(self.hook, f'[[stage]]\n{self.hook} = "{{name}}"\n').format(name=self.name)
        (self.folder / "pipeline.toml").write_text(SOURCE + stage, encoding="utf-8")
        python = str(self.folder / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
        report = json.loads(self.finery("run", "--json", python=python))
        assert report["status"] == "done", report


def timed(step: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock, and CPU-seconds of the processes that it started."""
    before, started = os.times(), time.perf_counter()
    step()
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - started, cpu


def main() -> None:
    """Walk, and print a line a hook."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hooks", nargs="*", choices=HOOKS, help="By default all.")
    print_machine()
    print(f"{'hook':<9} {' '.join(f'{step:>8}' for step in STEPS)} {'all':>8} {'CPU':>7}  (seconds)")
    for hook in parser.parse_args().hooks or HOOKS:
        with tempfile.TemporaryDirectory() as name:
            walk = Walk(hook, Path(name))
            taken = [timed(getattr(walk, step)) for step in STEPS]
        seconds, cpu = (sum(column) for column in zip(*taken, strict=True))
        print(f"{hook:<9} {' '.join(f'{one:8.1f}' for one, _ in taken)} {seconds:8.1f} {cpu:7.1f}", flush=True)


if __name__ == "__main__":
    main()

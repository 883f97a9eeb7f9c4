"""A folder with a pipeline: runs in this process or one of their own, what they left, its digests and its laws."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from finery.cli.main import main
from finery.data.artifacts import Artifacts
from finery.data.shards import Shard, ShardReader

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("finery")
TINY = (HERE / "tiny.py").read_text(encoding="utf-8")
FATES = ("in", "kept", "dropped", "merged", "failed", "born")


class Outcome(NamedTuple):
    """How a call of the command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Place:
    """A folder with a pipeline, and the work folder beside it."""

    folder: Path

    @property
    def root(self) -> Path:
        """The work folder."""
        return self.folder / ".finery"

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file, its folder included."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def jsonl(self, name: str, rows: list[dict[str, Any]]) -> Path:
        """Write records as JSON lines."""
        return self.write(name, "".join(json.dumps(row) + "\n" for row in rows))

    def pipeline(self, text: str) -> Path:
        """Write the pipeline file."""
        return self.write("pipeline.toml", text)

    def call(self, verb: str, *more: str) -> Outcome:
        """Call a verb in this process."""
        return call(verb, str(self.folder / "pipeline.toml"), *more)

    def run(self, *more: str) -> Outcome:
        """Run the pipeline in this process, with one worker unless told otherwise."""
        workers = () if "--workers" in more else ("--workers", "1")
        return self.call("run", "--quiet", *workers, *more)

    def good(self, *more: str) -> dict[str, dict[str, Any]]:
        """Run it, which must work; each stage's manifest."""
        outcome = self.run(*more)
        assert outcome.code == 0, outcome
        return self.manifests()

    def start(self, *more: str, script: Path = COMMAND) -> subprocess.Popen[str]:
        """Run it in a process, and a process group, of its own."""
        command = [script, "run", "pipeline.toml", "--quiet", *more]
        if script.suffix == ".py":
            command = [Path(sys.executable), *command]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.folder, stdout=pipe, stderr=pipe, text=True, start_new_session=True)

    def plan(self, *more: str) -> dict[str, dict[str, Any]]:
        """What a run would do: each stage by its id."""
        outcome = self.call("plan", "--json", *more)
        assert outcome.code == 0, outcome
        return {stage["stage"]: stage for stage in json.loads(outcome.out)["stages"]}

    def runs(self, *more: str) -> list[str]:
        """The ids of the stages that a run would carry out."""
        return [name for name, stage in self.plan(*more).items() if not stage["reused"]]

    def record(self) -> dict[str, Any]:
        """What the last run wrote down of itself."""
        found: dict[str, Any] = json.loads(max((self.root / "runs").glob("*.json")).read_bytes())
        return found

    def manifests(self) -> dict[str, dict[str, Any]]:
        """The manifest of each finished stage of the last run, in order."""
        artifacts = Artifacts(self.root)
        found = {s["id"]: artifacts.manifest(s["artifact"]) for s in self.record()["stages"]}
        return {name: manifest for name, manifest in found.items() if manifest}

    def table(self, stage: str, source: str) -> pa.Table:
        """The records of a source as a stage left them."""
        shards = [s for s in self.manifests()[stage]["shards"] if s["source"] == source]
        tables = [part for shard in shards for part in groups_of(self.root, shard)]
        return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})

    def ids(self, stage: str, source: str) -> list[str]:
        """Their ids."""
        table = self.table(stage, source)
        return [str(record) for record in table["id"].to_pylist()] if len(table) else []

    def decisions(self, stage: str) -> list[dict[str, Any]]:
        """Who left at a stage, and why."""
        folder = Artifacts(self.root).path(self.manifests()[stage]["fingerprint"])
        tables = [pq.read_table(path) for path in sorted(folder.glob("decisions*.parquet"))]
        return [row for table in tables for row in table.to_pylist()]


def ended(process: subprocess.Popen[str]) -> Outcome:
    """How a run in a process of its own ended; its pipes are closed."""
    out, err = process.communicate(timeout=300)
    return Outcome(process.returncode, out, err)


def groups_of(root: Path, shard: dict[str, Any]) -> list[pa.Table]:
    """The row groups of a shard, as they stand."""
    return [group.batch for group in ShardReader(Artifacts(root), Shard.from_json(shard)).groups()]


def call(*arguments: str) -> Outcome:
    """Call the command in this process; what it cannot handle comes out as an exception."""
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = ["finery", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = code_of_main()
    finally:
        sys.argv = before
        forget_modules()
    return Outcome(code, out.getvalue(), err.getvalue())


def code_of_main() -> int:
    """The exit code of the command."""
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def forget_modules() -> None:
    """Forget the plugins beside a pipeline: the next one brings modules of the same names."""
    sys.path[:] = [part for part in sys.path if not (Path(part) / "pipeline.toml").exists()]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and (Path(file).parent / "pipeline.toml").exists():
            del sys.modules[name]
    importlib.invalidate_caches()


def new_place(folder: Path, *changes: tuple[str, str]) -> Place:
    """A folder with the tiny plugins, their text changed."""
    text = TINY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    made = Place(folder)
    made.write("tiny.py", text)
    return made


def conserve(place: Place) -> None:
    """Check the law of conservation at each finished stage, by the manifests and by what can be read back."""
    if not (place.root / "runs").exists():
        return
    before: dict[str, int] = {}
    for name, manifest in place.manifests().items():
        for source, counts in manifest["sources"].items():
            fates = [counts[fate] for fate in FATES[1:5]]
            assert counts["in"] == sum(fates), (name, source, counts)
            assert counts["in"] == before.get(source, counts["in"]), (name, source, counts)
            if "shards" in manifest:
                before[source] = counts["kept"] + counts["born"]
                assert len(place.table(name, source)) == before[source], (name, source)
                assert len(set(place.ids(name, source))) == before[source], (name, source)
        if "shards" in manifest:
            left = sum(c["dropped"] + c["failed"] for c in manifest["sources"].values())
            born = sum(c["born"] for c in manifest["sources"].values())
            merged = 0 if born else sum(c["merged"] for c in manifest["sources"].values())
            assert len(place.decisions(name)) == left + merged, name


def digests(root: Path) -> dict[str, str]:
    """A digest of everything that every finished artifact holds, by stage and file.

    Parquet counts by its bytes. JSON counts without seconds and fingerprints: these say how long it took and which
    code did it.
    """
    manifests = {path.parent: json.loads(path.read_bytes()) for path in (root / "artifacts").glob("*/manifest.json")}
    names = {folder.name: manifest["stage"]["id"] for folder, manifest in manifests.items()}
    found: dict[str, str] = {}
    for folder, manifest in manifests.items():
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            content = path.read_bytes() if path.suffix != ".json" else plain(json.loads(path.read_bytes()), names)
            file = f"{manifest['stage']['id']}/{path.relative_to(folder)}"
            found[file] = hashlib.sha256(content).hexdigest()
    return found


def plain(value: Any, names: dict[str, str]) -> bytes:
    """JSON without what may differ between equal runs."""
    text = json.dumps(without(value), sort_keys=True)
    for fingerprint, stage in names.items():
        text = text.replace(fingerprint, stage)
    return text.encode()


def without(value: Any) -> Any:
    """JSON without seconds, and without what stands for code: digests, and the names of records that hold them."""
    if isinstance(value, dict):
        return {
            key: without(part)
            for key, part in value.items()
            if key not in ("seconds", "digest", "fingerprint", "inputs", "after")
        }
    return [without(part) for part in value] if isinstance(value, list) else value


def copied(place: Place, folder: Path, *changes: tuple[str, str]) -> Place:
    """The same input and pipeline in another folder, without the work."""
    shutil.copytree(place.folder, folder, ignore=shutil.ignore_patterns(".finery", "__pycache__", "*.log"))
    return new_place(folder, *changes)

"""What the kernel costs: do-nothing filters over 1 M short records, against a bare loop over the same Parquet.

The bare loop reads every row group and writes it again, once. Finery's run reads the file, gives every record an id,
writes base shards with each record's origin, carries three filters over them and keeps the lineage. Both are run in
turn, on one worker, and the medians are compared: the whole run, and the pass of the filters alone.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from figures import print_machine

from finery import Batch, hookimpl, plugin
from finery.config import read_pipeline
from finery.data.artifacts import Artifacts
from finery.run import run_pipeline

PIPELINE = """
name = "overhead"
[run]
workers = 1
[[source]]
name = "short"
path = "short.parquet"
"""
STAGE = '[[stage]]\nfilter = "overhead:Nothing"\n'


@plugin(releases_gil=True)
class Nothing:
    """Let every record pass."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        """No reason for anybody."""
        return pa.nulls(len(batch), pa.string())


def write_input(folder: Path, records: int) -> None:
    """Records of about 60 characters in row groups of 8,192."""
    draw = random.Random(17)
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(20_000)]
    texts = pa.array([" ".join(draw.choices(words, k=10)) for _ in range(records)], pa.large_string())
    pq.write_table(pa.table({"text": texts}), folder / "short.parquet", row_group_size=8192, compression="zstd")
    (folder / "pipeline.toml").write_text(PIPELINE + 3 * STAGE)


def bare_loop(folder: Path) -> float:
    """Seconds to read every row group and write it again."""
    started = time.perf_counter()
    file = pq.ParquetFile(folder / "short.parquet")
    with pq.ParquetWriter(
        folder / "copy.parquet", file.schema_arrow, compression="zstd", use_dictionary=False
    ) as writer:
        for number in range(file.num_row_groups):
            writer.write_table(file.read_row_group(number, use_threads=False))
    return time.perf_counter() - started


def whole_run(folder: Path) -> tuple[float, float]:
    """Seconds of a run from nothing, and those of its filters alone (shards read, batches passed, counts kept)."""
    shutil.rmtree(folder / ".finery", ignore_errors=True)
    pipeline = read_pipeline(folder / "pipeline.toml")
    started = time.perf_counter()
    run_pipeline(pipeline, folder / ".finery")
    seconds = time.perf_counter() - started
    shutil.copytree(folder / ".finery", folder / "kept", dirs_exist_ok=True)
    return seconds, filters_alone(folder)


def filters_alone(folder: Path) -> float:
    """Seconds to run again with only the filters to do."""
    artifacts = Artifacts(folder / ".finery")
    for path in (folder / ".finery" / "artifacts").iterdir():
        manifest = artifacts.manifest(path.name) or {}
        if manifest["stage"]["hook"] == "filter":
            shutil.rmtree(path)
    pipeline = read_pipeline(folder / "pipeline.toml")
    started = time.perf_counter()
    run_pipeline(pipeline, folder / ".finery")
    return time.perf_counter() - started


def main() -> None:
    """Measure in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    told = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))
    print_machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_input(folder, told.records)
        rounds = [(bare_loop(folder), *whole_run(folder)) for _ in range(told.rounds)]
    bare, whole, filters = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"{told.records:,} records, medians of {told.rounds} rounds in turn, one worker")
    print(f"bare loop, read and write     {bare:6.2f} s   1.00")
    print(f"three do-nothing filters      {filters:6.2f} s   {filters / bare:.2f}")
    print(f"whole run, reading included   {whole:6.2f} s   {whole / bare:.2f}")


if __name__ == "__main__":
    main()

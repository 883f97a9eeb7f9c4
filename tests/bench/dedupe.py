"""Deduplicate millions of records with minhash: memory, seconds by phase, and what of the planted duplicates is found.

    python tests/bench/dedupe.py [--records 5000000] [--memory-gb 4] [--workers 2] [--folder DIR] [--real FILE ...]
    python tests/bench/dedupe.py --quality FILE ...

The first makes short documents of Zipf-distributed made-up words, one in five a copy of another with some words
changed, runs `finery run` over them in a process of its own, and prints the peak of the resident memory of the whole
process tree, the seconds of each phase, and how many of the planted pairs with a true Jaccard index of at least 0.8 it
found. `--real` names JSONL files with `text`: their documents, with words changed, stand among the made-up ones.

The second takes JSONL files of real near-duplicates (`a` and `b`, or `text`), compares all pairs of documents
exactly, and prints precision and recall of what the run merges.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from figures import print_machine

from finery_plugins.text.measures import similarities

CHUNK = 100_000
"""Records made at a time, and in a file."""

PIPELINE = """
[[source]]
name = "made"
path = "made/*.parquet"
[[stage]]
dedupe = "minhash"
{options}
[run]
workers = {workers}
memory_gb = {memory}
"""

NGRAM, THRESHOLD = 5, 0.8


def vocabulary(draw: np.random.Generator) -> pa.Array:
    """60,000 made-up words of two to five syllables."""
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    words = {"".join(draw.choice(syllables, size=n)) for n in draw.integers(2, 6, 80_000)}
    return pa.array(sorted(words)[:60_000], pa.large_string())


def chunk(draw: np.random.Generator, words: pa.Array, number: int, real: Sequence[str]) -> pa.Table:
    """100,000 documents: `text`, `n`, and `of`, the number of the one that a copy was made of."""
    lengths = draw.integers(20, 120, CHUNK)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    tokens = np.minimum(draw.zipf(1.25, ends[-1]) - 1 + draw.integers(0, 50, ends[-1]), len(words) - 1)
    copies = np.flatnonzero(draw.random(CHUNK) < 0.2)
    copies = copies[copies > 0]
    lists = np.split(tokens, ends[1:-1])
    originals = (draw.random(len(copies)) * copies).astype(np.int64)
    for copy, original in zip(copies.tolist(), originals.tolist(), strict=True):
        lists[copy] = changed(draw, lists[original], len(words))
    ends = np.concatenate([[0], np.cumsum([len(part) for part in lists])])
    flat = words.take(pa.array(np.concatenate(lists)))
    texts = pc.binary_join(pa.LargeListArray.from_arrays(pa.array(ends), flat), pa.scalar(" ", pa.large_string()))
    numbers = np.arange(CHUNK) + number * CHUNK
    of = np.full(CHUNK, -1)
    of[copies] = originals + number * CHUNK
    table = pa.table({"text": texts, "n": numbers, "of": pa.array(of, mask=of < 0)})
    return with_real(draw, table, real) if real else table


def changed(draw: np.random.Generator, tokens: np.ndarray, words: int) -> np.ndarray:
    """A copy with none to three words changed, or one taken out."""
    copy = tokens.copy()
    for _ in range(draw.integers(0, 4)):
        copy[draw.integers(len(copy))] = draw.integers(words)
    return np.delete(copy, draw.integers(len(copy))) if draw.random() < 0.3 else copy


def with_real(draw: np.random.Generator, table: pa.Table, real: Sequence[str]) -> pa.Table:
    """The table with every tenth text a real one under words of its own, copies of it kept as copies."""
    texts = table["text"].to_pylist()
    of = table["of"].to_pylist()
    first = table["n"][0].as_py()
    for place in range(0, len(texts), 10):
        if of[place] is None:
            words = real[int(draw.integers(len(real)))].split()[:300]
            own = [f"x{first + place}", *words] if len(words) < 8 else words
            for at in range(0, len(own), 6):
                own[at] = f"{own[at]}{draw.integers(1000)}"
            texts[place] = " ".join(own)
    for place, original in enumerate(of):
        if original is not None and (original - first) % 10 == 0 and of[original - first] is None:
            words = texts[original - first].split()
            words[draw.integers(len(words))] = "changed"
            texts[place] = " ".join(words)
    return table.set_column(0, "text", pa.array(texts, pa.large_string()))


def make(folder: Path, records: int, seed: int, real: Sequence[str]) -> int:
    """Write the documents; how many planted pairs are true duplicates."""
    draw = np.random.default_rng(seed)
    words, pairs = vocabulary(draw), 0
    (folder / "made").mkdir(parents=True)
    for number in range(-(-records // CHUNK)):
        table = chunk(draw, words, number, real)
        table = table.slice(0, min(CHUNK, records - number * CHUNK))
        copies = table.filter(pc.is_valid(table["of"]))
        first = number * CHUNK
        originals = table["text"].take(pc.subtract(copies["of"], first)).combine_chunks()
        alike = similarities(originals, copies["text"].combine_chunks(), NGRAM)
        true = np.zeros(len(table), bool)
        true[np.asarray(copies["n"])[alike >= THRESHOLD] - first] = True
        pairs += int(true.sum())
        pq.write_table(table.append_column("true", pa.array(true)), folder / f"made/{number:05}.parquet")
    return pairs


def tree(root: int) -> list[int]:
    """A process and all below it."""
    found, waiting = [], [root]
    while waiting:
        process = waiting.pop()
        found.append(process)
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            try:
                waiting += map(int, children.read_text().split())
            except OSError:
                continue
    return found


def resident(process: int) -> int:
    """Resident bytes of a process tree, what they share counted for each."""
    total = 0
    for one in tree(process):
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * 4096
        except (OSError, IndexError):
            continue
    return total


def phase(folder: Path) -> str:
    """What the run is doing, by the files that it has left."""
    partial = next((p for p in (folder / ".finery/artifacts").glob("*.partial")), None)
    if partial is None or list(partial.glob("unit-*")) or not (list(partial.glob("*keys-*"))):
        return "read" if not list((folder / ".finery/artifacts").glob("*/manifest.json")) else "keys or end"
    spill = partial / "spill"
    if list(spill.glob("pairs-*")):
        return "verify"
    if list(spill.glob("texts-*")):
        return "gather texts"
    done, keys = len(list(partial.glob("shard-*.json"))), len(list(partial.glob("keys-*")))
    return "group" if done == keys and not list(partial.glob("*.tmp")) else "keys or end"


def watched(folder: Path) -> tuple[int, dict[str, float], dict[str, int]]:
    """Run the pipeline; peak bytes, and seconds and peak bytes of each phase."""
    command = [str(Path(sys.executable).with_name("finery")), "run", "pipeline.toml", "--quiet"]
    process = subprocess.Popen(command, cwd=folder)
    seconds: dict[str, float] = {}
    peaks: dict[str, int] = {}
    before = time.monotonic()
    while process.poll() is None:
        time.sleep(0.2)
        now, at = time.monotonic(), phase(folder)
        seconds[at] = seconds.get(at, 0.0) + now - before
        peaks[at] = max(peaks.get(at, 0), resident(process.pid))
        before = now
    if process.returncode:
        raise SystemExit(process.returncode)
    return max(peaks.values()), seconds, peaks


def artifact(folder: Path, hook: str) -> tuple[Path, dict[str, object]]:
    """The artifact that a stage of that hook left, and its manifest."""
    for path in (folder / ".finery/artifacts").glob("*/manifest.json"):
        manifest = json.loads(path.read_bytes())
        if manifest["stage"]["hook"] == hook:
            return path.parent, manifest
    raise LookupError(hook)


FOUND = """
with base as (from read_parquet('{base}')), d as (select record, other from read_parquet('{decisions}')),
pairs as (
    select c.id as copy, o.id as original from base c join base o on o.n = c.of where c.true),
ends as (
    select copy, original, coalesce(x.other, copy) as a, coalesce(y.other, original) as b from pairs
    left join d x on x.record = copy left join d y on y.record = original)
select count(*) filter (a = b), count(*) from ends
"""


def scale(arguments: argparse.Namespace) -> None:
    """Make, run, and print."""
    folder = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        started = time.monotonic()
        real = [row["text"] for file in arguments.real for row in rows(file)]
        pairs = make(folder, arguments.records, arguments.seed, real)
        size = sum(path.stat().st_size for path in (folder / "made").iterdir())
        print(f"{arguments.records:,} records, {size / 1e6:,.0f} MB of Parquet, {len(real):,} real texts among them; "
              f"{pairs:,} planted pairs; made in {time.monotonic() - started:.0f} s", flush=True)  # fmt: skip
        settings = PIPELINE.format(workers=arguments.workers, memory=arguments.memory_gb, options=arguments.options)
        (folder / "pipeline.toml").write_text(settings)
        peak, seconds, peaks = watched(folder)
        print("\nphase          seconds  peak GB")
        for name, spent in seconds.items():
            print(f"{name:<14} {spent:7.1f}  {peaks[name] / 2**30:7.2f}")
        print(f"{'all':<14} {sum(seconds.values()):7.1f}  {peak / 2**30:7.2f}")
        read, _ = artifact(folder, "read")
        deduped, manifest = artifact(folder, "dedupe")
        query = FOUND.format(base=read / "data-*.parquet", decisions=deduped / "decisions*.parquet")
        [(found, expected)] = duckdb.connect().sql(query).fetchall()
        print(f"\nmerged {manifest['sources']['made']['merged']:,}; of {expected:,} planted pairs at or above "  # type: ignore[index]
              f"{THRESHOLD} {found:,} are in one group: {found / expected:.4f}")  # fmt: skip
    finally:
        shutil.rmtree(folder)


def rows(file: str) -> Iterator[dict[str, str]]:
    """The rows of a JSONL file."""
    with Path(file).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def quality(arguments: argparse.Namespace) -> None:
    """Precision and recall on real documents, against all pairs."""
    texts: dict[str, None] = {}
    for file in arguments.quality:
        for row in rows(file):
            texts.update(dict.fromkeys(row[name] for name in ("text", "a", "b") if row.get(name)))
    documents = list(texts)
    folder = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        (folder / "made").mkdir()
        table = pa.table({"text": pa.array(documents, pa.large_string()), "n": range(len(documents))})
        pq.write_table(table, folder / "made/all.parquet")
        (folder / "pipeline.toml").write_text(PIPELINE.format(workers=1, memory=4, options=arguments.options))
        watched(folder)
        print_quality(folder, table)
    finally:
        shutil.rmtree(folder)


def print_quality(folder: Path, table: pa.Table) -> None:
    """Compare what was merged with the components of all pairs at the threshold."""
    read, _ = artifact(folder, "read")
    deduped, _ = artifact(folder, "dedupe")
    if not list(deduped.glob("decisions*.parquet")):
        raise SystemExit("nothing was merged")
    query = f"""select b.n, o.n, d.value from read_parquet('{deduped}/decisions*.parquet') d
    join read_parquet('{read}/data-*.parquet') b on b.id = d.record
    join read_parquet('{read}/data-*.parquet') o on o.id = d.other"""
    merged = duckdb.connect().sql(query).fetchall()
    texts = table["text"].combine_chunks()
    left, right = np.array(list(combinations(range(len(texts)), 2))).T
    alike = np.concatenate([
        similarities(texts.take(pa.array(left[at : at + CHUNK])), texts.take(pa.array(right[at : at + CHUNK])), NGRAM)
        for at in range(0, len(left), CHUNK)
    ])  # fmt: skip
    label = np.arange(len(texts))
    for loser, survivor, _ in merged:
        label[loser] = survivor
    truth = alike >= THRESHOLD
    together = label[left] == label[right]
    direct = sum(value is not None for *_, value in merged)
    joined = np.arange(len(texts))
    for a, b in zip(left[truth], right[truth], strict=True):
        joined[joined == joined[b]] = joined[a]
    linked = joined[left] == joined[right]
    print(f"{len(texts):,} documents, {len(left):,} pairs, {int(truth.sum()):,} of them at or above {THRESHOLD}")
    print(f"merged {len(merged):,}: {direct:,} with their survivor at or above {THRESHOLD}, the rest through others")
    print(f"recall of pairs {np.mean(together[truth]):.4f}")
    print(f"precision: of pairs in one group, in one component of the truth {np.mean(linked[together]):.4f}, "
          f"at or above {THRESHOLD} themselves {np.mean(truth[together]):.4f}")  # fmt: skip


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--memory-gb", type=float, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", default=None)
    parser.add_argument("--real", nargs="*", default=[])
    parser.add_argument("--quality", nargs="*", default=[])
    parser.add_argument("--options", default="", help="lines of TOML for the stage")
    arguments = parser.parse_args()
    print_machine()
    quality(arguments) if arguments.quality else scale(arguments)


if __name__ == "__main__":
    main()

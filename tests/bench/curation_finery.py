"""Finery's side of `curation.py`: one task on one file of documents, its CPU-seconds as JSON in the last line.

python curation_finery.py TASK DOCUMENTS WORK_FOLDER RULE ...

TASK is a rule, `all`, `all:WORKERS` or `limit`.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq
import xxhash

from finery import record_ids
from finery.config import read_pipeline
from finery.run import run_pipeline
from finery.testing import memo

ROWS = 8192
"""Documents a batch, as in a run."""

WARM = 10
"""Documents before the clock starts: models are loaded and kernels compiled."""

RULES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "language": ("finery_plugins.filter.language", "Language", {"keep": ["en"]}),
    "repetition": ("finery_plugins.filter.repetition", "Repetition", {"preset": "datatrove"}),
    "gopher": ("finery_plugins.filter.gopher", "Gopher", {"preset": "datatrove"}),
    "c4": ("finery_plugins.filter.c4", "C4", {"preset": "datatrove", "end_marks": ""}),
    "fineweb": ("finery_plugins.filter.fineweb", "FineWeb", {}),
    "minhash": ("finery_plugins.dedupe.minhash", "MinHash", {}),
}
"""Module, class and options of each rule, in the order of FineWeb's pipeline."""


def present(rule: str) -> bool:
    """Whether Finery has the rule."""
    return importlib.util.find_spec(RULES[rule][0]) is not None


def plugin(rule: str) -> Any:
    """The rule's plugin with its options."""
    module, name, options = RULES[rule]
    return getattr(importlib.import_module(module), name)(**options)


def asked(subject: Any, hook: str) -> Callable[[pa.Table, Any], Any]:
    """A function that calls a plugin's hook with a batch, and with what the plugins of a pass share if it asks."""
    call = getattr(subject, hook)
    if "memo" in inspect.signature(call).parameters:
        return lambda batch, shared: call(batch=batch, memo=shared)
    return lambda batch, _: call(batch=batch)


def batches(documents: Path) -> list[pa.Table]:
    """The documents as a stage sees them, a source named `documents`."""
    read = pyarrow.json.read_json(documents, pyarrow.json.ReadOptions(block_size=1 << 28))
    texts = pa.table({"text": read.column("text").cast(pa.large_string()).combine_chunks()})
    source = pa.array(["documents"] * len(texts), pa.string()).dictionary_encode()
    whole = texts.append_column("id", record_ids(texts, "documents")).append_column("source", source)
    return [whole.slice(first, ROWS) for first in range(0, len(whole), ROWS)]


def rule_alone(rule: str, documents: Path) -> dict[str, Any]:
    """One rule over all documents; for MinHash its signatures."""
    given, answer = batches(documents), asked(plugin(rule), "dedupe" if rule == "minhash" else "filter")
    answer(given[0].slice(0, WARM), memo())
    started = cpu_seconds()
    answers = [answer(batch, memo()) for batch in given]
    seconds = cpu_seconds() - started
    told = {"seconds": seconds, "documents": sum(map(len, given))}
    if rule == "minhash":
        return told
    stays = pa.chunked_array([answer.code.is_null() for answer in answers]).to_pylist()
    return told | {"kept": sum(stays), "stays": "".join("01"[stay] for stay in stays)}


def whole(documents: Path, work: Path, rules: list[str], workers: int = 1) -> dict[str, Any]:
    """A run from nothing."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    (work / "pipeline.toml").write_text(pipeline_text(documents, rules, workers))
    started, clock = cpu_seconds(), time.perf_counter()
    run_pipeline(read_pipeline(work / "pipeline.toml"), work / ".finery")
    seconds, passed = cpu_seconds() - started, time.perf_counter() - clock
    manifests = [json.loads(path.read_text()) for path in (work / ".finery" / "artifacts").glob("*/manifest.json")]
    counts = {manifest["stage"]["id"]: manifest["sources"]["documents"] for manifest in manifests}
    read, kept = counts["read-documents"]["kept"], counts[rules[-1]]["kept"]
    return {"seconds": seconds, "documents": read, "kept": kept, "passed": passed, "peak": peak_bytes()}


def peak_bytes() -> int:
    """The most memory that this process ever held, or one of those that it waited for."""
    return 1024 * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def pipeline_text(documents: Path, rules: list[str], workers: int) -> str:
    """The pipeline file: JSON's way to write strings, numbers and lists is TOML's too."""
    lines = ['name = "curation"', "[run]", f"workers = {workers}", "[[source]]", 'name = "documents"']
    lines += [f"path = {json.dumps(str(documents.resolve()))}"]
    for rule in rules:
        module, name, options = RULES[rule]
        hook = module.split(".")[1]
        lines += ["[[stage]]", f'id = "{rule}"', f'{hook} = "{module}:{name}"']
        lines += [f"{option} = {json.dumps(value)}" for option, value in options.items()]
    return "\n".join(lines) + "\n"


def limit(documents: Path, work: Path) -> dict[str, Any]:
    """Read from Parquet, hashed once (xxh3), written."""
    work.mkdir(parents=True, exist_ok=True)
    given, copy = work / "given.parquet", work / "copy.parquet"
    texts = pa.concat_tables(batches(documents)).select(["text"])
    pq.write_table(texts, given, row_group_size=ROWS, compression="zstd", use_dictionary=False)
    started = cpu_seconds()
    file, digest = pq.ParquetFile(given), xxhash.xxh3_128()
    with pq.ParquetWriter(copy, file.schema_arrow, compression="zstd", use_dictionary=False) as writer:
        for number in range(file.num_row_groups):
            table = file.read_row_group(number, use_threads=False)
            for chunk in table.column("text").chunks:
                digest.update(memoryview(chunk.buffers()[2]))
            writer.write_table(table)
    return {"seconds": cpu_seconds() - started, "documents": len(texts)}


def cpu_seconds() -> float:
    """User and system time of this process and of those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Carry out the task named first."""
    task, documents, work, *rules = sys.argv[1:]
    pa.set_cpu_count(1)
    name, _, workers = task.partition(":")
    if name == "all":
        answer = whole(Path(documents), Path(work) / "finery", rules, int(workers or 1))
    elif task == "limit":
        answer = limit(Path(documents), Path(work))
    else:
        answer = rule_alone(task, Path(documents))
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

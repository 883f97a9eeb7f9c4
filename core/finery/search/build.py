"""Building an index: every record of a data set, out of core, in a folder named by what the data set holds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa

from finery.data.artifacts import read_json, write_json
from finery.search.texts import texts_of
from finery.search.words import analyzer, library
from finery.types import Dataset

FORMAT = 1
"""The version of what lies in an index's folder."""
HEAP_BYTES = 128 * 2**20
"""What may wait in memory before it is written."""
FOLDER = "search"
"""Below the work folder: a folder an index."""
SAID = "index.json"
"""In an index's folder, written last: what it is an index of."""
ANALYZER = "finery"


def index_of(dataset: Dataset, root: Path, where: str) -> Path:
    """The folder of the index of a data set, built where it is not there; a half-built one counts for nothing."""
    folder = root / FOLDER / f"{dataset.fingerprint}-{FORMAT}"
    if read_json(folder / SAID) is None:
        beside = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
        shutil.rmtree(beside, ignore_errors=True)
        try:
            build(dataset, beside, where)
            shutil.rmtree(folder, ignore_errors=True)
            beside.replace(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return folder


def schema(tantivy: Any) -> Any:
    """What the index keeps: words with their places; text, id and source to be shown; and the order of the records."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("words", tokenizer_name=ANALYZER, index_option="position")
    builder.add_bytes_field("text", stored=True)
    for name in ("record", "source"):
        builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("place", fast=True)
    return builder.build()


def build(dataset: Dataset, folder: Path, where: str) -> None:
    """Write an index. Memory does not grow with the records."""
    tantivy = library(where)
    folder.mkdir(parents=True)
    index = tantivy.Index(schema(tantivy), path=str(folder), reuse=False)
    index.register_tokenizer(ANALYZER, analyzer(where))
    writer = index.writer(heap_size=HEAP_BYTES)
    place = 0
    for batch in dataset.batches():
        sources = batch["source"].cast(pa.string()).to_pylist()
        for record, source, text in zip(batch["id"].to_pylist(), sources, texts_of(batch), strict=True):
            writer.add_document(document(tantivy, str(record), source, text, place))
            place += 1
    writer.commit()
    writer.wait_merging_threads()
    write_json(folder / SAID, {"records": place, "format": FORMAT})


def document(tantivy: Any, record: str, source: str, text: str, place: int) -> Any:
    """A record as the library takes it; its text is kept as bytes, which are not indexed."""
    made = tantivy.Document()
    made.add_text("words", text)
    made.add_bytes("text", text.encode())
    made.add_text("record", record)
    made.add_text("source", source)
    made.add_unsigned("place", place)
    return made

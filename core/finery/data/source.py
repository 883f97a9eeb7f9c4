"""One source of a pipeline: where its records lie and how they are to be understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonlines": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".warc": "warc",
    ".wet": "wet",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
}
"""The kind of a file by the end of its name, after `.gz` or `.zst` is taken off."""

KINDS = ("jsonl", "json", "csv", "tsv", "parquet", "text", "lines", "blocks", "markdown", "warc", "wet", "html")
"""How a file holds records: `text`, `markdown` and `html` are a document a file, `lines` and `blocks` (between blank
lines) more; `warc` and `wet` are web archives, whose records may be pages or text."""

WEB = {
    "warc": ("fastwarc", "trafilatura", "lxml_html_clean"),
    "wet": ("fastwarc",),
    "html": ("trafilatura", "lxml_html_clean"),
}
"""The libraries that kinds of the web need, all in the extra `web`."""

COMPRESSIONS = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}
"""The compression of a file by the end of its name."""


@dataclass(frozen=True)
class SourceConfig:
    """One `[[source]]` of a pipeline: exactly one of `path`, `dataset` and `query` says where the records
    lie."""

    name: str
    path: str | tuple[str, ...] | None = None
    """Files: globs or URLs that fsspec knows, relative to the pipeline's folder."""
    dataset: str | None = None
    """A data set of the `datasets` library: its name on the hub, or a local folder."""
    query: str | None = None
    """One DuckDB `select`; files it names are relative to the pipeline's folder."""
    kind: str | None = None
    """One of `KINDS`; by default the file's suffix tells."""
    shape: str | None = None
    """One of `finery.data.shapes.SHAPES`; by default the first records tell."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Our name of a field to theirs; `meta.url` reaches into a nested object."""
    split: str | None = None
    """The split of `dataset`; by default `train`, or the only one there is."""
    revision: str | None = None
    """The revision of `dataset` on the hub."""
    config: str | None = None
    """The configuration (subset) of `dataset`."""
    max_bad: float = 0.01
    """The share of unreadable rows that is tolerated; the kernel enforces it."""

    @property
    def place(self) -> str:
        """What an error calls this source."""
        return f"source '{self.name}'"

    @property
    def patterns(self) -> tuple[str, ...]:
        """The globs and URLs of `path`, none for other sources."""
        if self.path is None:
            return ()
        return (self.path,) if isinstance(self.path, str) else tuple(self.path)

"""Full-text search at size, three ways: tantivy, an inverted index in DuckDB, and DuckDB looking through every text.

`python search.py --records 1000000`. The texts are made from a vocabulary whose words are as frequent as Zipf's law
says, one in ten of them in Chinese; some 40,000 are drawn, and come again with a number of their own. Questions are
words and runs of words of records, so that each has an answer. DuckDB's own full-text extension needs the network.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from finery import record_ids
from finery.search.build import index_of
from finery.search.index import Lookup

BATCH, VOCABULARY, POOL = 8_192, 200_000, 5


class Made:
    """A data set of made texts; what it holds follows from its size."""

    sources = ("made",)

    def __init__(self, records: int, words: int) -> None:
        self.records = records
        self.length = words
        self.fingerprint = f"made-{records}-{words}"
        self.words = np.array([f"w{n:x}" for n in range(VOCABULARY)])
        self.pool = [self.drawn(number) for number in range(POOL)]

    def columns(self, _source: str) -> tuple[str, ...]:
        """One text."""
        return ("id", "source", "text")

    def batches(self, columns: object = None, only: object = None) -> Iterator[pa.Table]:
        """All records."""
        for start in range(0, self.records, BATCH):
            texts = pa.array(self.texts(start, min(BATCH, self.records - start)), pa.large_string())
            table = pa.table({"text": texts})
            names = pa.array(["made"] * len(table)).dictionary_encode()
            yield table.add_column(0, "source", names).add_column(0, "id", record_ids(table, "made"))

    def texts(self, start: int, count: int) -> list[str]:
        """The texts of some records."""
        pool = self.pool[start // BATCH % POOL]
        return [f"{text} n{start + row}" for row, text in enumerate(pool[:count])]

    def drawn(self, number: int) -> list[str]:
        """A batch of texts."""
        draw = np.random.default_rng(number)
        ranks = np.minimum(draw.zipf(1.15, (BATCH, self.length)) - 1, VOCABULARY - 1)
        chinese = np.minimum(draw.zipf(1.1, (BATCH, self.length)) - 1, 3_000)
        return [
            "".join(chr(0x4E00 + int(c)) for c in chinese[row]) if row % 10 == 0 else " ".join(self.words[ranks[row]])
            for row in range(BATCH)
        ]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def size(place: Path) -> int:
    """Bytes of a file or folder."""
    return sum(p.stat().st_size for p in place.rglob("*")) if place.is_dir() else place.stat().st_size


def inverted(connection: duckdb.DuckDBPyConnection, files: str) -> None:
    """Words and the records that hold them, as a table sorted by word: what DuckDB can do without its extension."""
    connection.execute(f"""
        create table words as
        select word, row, count(*)::int as times from (
            select row, unnest(regexp_extract_all(lower(text), '[\\p{{Han}}]|[\\p{{L}}\\p{{N}}]+')) as word
            from (select row_number() over () as row, text from '{files}')) group by all order by word""")


def questions(data: Made) -> dict[str, list[str]]:
    """Three words, and a run of words, of records all over the data."""
    starts = [n * data.records // 20 // BATCH * BATCH for n in range(20)]
    drawn = {start: data.texts(start, min(BATCH, data.records - start)) for start in starts}
    texts = [drawn[start][1 + n % 9] for n, start in enumerate(starts)]
    chinese = [drawn[start][10 * n][5:13] for n, start in enumerate(starts)]
    words = [" ".join(text.split()[n] for n in (3, 9, 17)) for text in texts]
    rare = [f"{text.split()[3]} {text.split()[-1]}" for text in texts]
    runs = [" ".join(text.split()[10:15]) for text in texts]
    return {"three words": words, "a rare word": rare, "run of five": runs, "eight 汉字": chinese}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=60, help="words of a record")
    parser.add_argument("--without-table", action="store_true", help="leave DuckDB's inverted index out")
    given = parser.parse_args()
    data = Made(given.records, given.words)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        texts = root / "texts.parquet"
        with pq.ParquetWriter(texts, next(data.batches()).select(["id", "text"]).schema, compression="zstd") as writer:
            bytes_ = sum(writer.write_table(b.select(["id", "text"])) or b.nbytes for b in data.batches())
        print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print(f"{data.records:,} records, {bytes_ / 1e6:,.0f} MB\n")
        _, drawing = timed(lambda: [None for _ in data.batches()])
        wall, cpu = timed(lambda: index_of(data, root, "bench"))
        cpu -= drawing
        built = next((root / "search").iterdir())
        print(f"tantivy: built in {wall:.0f} s ({cpu:.0f} CPU-s), {size(built) / 1e6:,.0f} MB")
        connection = duckdb.connect(str(root / "words.duckdb"))
        if not given.without_table:
            wall, cpu = timed(lambda: inverted(connection, str(texts)))
            connection.execute("checkpoint")
            print(f"DuckDB:  built in {wall:.0f} s ({cpu:.0f} CPU-s), {size(root / 'words.duckdb') / 1e6:,.0f} MB")
        print("\n| question | tantivy, opened, ms | tantivy, open, ms | DuckDB table, ms | DuckDB scan, ms |")
        print("| --- | --- | --- | --- | --- |")
        lookup = Lookup(data, root, "bench")
        for kind, asked in questions(data).items():
            row = [median(lambda q, k=kind: ask(Lookup(data, root, "bench"), k, q), asked)]
            row.append(median(lambda q, k=kind: ask(lookup, k, q), asked))
            row.append(None if given.without_table else median(lambda q: table(connection, lookup.words(q)), asked))
            row.append(median(lambda q: scan(connection, texts, q), asked[:5]))
            print(f"| {kind} | " + " | ".join("" if v is None else f"{v * 1000:.1f}" for v in row) + " |")


def ask(lookup: Lookup, kind: str, question: str) -> None:
    """Ask for a question's best records."""
    found = lookup.about(question) if "word" in kind else lookup.phrase(question)
    assert found.total, question


def table(connection: duckdb.DuckDBPyConnection, words: list[str]) -> None:
    """Records by how many of the words they hold: no phrases, and no weights."""
    query = "select row, count(*) from words where word in (select unnest(?)) group by row order by 2 desc limit 10"
    connection.execute(query, [words]).fetchall()


def scan(connection: duckdb.DuckDBPyConnection, texts: Path, question: str) -> None:
    """Records that hold the question as it is."""
    query = f"select id, count(*) over () from '{texts}' where contains(text, ?) limit 10"
    connection.execute(query, [question]).fetchall()


def median(work: Callable[[str], object], asked: list[str]) -> float:
    """The median of wall seconds over questions."""
    return statistics.median(timed(lambda q=q: work(q))[0] for q in asked)


if __name__ == "__main__":
    main()

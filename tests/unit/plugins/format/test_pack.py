"""Packing: every token of every document stands in a row once, documents stay apart, and rows are nearly full."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finery import Stage, Tally, UsageError
from finery.stages.gather import in_order
from finery.testing.dataset import MemoryDataset
from finery_plugins.format.pack import Pack
from finery_plugins.train.tokenizer import documents, trained_tokenizer

BatchOf = Callable[..., pa.Table]
STAGE = Stage("pack", "format", "pack", seed=17)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small tokenizer."""
    made = tmp_path_factory.mktemp("tokenizer")
    trained_tokenizer(["one two three four"] * 9, 300, 64).save_pretrained(made)
    return made


def packed(plugin: Pack, *batches: pa.Table) -> tuple[list[dict[str, Any]], Tally]:
    """The rows that are made of batches of one source, as the kernel has them made."""
    tally = Tally()
    state = plugin.prepare(dataset=MemoryDataset(batches), stage=STAGE)
    batch = pa.concat_tables(batches)
    keys = plugin.gather(batch=batch, state=state)
    together, _ = in_order(batch, keys)
    return plugin.format(batch=together, state=state, stage=STAGE, tally=tally).to_pylist(), tally


def pieces(row: dict[str, Any]) -> list[list[int]]:
    """The tokens of each document in a row, told apart by its positions."""
    starts = [i for i, position in enumerate(row["position_ids"]) if position == 0]
    return [row["input_ids"][a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("ab cd\n", max_size=60), min_size=1, max_size=20))
def test_every_token_is_in_one_row_once(batch_of: BatchOf, folder: Path, texts: list[str]) -> None:
    from transformers import AutoTokenizer

    rows, tally = packed(Pack(tokenizer=str(folder), context=16), batch_of(text=texts))
    found = sorted(piece for row in rows for piece in pieces(row))
    tokens = documents(AutoTokenizer.from_pretrained(folder), texts)
    assert found == sorted(ids[i : i + 16] for ids in tokens for i in range(0, len(ids), 16))
    assert all(len(row["input_ids"]) == len(row["position_ids"]) <= 16 for row in rows)
    assert tally == {"rows": len(rows), "tokens": sum(map(len, tokens))}


def test_rows_are_nearly_full(batch_of: BatchOf, folder: Path) -> None:
    draw = np.random.default_rng(5)
    texts = ["one two " * int(n) for n in draw.integers(1, 30, 400)]
    rows, tally = packed(Pack(tokenizer=str(folder), context=64), batch_of(text=texts))
    # Johnson 1973: best-fit decreasing needs at most 11/9 of the fewest rows; on such lengths it is next to none.
    assert tally["tokens"] / (64 * len(rows)) > 0.97


def test_a_document_of_the_context_fills_a_row(batch_of: BatchOf, folder: Path) -> None:
    rows, _ = packed(Pack(tokenizer=str(folder), context=16), batch_of(text=["a" * 14, "a" * 30]))
    assert [row["position_ids"] for row in rows] == [list(range(16))] * 3
    assert [len(row["parent"]) for row in rows] == [1, 1, 1]


def test_over_long_documents_can_be_left_out(batch_of: BatchOf, folder: Path) -> None:
    plugin = Pack(tokenizer=str(folder), context=16, over_long="drop")
    rows, _ = packed(plugin, batch_of(text=["a" * 15, "a" * 3, "a" * 14]))
    assert sorted(len(row["input_ids"]) for row in rows) == [5, 16]


def test_empty_documents_are_in_no_row(batch_of: BatchOf, folder: Path) -> None:
    batch = batch_of(text=["", None, "a"])
    rows, _ = packed(Pack(tokenizer=str(folder)), batch)
    assert [row["parent"] for row in rows] == [[batch["id"].to_pylist()[2]]]


def test_splits_do_not_share_rows(batch_of: BatchOf, folder: Path) -> None:
    batch = batch_of(text=["a"] * 6, split=["train", "test"] * 3)
    rows, _ = packed(Pack(tokenizer=str(folder)), batch)
    owners = dict(zip(batch["id"].to_pylist(), batch["split"].to_pylist(), strict=True))
    assert sorted((row["split"], row["documents"]) for row in rows) == [("test", 3), ("train", 3)]
    assert all({owners[parent] for parent in row["parent"]} == {row["split"]} for row in rows)


def test_small_batches_are_packed_alike(batch_of: BatchOf, folder: Path) -> None:
    plugin, batch = Pack(tokenizer=str(folder), context=16), batch_of(text=["ab" * n for n in range(12)])
    parts = [batch.slice(start, 5) for start in range(0, 12, 5)]
    assert packed(plugin, *parts) == packed(plugin, batch)


def test_a_tokenizer_that_is_not_there_is_told(batch_of: BatchOf, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot load the tokenizer"):
        packed(Pack(tokenizer=str(tmp_path / "none")), batch_of(text=["a"]))

"""A sample of a data set with its topics: found once before the batches, asked for each record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from finery import Batch, Dataset, Stage, chance
from finery_plugins.text.content import contents, one_chunk
from finery_plugins.text.embedding import (
    Embedding,
    add_frequencies,
    document_frequencies,
    fitted_weights,
    levelled,
    products,
    squares,
)

ROUNDS = 25
"""Rounds of k-means at most; on samples of thousands it settles sooner."""

UNIT = 4096
"""Vectors of k-means are scaled to this length and rounded, so that sums of them are exact in any order."""

SCHEMA = pa.schema([("name", pa.string()), ("kind", pa.string()), ("width", pa.int64()), ("data", pa.large_binary())])


@dataclass(frozen=True)
class Sample:
    """What is kept of a data set to measure its records against."""

    ids: np.ndarray
    """`S16` (n,), sorted: the ids of the sample's records, 16 bytes each."""
    vectors: np.ndarray
    """`int8` (n, size): their embeddings."""
    topics: np.ndarray
    """`int64` (n,): the topic of each."""
    sources: np.ndarray
    """`int64` (n,): the place of each one's source among all."""
    centres: np.ndarray
    """`int8` (topics, size): a topic is what is nearest to one of them."""
    weights: np.ndarray
    """`int32`: what each feature of hashed words weighs; empty with a model."""

    def table(self) -> pa.Table:
        """The sample as a state that a run can keep."""
        rows = []
        for name, array in vars(self).items():
            width = array.shape[1] if array.ndim == 2 else 0
            rows.append({"name": name, "kind": array.dtype.str, "width": width, "data": array.tobytes()})
        return pa.Table.from_pylist(rows, SCHEMA)

    @classmethod
    def of(cls, state: pa.Table) -> Sample:
        """The sample that a state holds."""
        arrays = {}
        for row in state.to_pylist():
            flat = np.frombuffer(row["data"], row["kind"])
            arrays[row["name"]] = flat.reshape(-1, row["width"]) if row["width"] else flat
        return cls(**arrays)

    def embedding(self, model: str | None) -> Embedding:
        """How records are embedded, so that they can be compared with the sample."""
        return Embedding(model, None if model else self.weights)


def sampled(
    dataset: Dataset, stage: Stage, model: str | None, size: int, topics: int | None, column: str | None
) -> Sample:
    """The sample of a data set: the records of the least chance, `size` of them at most."""
    names = [name for name in dataset.sources if stage.only is None or name in stage.only]
    weights, under = counted(dataset, stage, names, model, size, column)
    embedding = Embedding(model, None if model else weights)
    found = list(drawn(dataset, stage, names, embedding, under, column))
    ids = np.concatenate([part[0] for part in found] or [np.zeros(0, "S16")])
    vectors = np.concatenate([part[1] for part in found] or [np.zeros((0, 1), np.int8)])
    sources = np.concatenate([part[2] for part in found] or [np.zeros(0, np.int64)])
    order = np.argsort(ids, kind="stable")
    ids, vectors, sources = ids[order], vectors[order], sources[order]
    spoken = vectors[with_words(vectors)]
    centres = clustered(spoken, topics or max(1, round((len(spoken) / 2) ** 0.5)))
    return Sample(ids, vectors, nearest_topic(vectors, centres), sources, centres, weights)


def counted(
    dataset: Dataset, stage: Stage, names: Sequence[str], model: str | None, size: int, column: str | None
) -> tuple[np.ndarray, float]:
    """What features weigh (nothing with a model), and the chance under which `size` records lie."""
    frequencies = np.zeros(0, np.int64) if model else document_frequencies()
    records, least = 0, np.zeros(0)
    for batch in batches(dataset, names):
        records += len(batch)
        least = np.sort(np.concatenate([least, chance(batch, stage)]))[: size + 1]
        if not model:
            add_frequencies(frequencies, contents(batch, column))
    weights = np.zeros(0, np.int32) if model else fitted_weights(frequencies, records)
    return weights, float(least[size]) if len(least) > size else 2.0


def drawn(
    dataset: Dataset, stage: Stage, names: Sequence[str], embedding: Embedding, under: float, column: str | None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Ids, embeddings and sources of the records whose chance is under a bound."""
    for batch in batches(dataset, names):
        few = batch.filter(pa.array(chance(batch, stage) < under))
        if len(few):
            place = names.index(few["source"][0].as_py())
            yield raw_ids(few), embedding.vectors(contents(few, column)), np.full(len(few), place, np.int64)


def batches(dataset: Dataset, names: Sequence[str]) -> Iterable[Batch]:
    """The batches of some sources that hold records."""
    return (batch for batch in dataset.batches(only=names) if len(batch)) if names else ()


def raw_ids(batch: Batch) -> np.ndarray:
    """`S16` (n,): the ids of a batch as bytes; trailing zero bytes do not count when they are compared."""
    ids = one_chunk(batch["id"]).cast(pa.binary(16))
    return np.array(ids.to_pylist(), "S16")


def clustered(vectors: np.ndarray, count: int) -> np.ndarray:
    """`int8` (count or fewer, size): the centres of spherical k-means (Dhillon and Modha 2001).

    It begins with vectors spread evenly over those given; a centre that no vector is nearest to stays where it is.
    """
    if not len(vectors):
        return np.zeros((1, vectors.shape[1]), np.int8)
    first = np.linspace(0, len(vectors) - 1, min(count, len(vectors))).astype(np.int64)
    centres, before = np.unique(vectors[first], axis=0), None
    units = np.rint(vectors * (UNIT / np.sqrt(squares(vectors))[:, None])).astype(np.int64)
    for _ in range(ROUNDS):
        nearest = nearest_topic(vectors, centres)
        if before is not None and (nearest == before).all():
            break
        sums = np.zeros(centres.shape, np.int64)
        np.add.at(sums, nearest, units)
        centres, before = np.where(with_words(sums)[:, None], levelled(sums), centres), nearest
    return centres


def nearest_topic(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """`int64` (n,): the centre with the largest cosine, the first of equal ones."""
    found: np.ndarray = (products(vectors, centres) / np.sqrt(squares(centres))).argmax(axis=1)
    return found


def with_words(vectors: np.ndarray) -> np.ndarray:
    """`bool` (n,): which vectors are not all 0, that is, come from a text with words."""
    return np.asarray(vectors.any(axis=1), bool)

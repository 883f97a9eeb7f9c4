"""The score `diversity`: how far a record is from others, how common its topic is, and whom it speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field

from finery import Batch, Dataset, File, HubFile, Needs, Stage, State, Tally, hookimpl, plugin
from finery_plugins.score.topics import Sample, nearest_topic, raw_ids, sampled, with_words
from finery_plugins.text.content import contents
from finery_plugins.text.embedding import products, squares
from finery_plugins.text.groups import mentions, read_terms, shipped
from finery_plugins.text.lexicon import LANGUAGES, Language

BLOCK = 256
"""Records compared with the sample at a time."""


@plugin(needs=Needs(extra="text"))
class Diversity:
    """Add how far each record is from others, how common its topic is, and the groups of people it names.

    A sample of all records is embedded and clustered before the batches: words and pieces of words, weighted by how
    rare they are in the data (TF-IDF), projected to 256 numbers; or by an `embedder`. Distances are 1 less the cosine,
    to the records of the sample other than the record itself, exactly; of data larger than the sample they are
    estimates, and too large rather than too small.

    - `neighbour_distance`: to the nearest record; 0 is a copy.
    - `neighbourhood_distance`: the mean of those to the `neighbours` nearest.
    - `topic`: the cluster (spherical k-means) it is nearest to, numbered from 0.
    - `topic_share`: the share of the sample that is in this topic.
    - `topic_source_spread`: how evenly the topic's records come from the sources: the entropy of its sources over that
      of equal parts, 0 for a topic of one source, 1 for all alike; null where there is one source.
    - `groups`: the groups of people it names, such as `gender/female`, by a list in English and Chinese.

    The tally counts, by group, `terms group` (how often it is named) and `records group` (in how many records): a
    report of who is spoken of, and of who is not. Distances and topics of a record without words are null.

    ```toml
    [[stage]]
    score = "diversity"
    neighbours = 5
    ```
    """

    neighbours: Annotated[int, Field(ge=1, le=100)] = 10
    """How many of the nearest records `neighbourhood_distance` looks at."""

    sample: Annotated[int, Field(ge=2, le=200_000)] = 10_000
    """Records to measure against, drawn by a hash of their ids. Each costs its embedding: 256 bytes, with an embedder
    as many as its vectors have numbers; time grows with it."""

    topics: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Clusters; by default the root of half the sample's records."""

    embedder: HubFile | None = None
    """A folder or hub name of a transformers encoder with safetensors weights; needs the extra `train`."""

    languages: list[Language] = Field(default_factory=lambda: list(LANGUAGES))
    """Whose shipped lists of groups are used; an empty list is none."""

    terms: list[File] = Field(default_factory=list)
    """Further lists of groups, UTF-8: a phrase a line, a tab, its group."""

    column: str | None = None
    """The column to look at; by default all text of a record, whatever its shape."""

    @hookimpl
    def prepare(self, dataset: Dataset, stage: Stage) -> State:
        """The sample, as a table (see `topics.Sample`)."""
        return sampled(dataset, stage, self.embedder, self.sample, self.topics, self.column).table()

    @hookimpl
    def score(self, batch: Batch, state: State, tally: Tally) -> Mapping[str, pa.Array]:
        """Distances, shares and spread are `float64`, `topic` `int64`, `groups` `list<string>`."""
        sample, texts = Sample.of(state), contents(batch, self.column)
        vectors = sample.embedding(self.embedder).vectors(texts)
        return {
            **self.distances(vectors, raw_ids(batch), sample),
            **topic_columns(vectors, sample),
            "groups": self.groups(texts, tally),
        }

    def distances(self, vectors: np.ndarray, ids: np.ndarray, sample: Sample) -> dict[str, pa.Array]:
        """How far the nearest others are."""
        nearest = np.full((len(vectors), self.neighbours), np.nan)
        for start in range(0, len(vectors), BLOCK):
            part = slice(start, start + BLOCK)
            nearest[part] = nearest_cosines(vectors[part], ids[part], sample, self.neighbours)
        found, near = np.isfinite(nearest), 1 - nearest
        means = np.where(found, near, 0).sum(1) / np.maximum(found.sum(1), 1)
        absent = ~found[:, 0]
        return {
            "neighbour_distance": pa.array(np.where(absent, 0, near[:, 0]), mask=absent),
            "neighbourhood_distance": pa.array(means, mask=absent),
        }

    def groups(self, texts: pa.Array, tally: Tally) -> pa.Array:
        """The groups that each text names, counted in the tally."""
        terms = [*shipped(tuple(self.languages)), *(term for path in self.terms for term in read_terms(path))]
        rows: list[list[str]] = [[] for _ in range(len(texts))]
        for group, counts in mentions(texts, terms).items():
            named = np.flatnonzero(counts).tolist()
            if named:
                tally[f"terms {group}"] += int(counts.sum())
                tally[f"records {group}"] += len(named)
            for row in named:
                rows[row].append(group)
        return pa.array(rows, pa.list_(pa.string()))


def nearest_cosines(vectors: np.ndarray, ids: np.ndarray, sample: Sample, count: int) -> np.ndarray:
    """`float64` (n, count): the largest cosines with records of the sample, falling; NaN where there are no more."""
    alike = np.full((len(vectors), max(count, len(sample.ids))), -np.inf)
    if not len(sample.ids):
        return np.full((len(vectors), count), np.nan)
    # One root of both squares: the cosine of equal vectors is then 1 to the last bit.
    lengths = np.sqrt(np.outer(squares(vectors), squares(sample.vectors)))
    alike[:, : len(sample.ids)] = products(vectors, sample.vectors) / lengths
    alike[:, : len(sample.ids)][:, ~with_words(sample.vectors)] = -np.inf
    alike[~with_words(vectors)] = -np.inf
    places = np.minimum(np.searchsorted(sample.ids, ids), len(sample.ids) - 1)
    own = np.flatnonzero(sample.ids[places] == ids)
    alike[own, places[own]] = -np.inf
    best = -np.sort(np.partition(-alike, count - 1, axis=1)[:, :count], axis=1)
    # Rounding can lift the cosine of equal directions a hair above 1.
    return np.where(np.isfinite(best), np.minimum(best, 1), np.nan)


def topic_columns(vectors: np.ndarray, sample: Sample) -> dict[str, pa.Array]:
    """The topic of each vector, and what the sample says of it."""
    silent = ~with_words(vectors)
    known = with_words(sample.vectors)
    if not known.any():
        silent[:] = True
    topics = nearest_topic(vectors, sample.centres) if known.any() else np.zeros(len(vectors), np.int64)
    sizes = np.bincount(sample.topics[known], minlength=len(sample.centres))
    spread = source_spread(sample, known)
    return {
        "topic": pa.array(topics, pa.int64(), mask=silent),
        "topic_share": pa.array((sizes / max(1, known.sum()))[topics], pa.float64(), mask=silent),
        "topic_source_spread": pa.array(spread[topics], pa.float64(), mask=silent | np.isnan(spread[topics])),
    }


def source_spread(sample: Sample, known: np.ndarray) -> np.ndarray:
    """`float64` (topics,): the entropy of each topic's sources over its largest; NaN with one source."""
    sources = int(sample.sources.max(initial=0)) + 1
    counts = np.zeros((len(sample.centres), sources))
    np.add.at(counts, (sample.topics[known], sample.sources[known]), 1)
    if len(np.unique(sample.sources)) < 2:
        return np.full(len(counts), np.nan)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    entropy = -(shares * np.log(np.where(shares > 0, shares, 1))).sum(1)
    found: np.ndarray = np.maximum(entropy, 0) / np.log(len(np.unique(sample.sources)))
    return found

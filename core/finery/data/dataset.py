"""A view of records on disk: for each source, its shards; what plugins see as `Dataset`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import xxhash

from finery.data.artifacts import Artifacts
from finery.data.shards import Shard, ShardReader


@dataclass(frozen=True)
class ShardedDataset:
    """The records that stand after some stage, source by source."""

    artifacts: Artifacts
    shards: Mapping[str, tuple[Shard, ...]]
    fingerprints: Mapping[str, str]
    """The fingerprint of each source's records."""

    @property
    def fingerprint(self) -> str:
        """Equal for equal records in equal order."""
        return xxhash.xxh3_128_hexdigest("\n".join(f"{k} {v}" for k, v in self.fingerprints.items()).encode())

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources, in the pipeline's order."""
        return tuple(self.shards)

    @property
    def records(self) -> int:
        """How many records there are."""
        return sum(shard.records for shard in self.all_shards())

    def all_shards(self, only: Sequence[str] | None = None) -> Iterator[Shard]:
        """Every shard of some sources, in order."""
        for source in self.sources if only is None else only:
            yield from self.shards[source]

    def columns(self, source: str) -> tuple[str, ...]:
        """The columns of one source's records."""
        shards = self.shards[source]
        return ("id", "source", *(shards[0].columns if shards else ()))

    def batches(self, columns: Sequence[str] | None = None, only: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Every record, in shard order; a batch holds one source, `id` and `source` are always there."""
        for shard in self.all_shards(only):
            for group in ShardReader(self.artifacts, shard, columns).groups():
                yield group.batch

    def only(self, sources: Sequence[str] | None) -> ShardedDataset:
        """The same view of some sources."""
        if sources is None:
            return self
        names = [name for name in self.sources if name in sources]
        return replace(
            self,
            shards={name: self.shards[name] for name in names},
            fingerprints={name: self.fingerprints[name] for name in names},
        )

    def after(self, shards: Sequence[Shard], fingerprint: str, sources: Sequence[str]) -> ShardedDataset:
        """The view with the shards of some sources replaced by what a stage made of them."""
        made = {name: tuple(s for s in shards if s.source == name) for name in sources}
        marks = {name: f"{fingerprint}/{name}" for name in sources}
        return replace(self, shards={**self.shards, **made}, fingerprints={**self.fingerprints, **marks})

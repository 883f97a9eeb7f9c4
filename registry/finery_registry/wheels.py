"""Wheels that indexes know, for `finery lock`: the entry point `finery.wheels`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from finery_registry.indexes import Indexes, read_indexes
from finery_registry.install import same_version
from finery_registry.listing import Release


def known(places: Sequence[str] = ()) -> Callable[[str, str], Mapping[str, str]]:
    """Who knows `wheel`, `sha256` and `from` of a distribution's name and version; nothing where no index lists it.

    The indexes are read at the first question. A hash is the index's word: the lock's digest of the installed files is
    what shows whether they came from that wheel.
    """

    @cache
    def indexes() -> Indexes:
        return read_indexes(tuple(places))

    def wheel(name: str, version: str) -> Mapping[str, str]:
        found = release(indexes(), name, version)
        return {"wheel": found.file, "sha256": found.sha256, "from": "an index"} if found else {}

    return wheel


def release(indexes: Indexes, name: str, version: str) -> Release | None:
    """The release of a distribution that an index lists, None where none does."""
    listing = indexes.listings.get(name)
    releases = listing.releases if listing else ()
    return next((one for one in releases if same_version(one.version, version)), None)

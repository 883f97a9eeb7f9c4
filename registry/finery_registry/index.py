"""One index read: a folder of entries, or the JSON that `finery plugins index` makes of one, here or at a URL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery import Fault, UsageError
from finery_registry import cache
from finery_registry.listing import Listing, is_url

FORMAT = 1
BUNDLED = Path(__file__).parent / "entries"
"""The community's entries, as this version of Finery brings them."""
COMMUNITY = "community"
"""What that index is called."""
INSIDE = ("entries", "registry/finery_registry/entries")
"""Where a checkout keeps its entries."""

Values = dict[str, Any]


@dataclass(frozen=True)
class Index:
    """An index as it was read."""

    place: str
    entries: tuple[Listing, ...]
    faults: tuple[Fault, ...] = ()
    """What is wrong with entries that are therefore left out."""


def read_index(place: str, allow_http: bool = False) -> Index:
    """The index at a folder, a JSON file or a URL.

    Raises UsageError where there is none, or where a URL's is damaged; a folder's entries with faults are left out
    and told in `faults`.
    """
    if is_url(place):
        # urllib.request takes as long to import as all else of a search.
        from finery_registry.fetch import LARGEST_INDEX, fetch, shown

        found = read_bundle(shown(place), fetch(bundle_url(place), LARGEST_INDEX, allow_http))
        cache.store(f"names {place}", {"names": [listing.name for listing in found.entries]})
        return found
    folder = BUNDLED if place == COMMUNITY else Path(place).expanduser()
    if folder.is_file():
        return read_bundle(place, folder.read_bytes())
    if not folder.is_dir():
        raise UsageError.at(place, "there is no such index", "name a folder of entries, a checkout or a URL")
    return read_folder(place, entries_folder(folder))


def names(place: str, allow_http: bool = False) -> set[str]:
    """The distributions that an index lists, by their files' names alone; a URL's are those of when it was last asked.

    Raises UsageError as `read_index` does.
    """
    folder = BUNDLED if place == COMMUNITY else Path(place).expanduser()
    if folder.is_dir():
        return {file.stem for file in entries_folder(folder).glob("*.toml")}
    known = cache.load(f"names {place}").get("names", []) if is_url(place) else []
    return set(known) or {listing.name for listing in read_index(place, allow_http).entries}


def bundle_url(place: str) -> str:
    """The URL of an index's JSON."""
    return place if place.endswith(".json") else f"{place.rstrip('/')}/index.json"


def entries_folder(folder: Path) -> Path:
    """Where the entries of a folder or checkout lie."""
    return next((folder / inside for inside in INSIDE if (folder / inside).is_dir()), folder)


def read_folder(place: str, folder: Path) -> Index:
    """Every entry of a folder; what did not change since it was last read comes from the cache."""
    files = sorted(folder.glob("*.toml"))
    if not files and folder != BUNDLED:
        raise UsageError.at(place, "has no entries", "an entry is a file such as acme-letters.toml")
    stamps = {file.name: cache.stamp(file) for file in files}
    known = cache.load(str(folder.resolve()))
    fresh = {name: known[name] for name, stamp in stamps.items() if known.get(name, {}).get("stamp") == stamp}
    read = {name: {"stamp": stamp, **read_file(folder / name)} for name, stamp in stamps.items() if name not in fresh}
    if read or len(known) != len(stamps):
        cache.store(str(folder.resolve()), {**fresh, **read})
    return assembled(place, [(fresh | read)[name] for name in stamps])


def read_file(file: Path) -> Values:
    """One entry's file, as the cache keeps it: its values, or its faults."""
    from finery_registry.schema import read_entry

    place = f"{file.parent.name}/{file.name}"
    try:
        entry, faults = read_entry(file.read_text(encoding="utf-8"), place, file.stem)
    except (OSError, UnicodeDecodeError) as error:
        entry, faults = None, [Fault(place, f"cannot be read: {error}")]
    return {"entry": entry, "faults": [[fault.place, fault.fault, fault.remedy] for fault in faults]}


def assembled(place: str, read: Iterable[Mapping[str, Any]]) -> Index:
    """An index from what its files hold."""
    found = list(read)
    entries = tuple(Listing(one["entry"], place) for one in found if one["entry"])
    return Index(place, entries, tuple(Fault(*fault) for one in found for fault in one["faults"]))


def read_bundle(place: str, body: bytes) -> Index:
    """An index from its JSON; checked once, then known by its hash. Raises UsageError with every fault."""
    key = cache.content(body)
    known = cache.load(key)
    if known:
        return assembled(place, known["entries"])
    entries = [{"entry": entry, "faults": []} for entry in checked_bundle(place, body)]
    cache.store(key, {"entries": entries})
    return assembled(place, entries)


def checked_bundle(place: str, body: bytes) -> list[Values]:
    """The entries of an index's JSON. Raises UsageError with every fault."""
    from finery_registry.schema import checked_entry

    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise UsageError.at(place, "is not an index: it is no JSON", "make one with finery plugins index") from None
    if not isinstance(said, dict) or said.get("finery-index") != FORMAT or not isinstance(said.get("entries"), list):
        raise UsageError.at(place, f"is no index of format {FORMAT}", "make one with finery plugins index")
    read = [checked_entry(raw, f"{place} entry {number + 1}") for number, raw in enumerate(said["entries"])]
    faults = [fault for _, several in read for fault in several]
    if faults:
        raise UsageError(*faults)
    return [entry for entry, _ in read if entry is not None]


def bundled(index: Index) -> str:
    """An index as the JSON that a URL serves."""
    entries = [dict(listing.data) for listing in index.entries]
    return json.dumps({"finery-index": FORMAT, "entries": entries}, indent=1, ensure_ascii=False)

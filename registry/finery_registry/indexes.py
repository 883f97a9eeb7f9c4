"""Every index that is asked, in order: options, then `FINERY_INDEX`, then the config file, then the community's."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from finery import Fault, UsageError, did_you_mean
from finery_registry.index import COMMUNITY, Index, names, read_index
from finery_registry.listing import Listing, normalised

SEPARATOR = ";"
"""Between the indexes in `FINERY_INDEX`: a colon stands in URLs, a blank in paths."""


@dataclass(frozen=True)
class Indexes:
    """The indexes, the first of which that lists a distribution has it."""

    read: tuple[Index, ...]

    @property
    def listings(self) -> dict[str, Listing]:
        """Every distribution by name, as the first index has it."""
        found: dict[str, Listing] = {}
        for index in self.read:
            for listing in index.entries:
                found.setdefault(listing.name, listing)
        return found

    @property
    def faults(self) -> list[Fault]:
        """What is wrong with entries, and names that are claimed twice."""
        return [*(fault for index in self.read for fault in index.faults), *shadowed(self.read), *claims(self)]

    def find(self, name: str) -> Listing:
        """The distribution of that name, or that provides the one plugin of that name. Raises UsageError."""
        known = self.listings
        if listing := known.get(normalised(name)):
            return listing
        found = [one for one in known.values() if name in [plugin for _, plugin in one.provides]]
        if len(found) == 1:
            return found[0]
        if found:
            owners = ", ".join(listing.name for listing in found)
            raise UsageError.at(f"plugin '{name}'", f"is provided by {owners}", "name the distribution")
        names = [*known, *(plugin for one in known.values() for _, plugin in one.provides)]
        fault = f"is in no index{did_you_mean(name, names)}"
        raise UsageError.at(f"plugin '{name}'", fault, "see finery plugins search")


def shadowed(read: Sequence[Index]) -> Iterator[Fault]:
    """Distributions that a later index lists too, otherwise."""
    first: dict[str, Listing] = {}
    for index in read:
        for listing in index.entries:
            taken = first.setdefault(listing.name, listing)
            if taken.index != listing.index and taken.data != listing.data:
                fault = f"'{listing.name}' is listed by {taken.index} too, which goes before"
                yield Fault(listing.index, fault, "what the first index says is used")


def claims(indexes: Indexes) -> Iterator[Fault]:
    """Plugins that two distributions provide; both may be listed, only one can be installed."""
    owners: dict[tuple[str, str], dict[str, str]] = {}
    for listing in indexes.listings.values():
        for plugin in listing.provides:
            owners.setdefault(plugin, {})[listing.name] = listing.index
    for (hook, name), several in owners.items():
        if len(several) > 1:
            fault = f"{hook} '{name}' is provided by {', '.join(sorted(several))}"
            yield Fault(" and ".join(dict.fromkeys(several.values())), fault, "install one of them")


def read_indexes(places: Sequence[str] = (), allow_http: bool = False) -> Indexes:
    """The indexes of the options, then of `FINERY_INDEX`, then of the config file, then the community's own."""
    return Indexes(tuple(read_index(place, allow_http) for place in wanted(places)))


def listed_names(places: Sequence[str] = (), allow_http: bool = False) -> set[str]:
    """The distributions that any of the indexes lists, without reading what they say of them."""
    return {name for place in wanted(places) for name in names(place, allow_http)}


def wanted(places: Sequence[str]) -> list[str]:
    """Every index to ask, in order."""
    return list(dict.fromkeys([*places, *environment(), *configured(), COMMUNITY]))


def environment() -> list[str]:
    """The indexes in `FINERY_INDEX`."""
    return [place.strip() for place in os.environ.get("FINERY_INDEX", "").split(SEPARATOR) if place.strip()]


def config_file() -> Path:
    """`FINERY_CONFIG`, else `finery/config.toml` below `XDG_CONFIG_HOME` or `~/.config`."""
    if said := os.environ.get("FINERY_CONFIG"):
        return Path(said).expanduser()
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "finery" / "config.toml"


def configured() -> list[str]:
    """The list `index` of the config file. Raises UsageError where it is something else."""
    file = config_file()
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8")).get("index", [])
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise UsageError.at(file, f"cannot be read: {error}", 'write index = ["https://..."]') from None
    if not isinstance(said, list) or not all(isinstance(place, str) for place in said):
        raise UsageError.at(file, "'index' is no list of texts", 'write index = ["https://..."]')
    return said

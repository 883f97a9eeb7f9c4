"""Installation in steps: choose a release, hold its wheel against the index, resolve, show, change, or put back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery import API, Fault, FineryError, UsageError
from finery_registry.admission import Candidate, examine
from finery_registry.archive import LARGEST_WHEEL
from finery_registry.environment import Environment, digest, modified
from finery_registry.fetch import fetch
from finery_registry.index import COMMUNITY
from finery_registry.indexes import Indexes
from finery_registry.listing import Listing, Release, is_url, normalised
from finery_registry.pip import Pip
from finery_registry.snapshot import restored_on_error
from finery_registry.wheel import Wheel, read_wheel


@dataclass(frozen=True)
class Change:
    """One distribution that would be installed."""

    name: str
    version: str
    before: str | None
    """The version that is there now."""
    sha256: str
    requires: tuple[str, ...] = ()

    @property
    def pinned(self) -> str:
        """As a line of a requirements file."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


@dataclass(frozen=True)
class Proposal:
    """What an installation would change; nothing is changed yet."""

    listing: Listing
    release: Release
    wheel: Wheel
    changes: tuple[Change, ...]
    again: bool = False
    """Whether it is installed over itself."""


def chosen(indexes: Indexes, wanted: str) -> tuple[Listing, Release]:
    """The distribution and release that `NAME` or `NAME==VERSION` means. Raises UsageError where there is none."""
    name, _, version = (part.strip() for part in wanted.partition("=="))
    listing = indexes.find(name)
    if not version:
        newest = listing.newest(API)
        if newest is None:
            fault = f"has no release for plugin API {API} that is not withdrawn"
            raise UsageError.at(listing.name, fault, "update Finery, or name a release")
        return listing, newest
    release = next((one for one in listing.releases if same_version(one.version, version)), None)
    if release is None:
        there = ", ".join(one.version for one in listing.releases)
        raise UsageError.at(listing.name, f"has no release {version} in the index", f"there are {there}")
    if release.yanked:
        raise UsageError.at(f"{listing.name} {version}", f"is withdrawn: {release.yanked}", "take another release")
    return listing, release


def same_version(left: str, right: str) -> bool:
    """Whether two texts are one version; a text that is none is no version."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(left) == Version(right)
    except InvalidVersion:
        return False


def obtained(listing: Listing, release: Release, pip: Pip, folder: Path, allow_http: bool = False) -> Wheel:
    """The release's wheel, copied into `folder`: from pip's folder of wheels, its URL, beside its index, or by pip.

    Raises UsageError where it is not a wheel or not there.
    """
    file = folder / release.file
    beside = Path(listing.index).expanduser() / release.file
    if pip.wheels is not None:
        copy_wheel(pip.wheels, release, file)
    elif is_url(release.wheel):
        file.write_bytes(fetch(release.wheel, LARGEST_WHEEL, allow_http))
    elif listing.index != COMMUNITY and beside.is_file():
        shutil.copyfile(beside, file)
    else:
        pip.download(f"{listing.name}=={release.version}", release.sha256, folder)
    if not file.is_file():
        raise UsageError.at(release.file, "is not what pip found", "is the entry right?")
    return read_wheel(file)


def copy_wheel(wheels: Path, release: Release, file: Path) -> None:
    """Copy a release's wheel out of a folder. Raises UsageError where it is not there."""
    found = wheels / release.file
    if found.is_file():
        shutil.copyfile(found, file)
        return
    others = [path.name for path in sorted(wheels.glob("*")) if stem(path.name) == stem(release.file)]
    if any(name.endswith((".tar.gz", ".zip")) for name in others):
        fault, remedy = "is there as source only", "only wheels are taken: building an sdist runs its code"
    else:
        fault, remedy = f"is not in {wheels}", f"there are {', '.join(others)}" if others else "see --from-wheels"
    raise UsageError.at(release.file, fault, remedy)


def stem(file: str) -> str:
    """The distribution that a file is named for."""
    return normalised(re.split(r"-\d", file)[0])


def candidate(listing: Listing, release: Release, wheel: Wheel, there: Environment) -> Candidate:
    """A wheel with the names that an environment holds already, its own distribution's left out."""
    others = [(name, dist) for name, dist in there.installed.items() if name != listing.name]
    plugins = {(hook, name): owner for owner, dist in others for hook, name, _ in dist.points}
    modules = {top: owner for owner, dist in others for top in dist.tops}
    return Candidate(listing, release, wheel, plugins, modules)


def propose(
    indexes: Indexes,
    wanted: str,
    there: Environment,
    pip: Pip,
    folder: Path,
    allow_http: bool = False,
    again: bool = False,
) -> Proposal:
    """What installing `wanted` would change. Raises FineryError with every reason against it; nothing is changed."""
    if "finery" not in there.installed:
        raise UsageError.at(there.python, "has no Finery", "install it there first: pip install finery")
    listing, release = chosen(indexes, wanted)
    wheel = obtained(listing, release, pip, folder, allow_http)
    _, faults = examine(candidate(listing, release, wheel, there))
    if faults:
        raise UsageError(*faults)
    pins = [f"finery=={there.installed['finery'].version}"]
    changes = tuple(change(one, there) for one in pip.resolve(wheel.path, pins))
    if again or not same_as_listed(listing, release, there):
        own = Change(listing.name, release.version, now(listing.name, there), wheel.sha256, release.requires)
        changes = (own, *(one for one in changes if one.name != listing.name))
    return Proposal(listing, release, wheel, changes, again)


def same_as_listed(listing: Listing, release: Release, there: Environment) -> bool:
    """Whether the release is installed already."""
    return same_version(now(listing.name, there) or "", release.version)


def now(name: str, there: Environment) -> str | None:
    """The version of a distribution that is there."""
    found = there.installed.get(name)
    return found.version if found else None


def change(said: Mapping[str, Any], there: Environment) -> Change:
    """A line of pip's report. Raises UsageError for a distribution whose hash nobody knows."""
    name, version = normalised(said["metadata"]["name"]), said["metadata"]["version"]
    info = said["download_info"]
    known = info.get("archive_info", {}).get("hashes", {}).get("sha256") or hash_of(info["url"])
    if not known:
        raise UsageError.at(f"{name} {version}", "comes without a hash", "use an index that has hashes")
    return Change(name, version, now(name, there), known, tuple(said["metadata"].get("requires_dist", ())))


def hash_of(url: str) -> str | None:
    """The hash of a file on this machine, None for anything else."""
    import base64
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or not path.is_file():
        return None
    return base64.urlsafe_b64decode(digest(path, "sha256") + "=").hex()


def apply(proposal: Proposal, there: Environment, pip: Pip) -> None:
    """Change the environment as proposed. Raises FineryError where it fails, with everything put back."""
    if not proposal.changes:
        return
    names = [one.name for one in proposal.changes]
    lines = [one.pinned for one in proposal.changes]
    with restored_on_error(there, names):
        pip.install(lines, proposal.wheel.path.parent, proposal.again)
        faults = list(differences(proposal, there.again(tuple(names))))
        if faults:
            raise FineryError(*faults)


def differences(proposal: Proposal, after: Environment) -> Iterator[Fault]:
    """How an environment is not as was proposed."""
    for one in proposal.changes:
        found = after.installed.get(one.name)
        if found is None or not same_version(found.version, one.version):
            fault = f"is {found.version if found else 'not there'} after installing {one.version}"
            yield Fault(one.name, fault, "everything is put back")
        else:
            yield from modified(found)


def removable(name: str, there: Environment) -> str:
    """The distribution that a name means, by itself or by its plugin.

    Raises UsageError for one that is not there, brings no plugin, is Finery itself, or that others need.
    """
    owners = (
        {normalised(name)}
        if normalised(name) in there.installed
        else {owner for owner, dist in there.installed.items() if name in [plugin for _, plugin, _ in dist.points]}
    )
    if len(owners) != 1:
        fault = f"is brought by {', '.join(sorted(owners))}" if owners else "is not installed"
        raise UsageError.at(f"plugin '{name}'", fault, "see finery plugins list")
    (owner,) = owners
    if owner == "finery" or not there.installed[owner].points:
        fault = "is Finery itself" if owner == "finery" else "brings no plugin"
        raise UsageError.at(owner, fault, "remove it with pip if you mean it")
    if users := needed_by(owner, there):
        raise UsageError.at(owner, f"is needed by {', '.join(users)}", "remove that first")
    return owner


def needed_by(name: str, there: Environment) -> list[str]:
    """The distributions that depend on one, extras left out."""
    return sorted(other for other, dist in there.installed.items() if name in needs(dist.requires))


def needs(requires: Sequence[str]) -> set[str]:
    """The names in a list of dependencies, those of extras left out."""
    plain = [line for line in requires if "extra ==" not in line]
    return {normalised(found[0]) for line in plain if (found := re.match(r"[\w.-]+", line))}


def remove(name: str, there: Environment, pip: Pip) -> None:
    """Take a distribution away. Raises FineryError where pip fails, with everything put back."""
    with restored_on_error(there, [name]):
        pip.remove([name])
        if name in there.again().installed:
            raise FineryError.at(name, "is still there", "is it installed for all users? use pip")

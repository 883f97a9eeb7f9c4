"""A distribution of an index, as everything else here reads it: light, checked before it gets here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from finery import UsageError, did_you_mean

HOOKS = ("filter", "score", "dedupe", "mix", "format", "train", "evaluate", "observe")
"""What a plugin may serve, in the order of a run; each has a group of entry points."""


@dataclass(frozen=True)
class Release:
    """One release; what each value means stands in `schema.py`."""

    version: str
    api: int
    wheel: str
    sha256: str
    commit: str | None = None
    python: str = ">=3.11"
    requires: tuple[str, ...] = ()
    yanked: str | None = None
    checked: Mapping[str, Any] | None = None

    @property
    def file(self) -> str:
        """The wheel's file name."""
        return self.wheel.rpartition("/")[2]


@dataclass(frozen=True)
class Listing:
    """One distribution, and the index that lists it."""

    data: Mapping[str, Any]
    index: str
    """What the index is called: its folder or URL."""

    @property
    def name(self) -> str:
        """The distribution's name."""
        return str(self.data["name"])

    @property
    def provides(self) -> tuple[tuple[str, str], ...]:
        """Hook and name of each plugin."""
        return tuple((one["hook"], one["name"]) for one in self.data["provides"])

    @property
    def labels(self) -> str:
        """`filter letters, score letters`."""
        return ", ".join(f"{hook} {name}" for hook, name in self.provides)

    @cached_property
    def releases(self) -> tuple[Release, ...]:
        """Every release, newest first."""
        from packaging.version import Version

        found = [Release(**{**one, "requires": tuple(one.get("requires", ()))}) for one in self.data["release"]]
        return tuple(sorted(found, key=lambda release: Version(release.version), reverse=True))

    def newest(self, api: int | None = None) -> Release | None:
        """The newest release that is neither withdrawn nor of an API later than `api`; a pre-release last of all."""
        from packaging.version import Version

        usable = [release for release in self.releases if release.api <= (api or release.api) and not release.yanked]
        final = [release for release in usable if not Version(release.version).is_prerelease]
        return next(iter(final or usable), None)


def hook_known(hook: str, known: Sequence[str] = HOOKS) -> None:
    """Raise UsageError for a hook that is none."""
    if hook not in known:
        hint = did_you_mean(hook, known)
        raise UsageError.at(f"--hook {hook}", f"no such hook{hint}", f"hooks are {', '.join(known)}")


def normalised(name: str) -> str:
    """A distribution's name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_url(text: str) -> bool:
    """Whether a place is one to fetch from."""
    return text.startswith(("https://", "http://"))

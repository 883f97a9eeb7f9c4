"""The exception tree: every error is a list of faults, and a fault is a place, what is wrong there and what to do.

FineryError            exit code 1: the run failed, the work folder stays usable
├── UsageError         exit code 2: what was asked cannot be done as written
│   └── PipelineError  the pipeline file, its sources or its options
├── PluginError        a plugin raised, or broke the contract of its hook
├── DataError          input that cannot be read, or too many bad records
├── WorkError          the work folder: locked, full, not writable, damaged
├── ClusterError       the cluster: out of reach, of another version, short of what a stage needs
└── MissingExtra       a library that an extra of Finery installs is not there
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: `place: fault: remedy`."""

    place: str
    fault: str
    remedy: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.fault, self.remedy) if part)


class FineryError(Exception):
    """Something the reader can mend; shown without a traceback."""

    exit_code = 1

    def __init__(self, *faults: Fault) -> None:
        super().__init__(*faults)
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)

    @classmethod
    def at(cls, place: object, fault: str, remedy: str = "") -> FineryError:
        """An error of one fault."""
        return cls(Fault(str(place), fault, remedy))


class UsageError(FineryError):
    """What was asked cannot be done as written."""

    exit_code = 2


class PipelineError(UsageError):
    """The pipeline file, its sources or its options."""


class PluginError(FineryError):
    """A plugin raised, or broke the contract of its hook."""


class DataError(FineryError):
    """Input that cannot be read, or too many bad records."""


class WorkError(FineryError):
    """The work folder is locked, full, not writable or damaged."""


class ClusterError(FineryError):
    """The cluster is out of reach, of another version, or short of what a stage needs."""


class MissingExtra(FineryError):
    """A library that an extra of Finery installs is not there."""


def said_by(error: BaseException, most: int = 300) -> str:
    """What an exception says, in one line of at most so many characters; its name where it says nothing."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= most else f"{said[:most]}..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for the known word nearest to `word`, else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""


def missing_extra(place: str, module: str, extra: str) -> FineryError:
    """The one line that a missing extra costs its reader."""
    return MissingExtra.at(place, f"needs the library '{module}'", f"pip install 'finery[{extra}]'")


def disk_full(root: object) -> FineryError:
    """The error of a work folder on a disk that has no room left."""
    return WorkError.at(root, "no space left on the disk", "free some and run again: finished shards are kept")

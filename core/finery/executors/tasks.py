"""What an executor is given and what it gives back: units of work, and a way to have them done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

from finery.types import Needs

Answer: TypeAlias = list[dict[str, Any]]
"""What a task says it did: the entries of the shards that it finished."""


class Task(Protocol):
    """A unit of work: picklable, path in and path out, and the same when it is done twice.

    It may also say what it holds while it works, as an attribute `needs`, a CPU where it does not; and with `here` that
    it can be done on the driver's machine alone.
    """

    def run(self) -> Answer:
        """Do it; what was finished before is taken over."""


class Executor(Protocol):
    """Somewhere to have tasks done."""

    def run(self, tasks: Sequence[Task], threads: bool) -> Iterator[tuple[int, Answer]]:
        """Each task's number and answer, as they finish.

        `threads` says that the tasks release the GIL, for an executor that cares. Raises what a task raised, and
        WorkError where workers keep dying.
        """

    def asked(self, plugin: Any, needs: Needs, workers: int) -> Any:
        """What is asked to train or evaluate in a plugin's stead, by as many workers as there are to be, each holding
        what it needs."""

    def parts(self) -> int:
        """In how many parts global work is cut at least, so that no machine has all of it; 1 for one machine."""

    def close(self) -> None:
        """Stop all workers, whatever they are doing; tasks that are run later start them anew."""


def needs_of(task: Task) -> Needs:
    """What a task holds while it works."""
    found: Needs = getattr(task, "needs", Needs())
    return found


def is_here(task: Task) -> bool:
    """Whether a task can be done on the driver's machine alone."""
    return bool(getattr(task, "here", False))


def together(needs: Iterable[Needs]) -> Needs:
    """What plugins hold that work one after the other in one worker.

    CPUs are passed on; a GPU's memory is not, because a model that was loaded stays. More than one GPU is whole ones.
    """
    found = list(needs)
    gpus = sum(one.gpus for one in found)
    return Needs(cpus=max((one.cpus for one in found), default=1), gpus=float(-(-gpus // 1)) if gpus > 1 else gpus)

"""The local executor: threads where every plugin of a pass releases the GIL, else spawned processes, else here."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from multiprocessing.connection import wait as wait_for
from typing import Any

from finery.errors import WorkError
from finery.executors.tasks import Answer, Task
from finery.types import Needs

RETRIES = 2
"""How often a pool is built anew after a worker died; finished shards are not done again."""


class LocalExecutor:
    """Runs tasks on this machine; `workers` at a time."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or cores()
        self.pools: dict[bool, Executor] = {}

    def run(self, tasks: Sequence[Task], threads: bool) -> Iterator[tuple[int, Answer]]:
        """Each task's number and answer, as they finish.

        Raises what a task raised, and WorkError where workers keep dying.
        """
        if self.workers == 1 or len(tasks) <= 1:
            for number, task in enumerate(tasks):
                yield number, task.run()
            return
        waiting = dict(enumerate(tasks))
        for attempt in range(RETRIES + 1):
            try:
                yield from self.parallel(waiting, threads)
                return
            except BrokenExecutor as error:
                self.close()
                if attempt == RETRIES:
                    remedy = "is there enough memory? run again with fewer workers; finished shards are kept"
                    raise WorkError.at(
                        "workers", f"a worker process died {RETRIES + 1} times ({error})", remedy
                    ) from None

    def asked(self, plugin: Any, needs: Needs, workers: int) -> Any:
        """The plugin itself, or where workers train together, their group."""
        from finery.executors.group import Group

        return Group(plugin) if workers > 1 else plugin

    def parts(self) -> int:
        """All is on this machine."""
        return 1

    def parallel(self, waiting: dict[int, Task], threads: bool) -> Iterator[tuple[int, Answer]]:
        """Tasks in a pool; a task leaves `waiting` when its answer is handed on.

        What was handed out and is not wanted any more is not cancelled here: a pool that breaks while one of its
        futures is cancelled fails in its own thread (in Python 3.11), and `close` ends all of it.
        """
        with uninterrupted():  # else half a pool may leave its semaphores behind
            pool = self.pool(threads)
        numbers: dict[Future[Answer], int] = {}
        queue = iter(sorted(waiting))
        while waiting:
            while len(numbers) < 2 * self.workers and (number := next(queue, None)) is not None:
                with uninterrupted():
                    numbers[pool.submit(perform, waiting[number])] = number
            for future in wait(numbers, return_when=FIRST_COMPLETED).done:
                number = numbers.pop(future)
                answer = future.result()
                del waiting[number]
                yield number, answer

    def pool(self, threads: bool) -> Executor:
        """The pool of threads or of processes, made at its first use."""
        if threads not in self.pools:
            context = multiprocessing.get_context("spawn")
            self.pools[threads] = (
                ThreadPoolExecutor(self.workers)
                if threads
                else ProcessPoolExecutor(self.workers, context, initializer=start_worker)
            )
        return self.pools[threads]

    def close(self) -> None:
        """Stop all workers, whatever they are doing."""
        for pool in self.pools.values():
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)
        self.pools = {}


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the end: a worker that starts meanwhile is not left half-made, and never hears it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if heard:
            signal.raise_signal(signal.SIGINT)


def perform(task: Task) -> Answer:
    """A task, done; what a pool calls."""
    return task.run()


def start_worker() -> None:
    """Leave Ctrl-C to the driver, and die with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=follow_driver, daemon=True).start()


def follow_driver() -> None:
    """End this process when the driver ends: a killed driver cannot tell its workers."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))

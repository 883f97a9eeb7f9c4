"""Tasks in this process, in threads and in worker processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from worker_tasks import Fatal, Faulty, Long, Square

from finery.errors import DataError, WorkError
from finery.executors.local import LocalExecutor, uninterrupted


@pytest.fixture
def executor() -> Iterator[LocalExecutor]:
    """Two workers."""
    made = LocalExecutor(2)
    yield made
    made.close()


def test_one_worker_is_this_process() -> None:
    answers = dict(LocalExecutor(1).run([Square(n) for n in range(5)], threads=False))
    assert [answers[n][0]["square"] for n in range(5)] == [0, 1, 4, 9, 16]
    assert {answers[n][0]["process"] for n in range(5)} == {os.getpid()}


def test_threads_are_of_this_process(executor: LocalExecutor) -> None:
    answers = dict(executor.run([Square(n) for n in range(9)], threads=True))
    assert [answers[n][0]["square"] for n in range(9)] == [n * n for n in range(9)]
    assert {answers[n][0]["process"] for n in range(9)} == {os.getpid()}
    assert threading.get_ident() not in {answers[n][0]["thread"] for n in range(9)}


def test_processes_are_others_and_stay_for_the_next_tasks(executor: LocalExecutor) -> None:
    first, second = (dict(executor.run([Square(n) for n in range(9)], threads=False)) for _ in range(2))
    seen = {answers[n][0]["process"] for answers in (first, second) for n in range(9)}
    assert os.getpid() not in seen
    assert len(seen) <= 2


@pytest.mark.parametrize("threads", [True, False])
def test_an_error_comes_as_it_was_raised(executor: LocalExecutor, threads: bool) -> None:
    with pytest.raises(DataError, match=r"a\.jsonl:3: is no JSON: mend it"):
        list(executor.run([Faulty(), Faulty()], threads))


def test_a_worker_that_dies_is_replaced(executor: LocalExecutor, tmp_path: Path) -> None:
    answers = dict(executor.run([Fatal(tmp_path / "log", 1), Square(3)], threads=False))
    assert sorted(answers) == [0, 1]


def test_workers_that_keep_dying_end_the_run(executor: LocalExecutor, tmp_path: Path) -> None:
    with pytest.raises(WorkError, match=r"a worker process died 3 times .*: is there enough memory\?"):
        list(executor.run([Fatal(tmp_path / "log", 99), Square(3)], threads=False))
    assert len((tmp_path / "log").read_text()) == 3


def test_ctrl_c_is_held_back_until_the_end() -> None:
    reached = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        reached.append("end")
    assert reached == ["end"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_not_waited_for_ends_without_a_word(executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []
    monkeypatch.setattr(threading, "excepthook", said.append)
    press = threading.Timer(2, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    press.start()
    with pytest.raises(KeyboardInterrupt):
        list(executor.run([Long()] * 20, threads=False))
    press.join()
    before = set(threading.enumerate())
    for worker in multiprocessing.active_children():
        worker.kill()
    while before <= set(threading.enumerate()):  # the pool's own thread hears of it, and ends
        time.sleep(0.01)
    executor.close()
    assert said == []

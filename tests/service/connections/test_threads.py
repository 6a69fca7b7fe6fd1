"""The threads of a worker: those whose priority was lowered end, and others take their place."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from threading import Barrier, Event, get_native_id

import pytest

from service.connections.threads import MAX_NICENESS, Threads, lower_priority

MOST = 2

needs_priorities = pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads(MOST)
    yield threads
    threads.shutdown()


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


def lower() -> int:
    lower_priority(get_native_id())
    return niceness()


def test_results_and_errors_come_back(threads: Threads) -> None:
    assert threads.submit(divmod, 7, 2).result(30) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 7, 0).result(30)
    with pytest.raises(SystemExit):
        threads.submit(sys.exit).result(30)
    assert threads.submit(divmod, 7, 2).result(30) == (3, 1)


def test_as_many_run_at_once_as_there_may_be_threads(threads: Threads) -> None:
    meeting, others = Barrier(MOST, timeout=30), Event()
    futures = [threads.submit(meeting.wait) for _ in range(MOST)]
    assert sorted(future.result(30) for future in futures) == list(range(MOST))
    waiting = [threads.submit(others.wait, 30) for _ in range(MOST)]
    last = threads.submit(get_native_id)
    assert not last.done()
    others.set()
    assert all(future.result(30) for future in waiting)
    last.result(30)


@needs_priorities
def test_a_thread_whose_priority_was_lowered_is_replaced(threads: Threads) -> None:
    usual = niceness()
    for _ in range(2 * MOST):
        assert threads.submit(lower).result(30) == min(19, usual + MAX_NICENESS)
        assert threads.submit(niceness).result(30) == usual


@needs_priorities
def test_what_waits_for_a_thread_that_ends_gets_another(threads: Threads) -> None:
    go_on = Event()
    ending = [threads.submit(lambda: go_on.wait(30) and lower()) for _ in range(MOST)]
    waiting = [threads.submit(niceness) for _ in range(MOST)]
    go_on.set()
    for future in ending:
        future.result(30)
        threads.fill()
    assert [future.result(30) for future in waiting] == [niceness()] * MOST


@needs_priorities
def test_threads_that_nobody_replaces_keep_their_priority() -> None:
    usual = niceness()
    assert lower() == usual


@needs_priorities
def test_the_priority_is_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    priorities = []
    monkeypatch.setattr(os, "setpriority", lambda *arguments: priorities.append(arguments))
    monkeypatch.setattr(os, "getpriority", lambda *_: 15)
    low = Threads(1)
    low.submit(lower).result(30)
    low.shutdown()
    assert [arguments[-1] for arguments in priorities] == [19]

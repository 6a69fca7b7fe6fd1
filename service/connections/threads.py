"""The threads of a worker. One that computes for long lets others run first, and ends after its request.

Without rights a thread can lower its priority but not raise it again: a new one takes its place.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread, get_native_id
from typing import Any

_HAVE_PRIORITIES = sys.platform == "linux"  # elsewhere threads have none of their own

MAX_NICENESS = 10
"""Added to that of a thread with a long request: where others want the core, it has a tenth of what they have."""

_LAST_NICENESS = 19  # that there is

_replaceable: dict[int, int] = {}  # the niceness that they began with, by their numbers in the system

_Task = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


def lower_priority(thread: int, added: int = MAX_NICENESS) -> None:
    """Let others run before a thread, by its number in the system; not one that nobody replaces."""
    if (niceness := _replaceable.get(thread)) is not None:
        with suppress(OSError):  # it has ended, or it is lower already
            os.setpriority(os.PRIO_PROCESS, thread, min(_LAST_NICENESS, niceness + added))


class Threads:
    """At most so many threads, started when there is work for them."""

    def __init__(self, most: int) -> None:
        """Start none yet. The thread that calls this and `fill` has the priority that all get."""
        self._most, self._niceness = most, os.getpriority(os.PRIO_PROCESS, 0)
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._number = self._unfinished = 0  # threads; tasks that wait or run
        self._lock = Lock()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Let a thread call a function."""
        future: Future[Any] = Future()
        with self._lock:
            self._unfinished += 1
        self._tasks.put((future, function, arguments))
        self.fill()
        return future

    def fill(self) -> None:
        """Start threads for what waits, where some ended."""
        with self._lock:
            missing = min(self._unfinished, self._most) - self._number
            self._number += max(0, missing)
        for _ in range(missing):
            Thread(target=self._run, name="request").start()

    def shutdown(self, wait: bool = False) -> None:  # noqa: ARG002 # as gunicorn calls it
        """End each thread after what it does, and what waits."""
        for _ in range(self._most):
            self._tasks.put(None)

    def _run(self) -> None:
        number = get_native_id()
        if _HAVE_PRIORITIES:
            _replaceable[number] = self._niceness
        try:
            self._run_tasks()
        finally:
            _replaceable.pop(number, None)

    def _run_tasks(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, function, arguments = task
            result, error = None, None
            try:
                result = function(*arguments)
            except BaseException as raised:  # noqa: BLE001 # who waits for the result raises it
                error = raised
            is_last = _HAVE_PRIORITIES and os.getpriority(os.PRIO_PROCESS, 0) != self._niceness
            with self._lock:
                self._unfinished -= 1
                self._number -= is_last
            future.set_result(result) if error is None else future.set_exception(error)
            del task, future, function, arguments, result, error
            if is_last:
                return

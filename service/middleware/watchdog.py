"""Watchdog: a thread that ends a computation from outside, when its time or the worker's memory is used up.

It also lets garbage be collected, but not while anything is computed, and lets others run before a long computation.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from os import sysconf
from pathlib import Path
from threading import Lock, Thread, get_ident, get_native_id
from time import monotonic, sleep, thread_time

from paramcount.model.budget import ComputationEnded
from service.connections.threads import MAX_NICENESS, lower_priority

SECONDS_PER_CHECK = 0.01
_SECONDS_PER_ATTEMPT = 0.25
"""The time that an ended computation has to unwind, before it is ended again."""

_GRACE_SECONDS = 0.5
"""The time beyond a deadline for the checks inside a count, which say where it stopped."""

_MAX_SECONDS_WITHOUT_COLLECTION = 60.0
"""The time for which something may be computed without a pause, before garbage is looked for all the same."""

MIN_LONG_SECONDS = 0.005
"""The time of a core that a count may use before others run first: most use less."""

_SECONDS_PER_NICENESS = 0.0025
"""The time of a core after which a thread's niceness grows by one: a client's first count takes a few times as long
as those of like models after it.
"""

_HAVE_CLOCKS = sys.platform == "linux"  # of other threads

_STATM = Path("/proc/self/statm")

_MANY_BYTES = 16 * 2**20

_malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)


class OutOfTime(ComputationEnded):
    """The computation took more than its time."""


class OutOfMemory(ComputationEnded):
    """The computation took more than the worker's memory."""


class _Computation:
    """One computation of the current thread; `next_attempt`: when it is ended again, if it still runs then."""

    __slots__ = ("_began", "_niceness", "deadline", "next_attempt", "thread")

    def __init__(self, deadline: float) -> None:
        self.deadline, self.next_attempt = deadline, 0.0
        self.thread, self._began, self._niceness = get_native_id(), thread_time(), 0

    def give_way(self, thread: int) -> None:
        """Let others run first, the more the longer it has used a core; `thread` is its own, which has not ended."""
        if self._niceness < MAX_NICENESS and _HAVE_CLOCKS:
            seconds = time.clock_gettime(time.pthread_getcpuclockid(thread)) - self._began
            if seconds > MIN_LONG_SECONDS:
                self._niceness = min(MAX_NICENESS, int(seconds / _SECONDS_PER_NICENESS))
                lower_priority(self.thread, self._niceness)


class Watchdog:
    """Watches the computations of one worker, one a thread."""

    def __init__(self, max_memory_bytes: int) -> None:
        """`max_memory_bytes`: what the computations of the worker may take together, above its memory at rest."""
        self._max_memory_bytes = max_memory_bytes
        self._computations: dict[int, _Computation] = {}  # by thread, the oldest first
        self._lock = Lock()
        self._thread: Thread | None = None
        self._has_disabled_gc = False
        self._idle_at = monotonic()  # or when garbage was collected though it was not

    def begin(self, deadline: float) -> None:
        """Watch the current thread from now on, until `end`. `deadline` is by the monotonic clock."""
        if self._thread is None:
            self._start()
        self._computations[get_ident()] = _Computation(deadline)
        self._has_disabled_gc = True
        gc.disable()  # it would look for garbage in all that a count makes, in vain, while every thread waits

    def _start(self) -> None:
        """Start the thread: not before the first computation, since no thread survives the fork of a worker."""
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._watch, name="watchdog", daemon=True)
                self._thread.start()

    def end(self) -> None:
        """Stop watching the current thread."""
        thread = get_ident()
        with self._lock:
            computation = self._computations.pop(thread, None)
            if computation is not None and computation.next_attempt:
                _raise_in(thread, None)  # an exception that is still on its way would come too late

    def _watch(self) -> None:
        memory_at_rest, most_memory, was_busy = _resident_bytes(), 0, False
        collected_at = memory_at_rest
        while True:  # never woken: that would take longer than most computations
            sleep(SECONDS_PER_CHECK)
            self._collect_garbage()
            if self._computations:
                memory = _resident_bytes() - memory_at_rest
                most_memory, was_busy = max(most_memory, memory), True
                self._check(memory)
            elif was_busy:
                if most_memory > _MANY_BYTES:
                    _malloc_trim(0)  # glibc keeps what was freed
                if _resident_bytes() - collected_at > _MANY_BYTES:
                    gc.collect()  # requests leave a few cycles each, which no collection of the young ones finds
                    _malloc_trim(0)
                    collected_at = _resident_bytes()
                memory_at_rest, most_memory, was_busy = _resident_bytes(), 0, False

    def _collect_garbage(self) -> None:
        """Let the interpreter collect garbage while nothing is computed.

        The count that ends first would walk through all that another holds, while every thread waits.
        """
        if not self._computations:
            self._idle_at = monotonic()
            if self._has_disabled_gc:
                self._has_disabled_gc = False
                gc.enable()
        elif monotonic() > self._idle_at + _MAX_SECONDS_WITHOUT_COLLECTION:
            self._idle_at = monotonic()
            gc.collect(1)

    def _check(self, memory_bytes: int) -> None:
        """End what is over its time, and the oldest computation while the memory is used up."""
        now = monotonic()
        with self._lock:
            computations = list(self._computations.items())
            for thread, computation in computations:
                computation.give_way(thread)
                if now > computation.deadline + _GRACE_SECONDS:
                    _end(thread, computation, OutOfTime, now)
            if memory_bytes > self._max_memory_bytes and computations:
                _end(*computations[0], OutOfMemory, now)


def _end(thread: int, computation: _Computation, reason: type[ComputationEnded], now: float) -> None:
    """Raise the reason in a thread; again after a while, where something there swallowed it."""
    if now >= computation.next_attempt:
        computation.next_attempt = now + _SECONDS_PER_ATTEMPT
        _raise_in(thread, reason)


def _raise_in(thread: int, exception: type[BaseException] | None) -> None:
    """Raise an exception in another thread at its next step in Python; None takes back one that is on its way."""
    set_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc
    set_exception(ctypes.c_ulong(thread), ctypes.py_object(exception) if exception else None)


def _resident_bytes() -> int:
    """Return the memory of this process; 0 where the system does not tell it."""
    try:
        with _STATM.open("rb", buffering=0) as file:  # a buffer would be made among what is counted, and stay there
            return int(file.read().split()[1]) * sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0

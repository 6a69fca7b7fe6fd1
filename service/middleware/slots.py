"""Slots: how many bodies a worker computes at once; the others wait without contending for the interpreter."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from http import HTTPStatus
from math import inf
from threading import BoundedSemaphore
from time import monotonic
from typing import Any, NamedTuple

from flask import Flask, g

from paramcount.model import budget
from service.context import current_app
from service.problems import HTTPProblem
from service.settings import Settings

MAX_CONCURRENT_COUNTS = 2
"""Bodies that a worker computes at once."""

LARGE_BODY_BYTES = 256 * 1024
"""Bodies above this size are computed one at a time: one takes hundreds of times its size in memory."""

_malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)


class _Slots(NamedTuple):
    """The slots of one app."""

    counts: BoundedSemaphore
    large_bodies: BoundedSemaphore


def register(app: Flask, settings: Settings) -> None:
    """Bound the values of every request's body, and release its slot when it ends."""
    app.extensions["slots"] = _Slots(BoundedSemaphore(MAX_CONCURRENT_COUNTS), BoundedSemaphore(1))

    @app.before_request
    def set_max_values() -> None:
        budget.set_max_values(settings.max_values)

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        release_slot()


def acquire_slot(settings: Settings, body_bytes: int) -> None:
    """Wait for a slot to compute a body, and start its deadline; `release_slot` or the end of the request releases it.

    Raises HTTPProblem (503) after max_seconds of waiting.
    """
    slots: _Slots = current_app().extensions["slots"]
    give_up = monotonic() + settings.max_seconds
    cleanups: list[Callable[[], Any]] = []
    g.cleanups = cleanups
    is_large = body_bytes > LARGE_BODY_BYTES
    if is_large:
        cleanups.append(lambda: _malloc_trim(0))  # last of all: glibc keeps what was freed, many times a large body
        _acquire(slots.large_bodies, give_up, cleanups)
    _acquire(slots.counts, give_up, cleanups)
    if is_large:
        gc.disable()  # it would look for garbage in all that a large body makes, in vain: a quarter of the time
        cleanups.append(gc.enable)
    budget.start_deadline(settings.max_seconds)


def _acquire(slot: BoundedSemaphore, give_up: float, cleanups: list[Callable[[], Any]]) -> None:
    if not slot.acquire(timeout=max(0, give_up - monotonic())):
        detail = "The service is busy: try again."
        raise HTTPProblem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"})
    cleanups.append(slot.release)


def release_slot() -> None:
    """Release the slot of the current request, if it holds one, and end its deadline."""
    for cleanup in reversed(g.pop("cleanups", ())):
        cleanup()
    budget.start_deadline(inf)

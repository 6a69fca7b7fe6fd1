"""Slots: how many bodies a worker computes at once, each under the watchdog; the others wait."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from math import inf
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from flask import Flask

from paramcount.model import budget
from paramcount.model.budget import ComputationEnded
from paramcount.model.errors import Problems, TooLarge
from service.context import current_app, current_settings, current_state
from service.middleware.watchdog import OutOfTime, Watchdog
from service.problems import HTTPProblem
from service.settings import Settings

MAX_CONCURRENT_COUNTS = 2
"""Bodies that a worker computes at once."""

LARGE_BODY_BYTES = 256 * 1024
"""Bodies above this size are computed one at a time: one takes hundreds of times its size in memory."""

logger = logging.getLogger(__name__)

T = TypeVar("T")


Slots = SimpleQueue[int]
"""The numbers of free slots: a semaphore, of which each step is one call into C."""


class _Slots(NamedTuple):
    """The slots of one app, and the watchdog of what computes in them."""

    counts: Slots
    large_bodies: Slots
    watchdog: Watchdog


def make_slots(count: int) -> Slots:
    """Return so many free slots."""
    slots: Slots = SimpleQueue()
    for slot in range(count):
        slots.put(slot)
    return slots


def register(app: Flask, settings: Settings) -> None:
    """Give the app its slots, and bound the values of every request's body."""
    app.extensions["slots"] = _Slots(
        make_slots(MAX_CONCURRENT_COUNTS), make_slots(1), Watchdog(settings.max_memory_bytes)
    )

    @app.before_request
    def set_max_values() -> None:
        budget.set_max_values(settings.max_values)


def release_after(function: Callable[[], T]) -> T:
    """Call a function that acquires a slot, and release that. Raises Problems where the watchdog ended it."""
    try:
        try:
            return function()
        finally:
            release_slot()
    except (ComputationEnded, MemoryError) as ended:
        release_slot()  # it may have been ended while it released
        raise _report_end(ended) from None


def acquire_slot(settings: Settings, body_bytes: int) -> None:
    """Wait for a slot to compute a body, and start its time under the watchdog, until `release_slot`.

    Raises HTTPProblem (503) after waiting for half of max_seconds.
    """
    slots: _Slots = current_app().extensions["slots"]
    began = monotonic()
    give_up, deadline = began + settings.max_seconds / 2, began + settings.max_seconds
    cleanups: list[Callable[[], Any]] = []
    current_state().cleanups = cleanups
    if body_bytes > LARGE_BODY_BYTES:
        _acquire(slots.large_bodies, give_up, cleanups)
    _acquire(slots.counts, give_up, cleanups)
    budget.start_deadline(deadline - monotonic())
    budget.set_request_bytes(body_bytes)
    cleanups.append(slots.watchdog.end)
    slots.watchdog.begin(deadline)


def _acquire(slots: Slots, give_up: float, cleanups: list[Callable[[], Any]]) -> None:
    try:
        slot = slots.get(timeout=max(0, give_up - monotonic()))
    except Empty:
        detail = "The service is busy: try again."
        raise HTTPProblem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"}) from None
    cleanups.append(partial(slots.put, slot))


def release_slot() -> None:
    """Release the slot of the current request, if it holds one, and end its deadline."""
    cleanups = current_state().get("cleanups", ())
    while cleanups:
        cleanups.pop()()
    budget.start_deadline(inf)
    budget.set_request_bytes(inf)


def _report_end(ended: BaseException) -> Problems:
    """Log that a computation was ended, and return the problem."""
    settings = current_settings()
    if isinstance(ended, OutOfTime):
        detail = f"takes more than the {settings.max_seconds} seconds that one request may take"
    else:
        detail = f"takes more than the {settings.max_memory_bytes:,} bytes of memory that a worker has for counting"
    logger.warning("request %s was ended: it %s", current_state().get("request_id"), detail)
    return Problems([TooLarge(detail, code="too_expensive")])

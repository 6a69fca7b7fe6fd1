"""Access: bearer tokens from a mounted file, where one is set, and the number of concurrent requests."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, MutableMapping
from functools import partial
from http import HTTPStatus
from pathlib import Path
from queue import Empty
from typing import Any, TypeVar

from flask import Flask, Request, Response

from paramcount.requests.settings import InvalidSetting
from service.connections.client import PATIENCE_SECONDS, Connection
from service.context import current_app, current_request, current_state
from service.middleware.in_flight import in_flight
from service.middleware.slots import make_slots
from service.problems import HTTPProblem, make_problem
from service.settings import Settings

MAX_QUICK_BYTES = 64 * 1024
"""An answer of this size goes into the system's buffers, however slowly its client reads."""

_RELEASE = "paramcount.release_slot"

View = TypeVar("View", bound=Callable[..., Any])

_PUBLIC = "_is_public"
"""The attribute that marks a view that needs no token; what is wrapped around the view has it too."""


def allow_anyone(view: View) -> View:
    """Let clients without a token call a view: it holds nothing that anyone sent."""
    setattr(view, _PUBLIC, True)
    return view


class Tokens:
    """The tokens of a file. Each line is a name, a colon, and the SHA-256 of the token in hexadecimal.

    The file is read again when it changes. While it cannot be read, the last good tokens stay in force.
    """

    def __init__(self, file: str) -> None:
        self._file = Path(file)
        self._stamp, self._names = self._read()

    def _read(self) -> tuple[tuple[int, int], dict[str, str]]:
        try:
            status = self._file.stat()
            lines = self._file.read_text().split("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is not UTF-8"
            raise InvalidSetting(f"PARAMCOUNT_TOKENS_FILE: {self._file} cannot be read: {reason}") from None
        names = {}
        for number, line in enumerate(lines, 1):
            if not (line := line.strip()) or line.startswith("#"):
                continue
            name, _, digest = line.partition(":")
            if len(digest := digest.strip().lower()) != 64 or set(digest) - set("0123456789abcdef"):
                raise InvalidSetting(f"PARAMCOUNT_TOKENS_FILE: line {number} of {self._file} is not NAME:SHA256")
            names[digest] = name.strip()
        return (status.st_mtime_ns, status.st_ino), names

    def _current(self) -> dict[str, str]:
        try:
            status = self._file.stat()
            if (status.st_mtime_ns, status.st_ino) != self._stamp:
                self._stamp, self._names = self._read()
        except (OSError, InvalidSetting):
            pass
        return self._names

    def owner(self, token: str) -> str | None:
        """Return the name of a token's owner, in a time that does not depend on the token."""
        digest = hashlib.sha256(token.encode(errors="replace")).hexdigest()
        owner = None
        for known, name in self._current().items():
            if hmac.compare_digest(known, digest):
                owner = name
        return owner


class _Room:
    """Room for the requests that a worker answers at once."""

    def __init__(self, slots: int) -> None:
        self._slots, self._number = make_slots(slots), slots
        self._batches, self._batch_number = make_slots(batches := max(1, slots // 2)), batches
        in_flight.reserve(slots)

    def enter(self, request: Request) -> Response | None:
        """Give the request a slot; return the problem where there is none."""
        try:
            slot = self._take()
        except Empty:
            detail = f"{self._number} requests are being answered by this worker: try again."
            return make_problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "1"})
        state = current_state()
        state.slot = slot
        in_flight.begin(slot, state.request_id, request.url_rule.rule if request.url_rule else "none")
        return None

    def _take(self) -> int:
        """Return a free slot; one that a slow client holds is made free. Raises Empty."""
        try:
            return self._slots.get_nowait()
        except Empty:
            if not Connection.end_longest_wait():
                raise
            return self._slots.get(timeout=PATIENCE_SECONDS)

    def hold(self) -> None:
        """Let a batch keep its slot while it is open: half of the slots at most. Raises HTTPProblem."""
        try:
            current_state().batch = self._batches.get_nowait()
        except Empty:
            detail = f"{self._batch_number} batches are open on this worker: try again."
            raise HTTPProblem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"}) from None

    def stay(self, response: Response) -> Response:
        """Let gunicorn release the slot when the response is sent, if it streams or a client may read it slowly."""
        chunks = response.response
        if not isinstance(chunks, list) or sum(map(len, chunks)) > MAX_QUICK_BYTES:
            environ = current_request().environ
            if "gunicorn.socket" in environ:
                environ[_RELEASE] = self._pop()
        return response

    def leave(self, _: BaseException | None) -> None:
        """Release the request's slot."""
        self._pop()()

    def _pop(self) -> Callable[[], None]:
        """Return what releases the slots of the current request, which are not its own from now on."""
        state = current_state()
        return partial(self._release, state.pop("slot", None), state.pop("batch", None))

    def _release(self, slot: int | None, batch: int | None) -> None:
        if batch is not None:
            self._batches.put(batch)
        if slot is not None:
            in_flight.end(slot)
            self._slots.put(slot)


def hold_slot() -> None:
    """Let the current request, a batch, keep its slot while it is open. Raises HTTPProblem where too many do."""
    room: _Room = current_app().extensions["room"]
    room.hold()


def release_slot(environ: MutableMapping[str, Any]) -> None:
    """Release the slot of a request whose response is sent now."""
    if (release := environ.pop(_RELEASE, None)) is not None:
        release()


def register(app: Flask, settings: Settings, probe_paths: Collection[str]) -> None:
    """Require a token where tokens are set, and answer 503 above max_concurrent requests; not for `probe_paths`."""
    tokens = Tokens(settings.tokens_file) if settings.tokens_file else None
    room = app.extensions["room"] = _Room(settings.max_concurrent)

    def is_public(request: Request) -> bool:
        return getattr(app.view_functions.get(request.endpoint or ""), _PUBLIC, False)

    @app.before_request
    def admit() -> Response | None:
        request = current_request()
        if request.path in probe_paths:
            return None
        if tokens is not None and request.method != "OPTIONS" and not is_public(request):  # OPTIONS: a preflight
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            owner = current_state().token = tokens.owner(token) if scheme.lower() == "bearer" else None
            if owner is None:
                detail = "A bearer token is needed: Authorization: Bearer TOKEN."
                return make_problem(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})
        return room.enter(request)

    app.after_request(room.stay)
    app.teardown_request(room.leave)

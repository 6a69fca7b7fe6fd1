"""Access: bearer tokens from a mounted file, where one is set, and the number of concurrent requests."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, MutableMapping
from http import HTTPStatus
from pathlib import Path
from queue import Empty
from typing import Any

from flask import Flask, Response

from paramcount.requests.settings import InvalidSetting
from service.context import current_request, current_state
from service.middleware.slots import Slots, make_slots
from service.problems import make_problem
from service.settings import Settings

MAX_QUICK_BYTES = 64 * 1024
"""An answer of this size goes into the system's buffers, however slowly its client reads."""

_SLOTS = "paramcount.request_slots"


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
            raise InvalidSetting(f"the tokens' file cannot be read: {error}") from None
        names = {}
        for number, line in enumerate(lines, 1):
            if not (line := line.strip()) or line.startswith("#"):
                continue
            name, _, digest = line.partition(":")
            if len(digest := digest.strip().lower()) != 64 or set(digest) - set("0123456789abcdef"):
                raise InvalidSetting(f"line {number} of the tokens' file is not NAME:SHA256")
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


def register(app: Flask, settings: Settings, probe_paths: Collection[str]) -> None:
    """Require a token where tokens are set, and answer 503 above max_concurrent requests; not for `probe_paths`."""
    tokens = Tokens(settings.tokens_file) if settings.tokens_file else None
    slots = make_slots(settings.max_concurrent)

    @app.before_request
    def admit() -> Response | None:
        request = current_request()
        if request.path in probe_paths:
            return None
        if tokens is not None and request.method != "OPTIONS":  # a browser's preflight carries no token
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            owner = current_state().token = tokens.owner(token) if scheme.lower() == "bearer" else None
            if owner is None:
                detail = "A bearer token is needed: Authorization: Bearer TOKEN."
                return make_problem(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})
        try:
            slots.get_nowait()
        except Empty:
            detail = f"{settings.max_concurrent} requests are being answered by this worker: try again."
            return make_problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "1"})
        current_state().has_slot = True
        return None

    @app.after_request
    def hold_slot_until_sent(response: Response) -> Response:
        chunks = response.response
        if not isinstance(chunks, list) or sum(map(len, chunks)) > MAX_QUICK_BYTES:
            _hold_until_sent(slots)
        return response

    @app.teardown_request
    def leave(_: BaseException | None) -> None:
        if current_state().pop("has_slot", False):
            slots.put(None)


def _hold_until_sent(slots: Slots) -> None:
    """Let gunicorn release the current request's slot."""
    environ = current_request().environ
    if "gunicorn.socket" in environ and current_state().pop("has_slot", False):
        environ[_SLOTS] = slots


def release_slot(environ: MutableMapping[str, Any]) -> None:
    """Release the slot of a request whose answer is sent now: one that streams, or that a client may read slowly."""
    if (slots := environ.pop(_SLOTS, None)) is not None:
        slots.put(None)

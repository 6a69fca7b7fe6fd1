"""Access: bearer tokens from a mounted file, where one is set, and the number of concurrent requests."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection
from http import HTTPStatus
from pathlib import Path
from queue import Empty
from typing import Any, TypeVar

from flask import Flask, Request, Response

from paramcount.requests.settings import InvalidSetting
from service.context import current_request, current_state
from service.middleware.slots import make_slots
from service.problems import make_problem
from service.settings import Settings

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


def register(app: Flask, settings: Settings, probe_paths: Collection[str]) -> None:
    """Require a token where tokens are set, and answer 503 above max_concurrent requests; not for `probe_paths`."""
    tokens = Tokens(settings.tokens_file) if settings.tokens_file else None
    slots = make_slots(settings.max_concurrent)

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
        try:
            slots.get_nowait()
        except Empty:
            detail = f"{settings.max_concurrent} requests are being answered by this worker: try again."
            return make_problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "1"})
        current_state().has_slot = True
        return None

    @app.teardown_request
    def leave(_: BaseException | None) -> None:
        if current_state().pop("has_slot", False):
            slots.put(None)

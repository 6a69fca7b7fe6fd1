"""Who may ask: bearer tokens from a mounted file, when one is set; and how many at once."""

from __future__ import annotations

import hashlib
import hmac
import threading
from http import HTTPStatus
from pathlib import Path

from flask import Flask, Response, g

from paramcount.requests.settings import InvalidSetting
from service.middleware.request_log import itself
from service.problems import problem
from service.settings import Settings

OPEN = frozenset(("/livez", "/readyz"))
"""The probes: they ask for no token and are answered however busy the service is."""


class Tokens:
    """The tokens of a file, a line each: a name, a colon, and the SHA-256 of the token in hexadecimal.

    The file is read again when it changes; one that cannot be read then leaves the last good tokens in force.
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

    def name(self, token: str) -> str | None:
        """Whose token this is; every known one is compared, so that time tells nothing."""
        digest = hashlib.sha256(token.encode(errors="replace")).hexdigest()
        found = None
        for known, name in self._current().items():
            if hmac.compare_digest(known, digest):
                found = name
        return found


def register(app: Flask, settings: Settings) -> None:
    """Ask every request but the probes' for a token, where tokens are set, and turn away more than fit at once."""
    tokens = Tokens(settings.tokens_file) if settings.tokens_file else None
    places = threading.BoundedSemaphore(settings.max_concurrent)

    @app.before_request
    def admit() -> Response | None:
        request = itself()
        if request.path in OPEN:
            return None
        if tokens is not None and request.method != "OPTIONS":  # a browser's preflight carries no token
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            g.token = tokens.name(token) if scheme.lower() == "bearer" else None
            if g.token is None:
                detail = "A bearer token is needed: Authorization: Bearer TOKEN."
                return problem(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})
        if not places.acquire(blocking=False):
            detail = f"{settings.max_concurrent} requests are being answered by this worker: try again."
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"})
        g.place = places
        return None

    @app.teardown_request
    def leave(_: BaseException | None) -> None:
        if (place := g.pop("place", None)) is not None:
            place.release()

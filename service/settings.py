"""Settings of the service. Each is an environment variable: PARAMCOUNT_MAX_CONCURRENT=4."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from paramcount.model.budget import Limits

FORWARDED_HEADERS = ("for", "proto", "host", "port", "prefix")
"""The headers of a proxy, X-Forwarded-For and the like, that may be trusted."""

_BIND = re.compile(r"(([\w.-]+|\[[\da-fA-F:.]+\]):)?\d{1,5}", re.ASCII)


@dataclass(frozen=True)
class Settings(Limits):
    """The settings of the service, their defaults and types; README.md describes each."""

    max_concurrent: int = 8
    max_memory_bytes: int = 448 * 1024 * 1024  # of all computations of a worker, above its memory at rest
    answers_bytes: int = 4 * 1024 * 1024
    trusted_hops: int = 0
    trusted_headers: tuple[str, ...] = ("for", "proto")  # of X-Forwarded-*: a gateway may pass on a client's others
    base_path: str = ""
    management_bind: str = "8001"  # HOST:PORT; without a host, the one of `bind`
    cors_origins: tuple[str, ...] = ()
    tokens_file: str = ""
    log_format: Literal["text", "json"] = "text"

    def __post_init__(self) -> None:
        super().__post_init__()
        if unknown := set(self.trusted_headers) - set(FORWARDED_HEADERS):
            raise ValueError(f"TRUSTED_HEADERS must be of {', '.join(FORWARDED_HEADERS)}, not {min(unknown)!r}")
        bind = self.management_bind
        if bind and not (_BIND.fullmatch(bind) and int(bind.rpartition(":")[2]) < 2**16):
            raise ValueError(f"MANAGEMENT_BIND must be HOST:PORT, PORT or empty, not {bind!r}")
        if self.base_path and not (self.base_path.startswith("/") and not self.base_path.endswith("/")):
            raise ValueError(f"BASE_PATH must begin with / and not end with it, not {self.base_path!r}")

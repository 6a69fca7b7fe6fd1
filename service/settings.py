"""What an operator may set, each as an environment variable: PARAMCOUNT_MAX_DEPTH=50."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

PREFIX = "PARAMCOUNT_"


class InvalidSetting(Exception):
    """An environment variable that is not what it must be; the service does not start."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the service, their defaults and types; README.md tells each."""

    max_body_bytes: int = 32 * 1024 * 1024
    max_values: int = 2_000_000
    max_depth: int = 100
    max_layers: int = 250_000
    max_tensors: int = 1_000_000
    max_copies: int = 10_000
    max_rules: int = 1_000
    max_rows: int = 100_000
    max_seconds: int = 20
    max_concurrent: int = 8
    answers_bytes: int = 4 * 1024 * 1024
    trusted_hops: int = 0
    base_path: str = ""
    cors_origins: tuple[str, ...] = ()
    tokens_file: str = ""
    log_format: str = "text"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """The settings of the process. Raises InvalidSetting, which names the variable."""
        given = {}
        for field in fields(cls):
            variable = PREFIX + field.name.upper()
            if variable in environment:
                given[field.name] = _parsed(variable, environment[variable], field.default)
        found = cls(**given)
        if found.log_format not in ("text", "json"):
            raise InvalidSetting(f"{PREFIX}LOG_FORMAT must be text or json, not {found.log_format!r}")
        if found.base_path and not (found.base_path.startswith("/") and not found.base_path.endswith("/")):
            raise InvalidSetting(f"{PREFIX}BASE_PATH must begin with / and not end with it, not {found.base_path!r}")
        return found

    @property
    def limits(self) -> dict[str, int]:
        """What bounds a request, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name.startswith("max_")}


def _parsed(variable: str, value: str, default: Any) -> Any:
    """The value of a variable, of its default's type."""
    if isinstance(default, tuple):
        return tuple(filter(None, (part.strip() for part in value.split(","))))
    if not isinstance(default, int):
        return value
    least = min(default, 1)
    if not (value.isascii() and value.isdigit() and least <= int(value) < 2**63):
        raise InvalidSetting(f"{variable} must be an integer of at least {least}, not {value!r}")
    return int(value)

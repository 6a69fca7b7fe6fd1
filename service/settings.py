"""What an operator may set, each as an environment variable: PARAMCOUNT_MAX_DEPTH=50."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

PREFIX = "PARAMCOUNT_"


class InvalidSetting(Exception):
    """An environment variable that is not what it must be; the service does not start."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The limits of the service; README.md tells each."""

    max_body_bytes: int = 32 * 1024 * 1024
    max_depth: int = 100
    max_layers: int = 250_000
    max_copies: int = 10_000
    max_rules: int = 1_000

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """The settings of the process. Raises InvalidSetting, which names the variable."""
        known = {PREFIX + field.name.upper(): field.name for field in fields(cls)}
        given = {}
        for variable, name in known.items():
            if (value := environment.get(variable)) is None:
                continue
            if not value.isascii() or not value.isdigit() or not 0 < int(value) < 2**63:
                raise InvalidSetting(f"{variable} must be an integer of at least 1, not {value!r}")
            given[name] = int(value)
        return cls(**given)

"""Settings from the environment: PARAMCOUNT_MAX_DEPTH=50 sets max_depth."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

import msgspec

from paramcount.model.budget import Limits
from paramcount.model.errors import did_you_mean

PREFIX = "PARAMCOUNT_"

S = TypeVar("S", bound=Limits)


class InvalidSetting(Exception):
    """An environment variable with an invalid value; nothing starts with it."""


_OF_KUBERNETES = re.compile(r"(SERVICE_(HOST|PORT)|PORT)(_.*)?")
"""The ends of variables that Kubernetes sets for a service called paramcount."""


def check_names(kind: type[Limits], environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a variable with our prefix that sets nothing: it is misspelt. Raises InvalidSetting."""
    known = {PREFIX + field.name.upper() for field in fields(kind)}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known and not _OF_KUBERNETES.fullmatch(name, len(PREFIX)):
            raise InvalidSetting(f"{name} is no setting{did_you_mean(name, known)}")


def from_environment(kind: type[S], environment: Mapping[str, str] = os.environ) -> S:
    """Read the settings that the dataclass `kind` declares; the others keep their defaults. Raises InvalidSetting."""
    stated: dict[str, Any] = {}
    for field in fields(kind):
        text = environment.get(PREFIX + field.name.upper())
        if text is not None:
            is_list = isinstance(field.default, tuple)
            stated[field.name] = tuple(filter(None, map(str.strip, text.split(",")))) if is_list else text
    try:
        return msgspec.convert(stated, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidSetting(_name_variable(str(error))) from None


def _name_variable(message: str) -> str:
    """Return msgspec's message with the variable's name in front: "PARAMCOUNT_MAX_DEPTH: Expected `int`, got `str`"."""
    reason, _, path = message.partition(" - at `$.")
    variable = re.sub(r"\W.*", "", path)
    return f"{PREFIX}{variable.upper()}: {reason}" if variable else f"{PREFIX}{reason}"

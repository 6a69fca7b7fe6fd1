"""The release of transformers that a config is counted by: where releases differ, the one that the config is of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from paramcount.formats.huggingface.blueprints import TRANSFORMERS, Blueprint, Index, load_blueprint, load_index
from paramcount.model.report import ReportWarning

_MAX_RELEASE_CHARS = 20
_RELEASE = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?")

_DEVELOPMENT = ".dev"


class Release(NamedTuple):
    """The release that a config is counted by."""

    version: str
    older: str = ""  # the same, where classes are built otherwise today; empty: the one of all classes
    warnings: tuple[ReportWarning, ...] = ()


def choose_release(payload: Mapping[str, Any], model_type: str, name: str) -> Release:
    """Choose the release by the config's `transformers_version`, with a warning where that may not be its own."""
    stated = payload.get("transformers_version")
    return _choose(stated[:_MAX_RELEASE_CHARS] if isinstance(stated, str) else "", model_type, name)


def load_of_release(payload: Mapping[str, Any], model_type: str, name: str) -> Blueprint:
    """Load the blueprint of the class that a config is counted as, of the release that it is counted by."""
    return load_blueprint(model_type, name, TRANSFORMERS, choose_release(payload, model_type, name).older)


@lru_cache(maxsize=1024)
def _choose(stated: str, model_type: str, name: str) -> Release:
    return choose_of(load_index(), stated, model_type, name)


def choose_of(index: Index, stated: str, model_type: str, name: str) -> Release:
    """Choose among the releases that an index knows, by the one that a config states."""
    release = _parse(stated)
    current = index.held.get(model_type, index.version)
    if release > _parse(current):
        other = f"which may build {name} otherwise than {current}, which was counted"
        detail = f"the config is of transformers {stated}, {other}"
        return Release(current, "", (_warn(detail),))
    older = index.older.get(model_type, {}).get(name, ())
    if older and not release:
        detail = f"{older[-1]} was counted; the config does not state its transformers_version"
        return Release(older[-1], older[-1], (_warn_of_change(name, older[-1], current, detail),))
    if older and _DEVELOPMENT in stated and release > _parse(older[-1]):
        detail = f"{current} was counted; the config is of a release between them"
        return Release(current, "", (_warn_of_change(name, older[-1], current, detail),))
    return next((Release(version, version) for version in older if release <= _parse(version)), Release(current))


def _warn_of_change(name: str, older: str, current: str, detail: str) -> ReportWarning:
    return _warn(f"transformers {current} builds {name} otherwise than {older}: {detail}")


def _warn(detail: str) -> ReportWarning:
    return ReportWarning("later_release", "", detail, exact=False)


def _parse(version: str) -> tuple[int, ...]:
    """The numbers of a release: (5, 23, 0) of 5.23.0.dev0; none for anything else."""
    match = _RELEASE.match(version)
    return tuple(int(number or 0) for number in match.groups()) if match else ()


__all__ = ["Release", "choose_of", "choose_release", "load_of_release"]

"""Checkpoints in several files: the index that lists them, and files that are not here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from paramcount.model.errors import ArchitectureError, InvalidDocument, token
from paramcount.model.report import ReportWarning

_MAX_MISSING_SHARDS = 100
"""The most shards that are named as missing, one warning each."""

_SHARD = re.compile(r"-0*(\d{1,6})-of-0*(\d{1,6})\.(?:safetensors|bin)", re.ASCII)


def explain_index(
    index: Mapping[str, Any], present: Container[str], files: Mapping[str, str]
) -> Iterator[ArchitectureError]:
    """Yield the problems of an index, by the files that are here (`present`) and by each tensor's file (`files`)."""
    for name, file in index["weight_map"].items():
        pointer = f"/index/weight_map{token(name)}"
        if not isinstance(file, str):
            yield InvalidDocument("must be the name of a file", pointer, "type")
        elif file in present and files.get(name) != file:
            yield InvalidDocument(f'"{file[:100]}" has no such tensor', pointer, "missing_tensor")


def warn_of_index(
    index: Mapping[str, Any], present: Container[str], files: Mapping[str, str]
) -> Iterator[ReportWarning]:
    """Warn of files that are not here, and of tensors that an index does not list."""
    missing = Counter(file for file in index["weight_map"].values() if isinstance(file, str) and file not in present)
    for file, number in list(missing.items())[:_MAX_MISSING_SHARDS]:
        detail = f'"{file[:100]}" is not here: {number} tensors that the index puts there are not counted'
        yield ReportWarning("missing_shard", "", detail, exact=False)
    if extra := [name for name in files if name not in index["weight_map"]]:
        yield ReportWarning(
            "not_in_index", "", f'{len(extra)} tensors are not in the index ("{extra[0][:100]}"); counted'
        )


def warn_of_missing_shards(files: Iterable[str], index: Mapping[str, Any] | None) -> Iterator[ReportWarning]:
    """Warn of shards that only the names of others show: "model-00001-of-00030.safetensors"."""
    if index is not None:
        return
    numbers: dict[tuple[str, int], set[int]] = {}  # by the checkpoint's name and its number of shards
    for file in files:
        if match := _SHARD.search(file):
            numbers.setdefault((file[: match.start()], int(match[2])), set()).add(int(match[1]))
    for (name, total), present in numbers.items():
        if len(present) < total:
            detail = f'{total - len(present)} of the {total} shards of "{name[:100]}" are not here, and not counted'
            yield ReportWarning("missing_shard", "", detail, exact=False)

"""Configs of transformers, counted or refused, and where in a report a row stands."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.model.errors import Problems
from paramcount.model.report import Report, Row

LLAMA: dict[str, Any] = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}


def counted(config: dict[str, Any]) -> Report:
    return count(read(config, detect(config)))


def refused(config: dict[str, Any]) -> list[tuple[str, str, str]]:
    with pytest.raises(Problems) as found:
        counted(config)
    return [(problem.pointer, problem.code, problem.detail) for problem in found.value.problems]


def at(row: Row, path: str) -> Row:
    return next(found for found in walk(row) if found.path == path)


def walk(row: Row) -> list[Row]:
    return [row, *(found for child in row.children for found in walk(child))]

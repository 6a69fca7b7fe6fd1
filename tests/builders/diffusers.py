"""Components of diffusers, counted or refused."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.errors import Problems
from paramcount.schema.registry import FORMATS


def count_component(name: str, config: dict[str, Any]) -> int:
    """Return the parameters of a component, which must be exact."""
    report = count(read({"_class_name": name, **config}, FORMATS["diffusers"]))
    assert report.exact
    return report.root.totals.trainable + report.root.totals.frozen


def list_pointers(name: str, config: dict[str, Any]) -> list[str]:
    """Return the pointers of the problems of a component, which must be refused."""
    with pytest.raises(Problems) as refused:
        read({"_class_name": name, **config}, FORMATS["diffusers"])
    return [problem.pointer for problem in refused.value.problems]

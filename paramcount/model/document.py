"""What a reader makes of a payload."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from paramcount.model.layers import Layer
from paramcount.model.report import ReportWarning, WeightRoles
from paramcount.model.tensors import Convention, Output, Totals


class Document(NamedTuple):
    """What a reader makes of a payload."""

    root: Layer
    convention: Convention
    framework: str = ""
    inputs: tuple[Output, ...] = ()  # the shapes that the root is fed, where the document states them beside it
    warnings: tuple[ReportWarning, ...] = ()
    read_nested_layer: Callable[[Any, str], Layer] | None = (
        None  # reads a layer inside a layer's config (a wrapper's), given its pointer
    )
    type_pointer: str = "/type"  # where a layer's type and config stand, below the layer's own pointer
    config_pointer: str = ""
    warnings_from_totals: Callable[[Totals], tuple[ReportWarning, ...]] | None = (
        None  # what can be told only with the totals
    )
    lenient: bool = False  # an argument that no formula knows makes the count inexact, and is no error
    adapted: bool = False  # what it says is frozen is so because of an adapter
    roles: WeightRoles | None = None
    cache_key: Hashable = None  # the same of two documents only if all is but what is said of them; None: not known
    by_line: bool = False  # a text has no pointers: each layer's is "line 12", which a problem tells in its detail

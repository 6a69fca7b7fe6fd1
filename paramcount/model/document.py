"""What a reader makes of a payload, and what it knows of the model beside its layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from paramcount.model.layers import Layer
from paramcount.model.report import ReportWarning, WeightRoles
from paramcount.model.tensors import Convention, Output, Totals


class ModelFacts(NamedTuple):
    """What a reader knows of a model's class and config; adapters ask for it."""

    model_type: str = ""  # as transformers names it; empty where the document does not say
    is_printed: bool = False  # every layer has its class, as in print(model)
    config: Mapping[str, Any] = {}  # its config, by dotted path
    aliases: Mapping[str, str] = {}  # other names of the config's fields
    submodels: tuple[tuple[str, str], ...] = ()  # (path prefix, "model_type/Class") of the models inside it


class Document(NamedTuple):
    """What a reader makes of a payload."""

    root: Layer
    convention: Convention
    framework: str = ""
    inputs: tuple[Output, ...] = ()  # the shapes that the root is fed, where the document states them beside it
    warnings: tuple[ReportWarning, ...] = ()
    read_nested_layer: Callable[[Any, str], Layer] | None = None  # of a layer's config (a wrapper's), by its pointer
    type_pointer: str = "/type"  # where a layer's type and config stand, below the layer's own pointer
    config_pointer: str = ""
    warnings_from_totals: Callable[[Totals], tuple[ReportWarning, ...]] | None = None
    lenient: bool = False  # an argument that no formula knows makes the count inexact, and is no error
    adapted: bool = False  # what it says is frozen is so because of an adapter
    roles: WeightRoles | None = None
    by_line: bool = False  # a text has no pointers: each layer's is "line 12", which a problem tells in its detail
    facts: ModelFacts = ModelFacts()
    format: str = ""  # filled in by the registry
    counts: dict[Any, Any] | None = None  # of the interned model that it is: what counting made of it before

"""What a reader makes of a payload, and what it knows of the model beside its layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from paramcount.model.layers import Layer
from paramcount.model.report import ReportWarning, WeightRoles
from paramcount.model.tensors import Convention, Output, Totals


class Submodel(NamedTuple):
    """A model inside another one, of another class than its config's default."""

    prefix: str  # of the names of its tensors: "language_model."
    model_type: str
    class_name: str


class ModelFacts(NamedTuple):
    """What a reader knows of a model beside its layers. Adapters ask for it; each member may be left out."""

    model_type: str = ""  # as transformers names it; empty where the document does not state it
    types_are_classes: bool = False  # every layer's type is its PyTorch class, as in print(model)
    config: Mapping[str, Any] = {}  # the fields of its config by dotted path ("text_config.hidden_size")
    aliases: Mapping[str, str] = {}  # other names of these fields
    submodels: tuple[Submodel, ...] = ()


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
    read_facts: Callable[[], ModelFacts] = ModelFacts  # called only when they are needed, so it may be slow
    format: str = ""  # filled in by the registry
    counts: dict[Any, Any] | None = None  # of the interned model that it is: what counting made of it before

"""A document as a reader returns it, and the facts about the model beside its layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from paramcount.model.layers import Layer
from paramcount.model.report import HubCount, ReportWarning, Row, WeightRoles
from paramcount.model.tensors import Convention, Output, Totals


class Submodel(NamedTuple):
    """A model inside another one, of another class than its config's default."""

    prefix: str  # of the names of its tensors: "language_model."
    model_type: str
    class_name: str


class ModelFacts(NamedTuple):
    """Facts about a model beside its layers, for adapters; a reader may leave any of them out."""

    model_type: str = ""  # as transformers names it; empty where the document does not state it
    types_are_classes: bool = False  # every layer's type is its PyTorch class, as in print(model)
    config: Mapping[str, Any] = {}  # the fields of its config by dotted path ("text_config.hidden_size")
    aliases: Mapping[str, str] = {}  # other names of these fields
    submodels: tuple[Submodel, ...] = ()


FRAMEWORKS: Mapping[str, str] = {"keras": "keras 3.15.1", "torch": "torch 2.13.0"}
"""The versions of the frameworks whose layers the formulas of these dialects build."""


class Document(NamedTuple):
    """A model as a reader returns it: its layers, and the settings to count them by."""

    root: Layer
    convention: Convention
    framework: str = ""
    inputs: tuple[Output, ...] = ()  # the shapes of the root's inputs, where the document states them beside it
    warnings: tuple[ReportWarning, ...] = ()
    warnings_without_rules: tuple[ReportWarning, ...] = ()  # true only where the request states no rules
    read_nested_layer: Callable[[Any, str], Layer] | None = None  # of a layer's config (a wrapper's), by its pointer
    type_pointer: str = "/type"  # of a layer's type, below the layer's own pointer; so is config_pointer
    config_pointer: str = ""
    warnings_from_totals: Callable[[Totals], tuple[ReportWarning, ...]] | None = None
    warnings_from_rows: Callable[[Row], tuple[ReportWarning, ...]] | None = None  # of the root's row
    lenient: bool = False  # an unknown argument of a layer is a warning, and no error
    adapted: bool = False  # its frozen layers and tensors are frozen by an adapter
    roles: WeightRoles | None = None
    by_line: bool = False  # it is a text: a layer's pointer is "line 12", and goes into a problem's detail
    read_facts: Callable[[], ModelFacts] = ModelFacts  # called only when they are needed, so it may be slow
    format: str = ""  # filled in by the registry
    rules: str | None = None  # whose rules make the tensors: "transformers 5.23.0"; None: those of `framework`
    count_as_hub: Callable[[], HubCount] | None = None  # as the Hub counts its files
    assumes_dtype: bool = False  # a dtype that its tensors have is the request's
    adapter: Mapping[str, Any] | None = None  # an adapter_config.json that came with it
    counts: dict[Any, Any] | None = None  # counts made before, where documents share one interned model

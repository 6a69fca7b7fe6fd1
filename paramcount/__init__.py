"""Count the parameters of neural networks, exactly, from their description.

`count`, `compare` and `describe` are for notebooks and scripts. The other names are the door for authors of plug-ins:
the built-in layers and formats come in by it too.
"""

from typing import TYPE_CHECKING, Any

from paramcount.model.budget import Limits
from paramcount.model.document import Document, ModelFacts, Submodel
from paramcount.model.errors import InvalidDocument, Problems, ShapeMismatch, UnknownShape
from paramcount.model.layers import Call, Graph, Layer, Ref
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Formula, Tensor
from paramcount.schema.registry import axis_length, inside, layer, reader, require
from paramcount.schema.signature import (
    Anything,
    Axes,
    CallFlag,
    Dim,
    Dims,
    Flag,
    Input,
    Inputs,
    Int,
    Number,
    Part,
    Parts,
    Shape,
    Size,
    Text,
)

if TYPE_CHECKING:
    from paramcount.api import Comparison, Report, compare, count
    from paramcount.live_models import describe

__all__ = [
    "Anything",
    "Axes",
    "Call",
    "CallFlag",
    "Comparison",
    "Dim",
    "Dims",
    "Document",
    "Flag",
    "Formula",
    "Graph",
    "Input",
    "Inputs",
    "Int",
    "InvalidDocument",
    "Layer",
    "Limits",
    "ModelFacts",
    "Number",
    "Part",
    "Parts",
    "Problems",
    "Ref",
    "Report",
    "ReportWarning",
    "Shape",
    "ShapeMismatch",
    "Size",
    "Submodel",
    "Tensor",
    "Text",
    "UnknownShape",
    "axis_length",
    "compare",
    "count",
    "describe",
    "inside",
    "layer",
    "reader",
    "require",
]

_FUNCTIONS = {"Comparison": "api", "Report": "api", "compare": "api", "count": "api", "describe": "live_models"}


def __getattr__(name: str) -> Any:
    """Import the functions when they are first used: a plug-in needs none of what they bring."""
    if name not in _FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    value = getattr(import_module(f"paramcount.{_FUNCTIONS[name]}"), name)
    globals()[name] = value
    return value

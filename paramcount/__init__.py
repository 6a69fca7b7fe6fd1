"""The door for authors of plug-ins: the built-in layers and formats come in by it too."""

from paramcount.model.document import Document
from paramcount.model.errors import InvalidDocument, ShapeMismatch, UnknownShape
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

__all__ = [
    "Anything",
    "Axes",
    "Call",
    "CallFlag",
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
    "Notice",
    "Number",
    "Part",
    "Parts",
    "Ref",
    "ReportWarning",
    "Shape",
    "ShapeMismatch",
    "Size",
    "Tensor",
    "Text",
    "UnknownShape",
    "axis_length",
    "inside",
    "layer",
    "reader",
    "require",
]

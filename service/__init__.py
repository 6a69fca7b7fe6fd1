"""The door for authors of plug-ins: the built-in layers and formats come in by it too."""

from service.errors import InvalidDocument, ShapeMismatch, UnknownShape
from service.model import Call, Document, Formula, Graph, Layer, Notice, Ref, Tensor
from service.registry import axis_length, inside, layer, reader, require
from service.signature import (
    Anything,
    Axes,
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

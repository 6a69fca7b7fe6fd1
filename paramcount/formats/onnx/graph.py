"""What an ONNX model holds: initializers, wherever they stand, and who uses them (field numbers: onnx.proto)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from paramcount.formats.named_tensors.checkpoint import HIGHEST_RANK, MAX_TENSORS, refuse, shape_problem
from paramcount.formats.onnx.wire import Field, Wire
from paramcount.model.dtypes import DTYPES
from paramcount.model.errors import ArchitectureError, InvalidDocument, TooLarge, token
from paramcount.model.tensors import Tensor
from paramcount.schema.validator import MAX_PROBLEMS

_DTYPES = (
    *("", "F32", "U8", "I8", "U16", "I16", "I32", "I64", "STRING", "BOOL", "F16", "F64", "U32", "U64", "C64", "C128"),
    *("BF16", "F8_E4M3", "F8_E4M3FNUZ", "F8_E5M2", "F8_E5M2FNUZ", "U4", "I4", "F4", "F8_E8M0", "U2", "I2"),
    *("F6_E2M3", "F6_E3M2"),
)
"""TensorProto.DataType by number."""

_DEEPEST = 40
"""Graphs within graphs."""


class Use(NamedTuple):
    """A node that takes something as its input number `position`."""

    operator: str
    position: int


class Initializer(NamedTuple):
    """A tensor of a graph, and its name there."""

    name: str
    tensor: Tensor


@dataclass
class Model:
    """All that is read of a model."""

    name: str = ""
    initializers: dict[str, Initializer] = field(default_factory=dict)  # by path
    uses: dict[str, frozenset[Use]] = field(default_factory=dict)  # by the initializer's name in its graph
    sparse: list[tuple[int, int]] = field(default_factory=list)  # values stored, elements they stand for
    constants: list[Tensor] = field(default_factory=list)  # of Constant nodes
    training: int = 0  # elements of initializers in the training part
    problems: list[ArchitectureError] = field(default_factory=list)


def read_model(wire: Wire) -> Model:
    """The model (ModelProto) that a file is."""
    model = Model()
    walk = _Walk(wire, model)
    seen = False
    for found in wire.fields(0, len(wire.data)):
        if found.number == 7:  # graph
            seen = True
            walk.graph(found, "")
        elif found.number == 20:  # training_info
            walk.training(found)
        elif found.number == 25:  # functions
            walk.function(found)
    if not seen:
        raise InvalidDocument("is no ONNX model: it holds no graph", code="no_graph")
    return model


class _Walk:
    def __init__(self, wire: Wire, model: Model) -> None:
        self.wire, self.model = wire, model
        self.depth = 0
        self.sets: dict[frozenset[Use], frozenset[Use]] = {}  # equal ones are one object: there are few

    def inside(self, message: Field) -> Iterator[Field]:
        """The fields of a message."""
        if not message.end:
            raise InvalidDocument("is no ONNX file: a number stands where a message must", code="wire")
        return self.wire.fields(message.value, message.end)

    def blame(self, detail: str, name: str, code: str) -> None:
        """Note a problem; enough of them are raised at once."""
        self.model.problems.append(InvalidDocument(detail, token(name), code))
        if len(self.model.problems) >= MAX_PROBLEMS:
            refuse(self.model.problems)

    def graph(self, message: Field, prefix: str) -> None:
        """A GraphProto; the names within it get `prefix`."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise TooLarge(f"has graphs in graphs, more than {_DEEPEST} deep")
        for found in self.inside(message):
            if found.number == 2 and not prefix:  # name
                self.model.name = self.wire.text(found)
            elif found.number == 5:  # initializer
                self.initializer(found, prefix)
            elif found.number == 15:  # sparse_initializer
                self.model.sparse.append(self.sparse(found))
        nodes = (found for found in self.inside(message) if found.number == 1)
        for number, node in enumerate(nodes):
            self.node(node, prefix, number)
        self.depth -= 1

    def function(self, message: Field) -> None:
        """A FunctionProto: it has no initializers, but its nodes may hold graphs that do."""
        name = next((self.wire.text(found) for found in self.inside(message) if found.number == 1), "")
        nodes = (found for found in self.inside(message) if found.number == 7)
        for number, node in enumerate(nodes):
            self.node(node, f"{name}.", number)

    def training(self, message: Field) -> None:
        """A TrainingInfoProto: its graphs serve the training, not the model."""
        aside = Model()
        walk = _Walk(self.wire, aside)
        for found in self.inside(message):
            if found.number in (1, 2):  # initialization, algorithm
                walk.graph(found, f"{found.number}.")
        self.model.training += sum(initializer.tensor.size for initializer in aside.initializers.values())
        self.model.problems += aside.problems

    def node(self, message: Field, prefix: str, number: int) -> None:
        """A NodeProto: what it takes, and the graphs and constants in its attributes."""
        operator, inputs, attributes = "", [], []
        for found in self.inside(message):
            if found.number == 1:  # input
                inputs.append(self.wire.text(found))
            elif found.number == 4:  # op_type
                operator = self.wire.text(found)
            elif found.number == 5:  # attribute
                attributes.append(found)
        for position, name in enumerate(inputs):
            if (known := self.model.uses.get(name)) is not None:
                uses = known | {Use(operator, position)}
                self.model.uses[name] = self.sets.setdefault(uses, uses)
        for attribute in attributes:
            if operator == "Constant":
                self.constant(attribute)
            else:
                self.attribute(attribute, f"{prefix}{operator}_{number}.")

    def attribute(self, message: Field, prefix: str) -> None:
        """An AttributeProto, for the graphs that it holds."""
        name, graphs = "", []
        for found in self.inside(message):
            if found.number == 1:  # name
                name = self.wire.text(found)
            elif found.number in (6, 11):  # g, graphs
                graphs.append(found)
        for number, graph in enumerate(graphs):
            self.graph(graph, f"{prefix}{name}." if len(graphs) == 1 else f"{prefix}{name}.{number}.")

    def constant(self, message: Field) -> None:
        """An AttributeProto of a Constant node: its value is an initializer in all but name."""
        for found in self.inside(message):
            if found.number == 5:  # t
                self.model.constants.append(self.tensor(found)[1])
            elif found.number == 22:  # sparse_tensor
                self.model.sparse.append(self.sparse(found))
            elif found.number in (2, 7):  # f, floats
                self.model.constants.append(Tensor("", (self.wire.length(found) // 4,), dtype="F32"))
            elif found.number == 8:  # ints
                self.model.constants.append(Tensor("", (sum(1 for _ in self.wire.integers(found)),), dtype="I64"))

    def initializer(self, message: Field, prefix: str) -> None:
        """A TensorProto of a graph."""
        name, tensor = self.tensor(message)
        path = prefix + name
        if path in self.model.initializers:
            self.blame("is an initializer already", path, "duplicate_name")
        self.model.initializers[path] = Initializer(name, tensor)
        self.model.uses.setdefault(name, frozenset())
        if len(self.model.initializers) > MAX_TENSORS:
            raise TooLarge(f"holds more than {MAX_TENSORS:,} tensors")

    def sparse(self, message: Field) -> tuple[int, int]:
        """A SparseTensorProto: how many values it holds, and how many elements they stand for."""
        values, shape = 0, []
        for found in self.inside(message):
            if found.number == 1:  # values
                values = self.tensor(found)[1].size
            elif found.number == 3:  # dims
                shape += list(islice(self.wire.integers(found), HIGHEST_RANK + 1))
        if wrong := shape_problem(shape):
            self.blame(wrong, "", "shape")
            return values, 0
        return values, Tensor("", tuple(shape)).size

    def tensor(self, message: Field) -> tuple[str, Tensor]:
        """A TensorProto: its name, its shape and dtype. Its data is passed over; raw data must be of that length."""
        name, kind, shape, raw, external = "", 0, list[int](), None, False
        for found in self.inside(message):
            if found.number == 1:  # dims
                shape += islice(self.wire.integers(found), HIGHEST_RANK + 1)
            elif found.number == 2:  # data_type
                kind = len(_DTYPES) if found.end else found.value
            elif found.number == 8:  # name
                name = self.wire.text(found)
            elif found.number == 9:  # raw_data
                raw = self.wire.length(found)
            elif found.number == 14:  # data_location: 1 is another file
                external = found.value == 1
            if len(shape) > HIGHEST_RANK:
                break
        dtype = _DTYPES[kind] if kind < len(_DTYPES) else ""
        wrong = shape_problem(shape) or ("" if dtype else f"is of data type {kind}, which ONNX does not have")
        tensor = Tensor("", () if wrong else tuple(shape), dtype=dtype)
        if not wrong and raw is not None and not external and dtype != "STRING":
            takes = -(-tensor.size * DTYPES[dtype] // 8)
            wrong = f"holds {raw:,} bytes, where {takes:,} make {dtype} of its shape" if raw != takes else ""
        if wrong:
            self.blame(wrong, name, "tensor")
        return name, tensor

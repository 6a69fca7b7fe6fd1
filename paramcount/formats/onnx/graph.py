"""The contents of an ONNX model: its initializers, those of subgraphs too, and the nodes that use them.

Source of the field numbers: onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import prod
from typing import NamedTuple

from paramcount.formats.named_tensors.checkpoint import MAX_TENSORS, explain_shape
from paramcount.formats.onnx.wire import Field, Wire
from paramcount.model.budget import PathBudget
from paramcount.model.dtypes import DTYPES
from paramcount.model.errors import (
    MAX_PROBLEMS,
    ArchitectureError,
    InvalidDocument,
    TooLarge,
    raise_problems,
    token,
)
from paramcount.model.tensors import Tensor
from paramcount.schema.signature import MAX_RANK

_DTYPES = (
    *("", "F32", "U8", "I8", "U16", "I16", "I32", "I64", "STRING", "BOOL", "F16", "F64", "U32", "U64", "C64", "C128"),
    *("BF16", "F8_E4M3", "F8_E4M3FNUZ", "F8_E5M2", "F8_E5M2FNUZ", "U4", "I4", "F4", "F8_E8M0", "U2", "I2"),
    *("F6_E2M3", "F6_E3M2"),
)
"""TensorProto.DataType by number."""

_MAX_GRAPH_DEPTH = 40
"""The most graphs inside each other."""


class Use(NamedTuple):
    """One use of a tensor: as input number `position` of a node."""

    operator: str
    position: int


class PackedUse(NamedTuple):
    """One use of a tensor whose elements may each hold several values, and the node's attributes that say so."""

    operator: str
    position: int
    attributes: Mapping[str, int | str]


_SIZE_ATTRIBUTES = frozenset(
    ("K", "N", "Nq", "Nkv", "bits", "block_size", "quant_type", "expert_weight_bits", "fc1_expert_weight_bits",
     "fc2_expert_weight_bits", "fc3_expert_weight_bits")
)  # fmt: skip
"""The attributes of these nodes that say how many values an element holds."""

MAX_PACKED_USES = 8
"""The most different uses of one initializer that are kept; of more its size is unknown."""

PACKED_INPUTS: Mapping[str, tuple[int, ...]] = {
    "DequantizeBFP": (0,),
    "GatherBlockQuantized": (0,),
    "MatMulBlockQuantizedFp4Weight": (1,),
    "MatMulBnb4": (1,),
    "MatMulFpQ4": (1,),
    "MatMulNBits": (1,),
    "MatMulNBitsMlp": (3, 6),
    "MatMulNBitsQkv": (3, 6, 9),
    "QMoE": (2, 5, 8),
}
"""The inputs, by operator of onnxruntime, that are packed."""


class Initializer(NamedTuple):
    """A tensor of a graph, and its name in that graph."""

    name: str
    tensor: Tensor


class Sparse(NamedTuple):
    """A sparse tensor: the number of its stored values, and of its elements, zeros included."""

    values: int
    elements: int


@dataclass
class Model:
    """The parts of a model that are read."""

    name: str = ""
    initializers: dict[str, Initializer] = field(default_factory=dict)  # by path
    uses: dict[str, set[Use]] = field(default_factory=dict)  # by the initializer's name in its graph
    packed_uses: dict[str, list[PackedUse]] = field(default_factory=dict)  # likewise, of packed initializers
    compiled_nodes: int = 0
    sparse: list[Sparse] = field(default_factory=list)
    constants: list[Tensor] = field(default_factory=list)  # of Constant nodes
    training: int = 0  # elements of initializers in the training part
    problems: list[ArchitectureError] = field(default_factory=list)


def read_model(wire: Wire) -> Model:
    """Return the model (ModelProto) in a file. Its `problems` are not raised, unless there are MAX_PROBLEMS."""
    model = Model()
    graph_reader = _GraphReader(wire, model)
    has_graph = False
    for part in wire.read_fields(0, len(wire.data)):
        if part.number == 7:  # graph
            has_graph = True
            graph_reader.read_graph(part, "")
        elif part.number == 20:  # training_info
            graph_reader.read_training(part)
        elif part.number == 25:  # functions
            graph_reader.read_function(part)
    if not has_graph:
        raise InvalidDocument("is no ONNX model: it holds no graph", code="no_graph")
    return model


class _GraphReader:
    """Reads the messages of a file into a Model."""

    def __init__(self, wire: Wire, model: Model) -> None:
        self.wire, self.model = wire, model
        self.depth = 0
        self.paths = PathBudget()

    def read_fields(self, message: Field) -> Iterator[Field]:
        """Yield the fields of a message."""
        if not message.end:
            raise InvalidDocument("is no ONNX file: a number stands where a message must", code="wire")
        return self.wire.read_fields(message.value, message.end)

    def add_problem(self, detail: str, name: str, code: str) -> None:
        """Note a problem. Raises Problems when there are MAX_PROBLEMS."""
        self.model.problems.append(InvalidDocument(detail, token(name), code))
        if len(self.model.problems) >= MAX_PROBLEMS:
            raise_problems(self.model.problems)

    def read_graph(self, message: Field, prefix: str) -> None:
        """Read a GraphProto; `prefix` goes before its names."""
        self.depth += 1
        if self.depth > _MAX_GRAPH_DEPTH:
            raise TooLarge(f"has graphs in graphs, more than {_MAX_GRAPH_DEPTH} deep")
        for part in self.read_fields(message):
            if part.number == 2 and not prefix:  # name
                self.model.name = self.wire.read_text(part)
            elif part.number == 5:  # initializer
                self.read_initializer(part, prefix)
            elif part.number == 15:  # sparse_initializer
                self.model.sparse.append(self.read_sparse_tensor(part))
        nodes = (part for part in self.read_fields(message) if part.number == 1)
        for number, node in enumerate(nodes):
            self.read_node(node, prefix, number)
        self.depth -= 1

    def read_function(self, message: Field) -> None:
        """Read a FunctionProto: it has no initializers, but its nodes may hold graphs that do."""
        name = next((self.wire.read_text(part) for part in self.read_fields(message) if part.number == 1), "")
        nodes = (part for part in self.read_fields(message) if part.number == 7)
        for number, node in enumerate(nodes):
            self.read_node(node, f"{name}.", number)

    def read_training(self, message: Field) -> None:
        """Read a TrainingInfoProto: its graphs serve the training, not the model."""
        training = Model()
        graph_reader = _GraphReader(self.wire, training)
        for part in self.read_fields(message):
            if part.number in (1, 2):  # initialization, algorithm
                graph_reader.read_graph(part, f"{part.number}.")
        self.model.training += sum(initializer.tensor.size for initializer in training.initializers.values())
        self.model.problems += training.problems

    def read_node(self, message: Field, prefix: str, number: int) -> None:
        """Read a NodeProto: its inputs, and the graphs and constants in its attributes."""
        operator, inputs, attributes = "", [], []
        for part in self.read_fields(message):
            if part.number == 1:  # input
                inputs.append(self.wire.read_text(part))
            elif part.number == 4:  # op_type
                operator = self.wire.read_text(part)
            elif part.number == 5:  # attribute
                attributes.append(part)
        for position, name in enumerate(inputs):
            if (known_uses := self.model.uses.get(name)) is not None:
                known_uses.add(Use(operator, position))
        if operator in PACKED_INPUTS:
            self.read_packed_uses(operator, inputs, attributes)
        self.model.compiled_nodes += operator == "EPContext"
        for attribute in attributes:
            if operator == "Constant":
                self.read_constant(attribute)
            else:
                self.read_attribute(attribute, f"{prefix}{operator}_{number}.")

    def read_packed_uses(self, operator: str, inputs: Sequence[str], attributes: Sequence[Field]) -> None:
        """Note the packed inputs of a node, with its attributes that are numbers or text."""
        values: dict[str, int | str] = {}
        for attribute in attributes:
            name = ""
            value: int | str | None = None
            for part in self.read_fields(attribute):
                if part.number == 1:  # name
                    name = self.wire.read_text(part)
                elif part.number == 3 and not part.end:  # i
                    value = part.value
                elif part.number == 4 and part.end:  # s
                    value = self.wire.read_text(part)
            if value is not None and name in _SIZE_ATTRIBUTES:
                values[name] = value
        for position in PACKED_INPUTS[operator]:
            if position < len(inputs) and inputs[position] in self.model.uses:
                uses = self.model.packed_uses.setdefault(inputs[position], [])
                if len(uses) < MAX_PACKED_USES and (use := PackedUse(operator, position, values)) not in uses:
                    uses.append(use)

    def read_attribute(self, message: Field, prefix: str) -> None:
        """Read an AttributeProto, for the graphs that it holds."""
        name, graphs = "", []
        for part in self.read_fields(message):
            if part.number == 1:  # name
                name = self.wire.read_text(part)
            elif part.number in (6, 11):  # g, graphs
                graphs.append(part)
        for number, graph in enumerate(graphs):
            self.read_graph(graph, f"{prefix}{name}." if len(graphs) == 1 else f"{prefix}{name}.{number}.")

    def read_constant(self, message: Field) -> None:
        """Read an AttributeProto of a Constant node, whose value might as well be an initializer."""
        for part in self.read_fields(message):
            if part.number == 5:  # t
                self.model.constants.append(self.read_tensor(part).tensor)
            elif part.number == 22:  # sparse_tensor
                self.model.sparse.append(self.read_sparse_tensor(part))
            elif part.number in (2, 7):  # f, floats
                self.model.constants.append(Tensor("", (self.wire.measure(part) // 4,), dtype="F32"))
            elif part.number == 8:  # ints
                self.model.constants.append(Tensor("", (sum(1 for _ in self.wire.read_integers(part)),), dtype="I64"))

    def read_initializer(self, message: Field, prefix: str) -> None:
        """Read a TensorProto of a graph."""
        initializer = self.read_tensor(message)
        path = prefix + initializer.name
        self.paths.charge(path)
        if path in self.model.initializers:
            self.add_problem("is an initializer already", path, "duplicate_name")
        self.model.initializers[path] = initializer
        self.model.uses.setdefault(initializer.name, set())
        if len(self.model.initializers) > MAX_TENSORS:
            raise TooLarge(f"holds more than {MAX_TENSORS:,} tensors")

    def read_sparse_tensor(self, message: Field) -> Sparse:
        """Read a SparseTensorProto."""
        values, shape = 0, []
        for part in self.read_fields(message):
            if part.number == 1:  # values
                values = self.read_tensor(part).tensor.size
            elif part.number == 3:  # dims
                shape += list(islice(self.wire.read_integers(part), MAX_RANK + 1))
        if problem := explain_shape(shape):
            self.add_problem(problem, "", "shape")
            return Sparse(values, 0)
        return Sparse(values, prod(shape))

    def read_tensor(self, message: Field) -> Initializer:
        """Read a TensorProto: its name, shape and dtype. Its data is passed over; raw data must be of that length."""
        name, data_type, shape, raw_bytes, external = "", 0, list[int](), None, False
        for part in self.read_fields(message):
            if part.number == 1:  # dims
                shape += islice(self.wire.read_integers(part), MAX_RANK + 1)
            elif part.number == 2:  # data_type
                data_type = len(_DTYPES) if part.end else part.value
            elif part.number == 8:  # name
                name = self.wire.read_text(part)
            elif part.number == 9:  # raw_data
                raw_bytes = self.wire.measure(part)
            elif part.number == 14:  # data_location: 1 is another file
                external = part.value == 1
            if len(shape) > MAX_RANK:
                break
        dtype = _DTYPES[data_type] if data_type < len(_DTYPES) else ""
        problem = explain_shape(shape) or ("" if dtype else f"is of data type {data_type}, which ONNX does not have")
        if not problem and raw_bytes is not None and not external:
            problem = _explain_raw_data(raw_bytes, shape, dtype)
        if problem:
            self.add_problem(problem, name, "tensor")
        return Initializer(name, Tensor("", () if problem else tuple(shape), dtype=dtype))


def _explain_raw_data(raw_bytes: int, shape: Sequence[int], dtype: str) -> str:
    """Return the problem of the length of a tensor's raw data, or ''. Strings have no fixed length."""
    expected_bytes = -(-prod(shape) * DTYPES[dtype] // 8)
    if dtype == "STRING" or raw_bytes == expected_bytes:
        return ""
    return f"holds {raw_bytes:,} bytes, where {expected_bytes:,} make {dtype} of its shape"

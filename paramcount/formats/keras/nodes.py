"""The wiring of a Functional model: its nodes, inputs and outputs, as Keras 3 and Keras 2 write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from paramcount.counting.graph import input_refs, refs
from paramcount.model.errors import ArchitectureError, InvalidDocument, token
from paramcount.model.layers import Call, Graph, Layer, Ref
from paramcount.schema.signature import MAX_RANK, is_dimension
from paramcount.schema.validator import format_value

MAX_ARGUMENT_DEPTH = 20
"""The most lists and dicts inside each other in the argument of a call."""

_CONSTANT = "_CONSTANT_VALUE"

AddProblem = Callable[[ArchitectureError], None]


class Nodes:
    """Reads nodes; `add_problem` takes their problems.

    A nested model starts with a node of its own: Keras 2 numbers its calls from 1, Keras 3 only in `output_layers`.
    """

    def __init__(self, add_problem: AddProblem, nested: frozenset[str], functional: frozenset[str]) -> None:
        self.add_problem, self.nested, self.functional = add_problem, nested, functional

    def call(self, node: Any, pointer: str, built: Any = None) -> Call:
        """Return the call in one of a layer's `inbound_nodes`; `built` is the shape or shapes that it was built for."""
        if isinstance(node, list):
            return self._call_of_keras_2(node, pointer, built)
        if not isinstance(node, dict):
            self._add_type_problem("an object or a list", node, pointer)
            return Call()
        if node and all(isinstance(item, list) and _is_history(item[:3]) for item in node.values()):  # of Keras 2
            return Call(({name: self._read_history(item, self.nested) for name, item in node.items()},))
        args, kwargs = node.get("args", []), node.get("kwargs", {})
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            self._add_type_problem('an object of "args", a list, and "kwargs", an object', node, pointer)
            return Call()
        return Call(
            tuple(self._argument(arg, f"{pointer}/args/{index}", 0) for index, arg in enumerate(args)),
            {
                name: self._argument(arg, f"{pointer}/kwargs{token(name)}", 0)
                for name, arg in kwargs.items()
                if arg is not None  # None is the default of an argument
            },
        )

    def _argument(self, value: Any, pointer: str, depth: int) -> Any:
        """Return an argument of a call with each tensor replaced by a ref to its source."""
        if depth > MAX_ARGUMENT_DEPTH:
            self.add_problem(InvalidDocument(f"is nested deeper than {MAX_ARGUMENT_DEPTH} levels", pointer))
        elif isinstance(value, list):
            return [self._argument(item, f"{pointer}/{index}", depth + 1) for index, item in enumerate(value)]
        elif isinstance(value, dict):
            kind = value.get("class_name")
            if kind == "__keras_tensor__":
                return self._tensor(value.get("config"), f"{pointer}/config")
            if isinstance(kind, str) and "config" in value:  # a slice or a constant: no tensor of the graph
                return None
            return {name: self._argument(item, pointer + token(name), depth + 1) for name, item in value.items()}
        return value if isinstance(value, bool) else None

    def _tensor(self, config: Any, pointer: str) -> Ref | None:
        if not isinstance(config, dict):
            self._add_type_problem("an object", config, pointer)
            return None
        history: Any = config.get("keras_history")
        shape: Any = config.get("shape")
        if not _is_history(history):
            self._add_type_problem(
                "[name of a layer, number of its call, number of its output]", history, f"{pointer}/keras_history"
            )
            return None
        if not is_shape(shape):
            self._add_type_problem("a list of dimensions, null where one is open", shape, f"{pointer}/shape")
            return None
        name, call, output = history
        return Ref(name, call, output, tuple(shape))

    def _call_of_keras_2(self, node: list[Any], pointer: str, built: Any) -> Call:
        """Return the call in [[name, node, tensor, kwargs], ...]; the node of an operation is such an item alone."""
        if node and isinstance(node[0], str):
            node = [node]
        shapes = [built] if is_shape(built) else built if isinstance(built, list) else []
        refs: list[Ref] = []
        others: dict[str, Any] = {}
        for index, item in enumerate(node):
            item_pointer = f"{pointer}/{index}"
            if not isinstance(item, list) or not _is_history(item[:3]) or len(item) > 4:
                self._add_type_problem(
                    "[name of a layer, number of its call, number of its output, other arguments]", item, item_pointer
                )
                continue
            refs.append(self._read_history(item, self.nested))
            kwargs = item[3] if len(item) == 4 else None
            if isinstance(kwargs, dict):
                others |= {name: self._argument_of_keras_2(value) for name, value in kwargs.items()}
            elif kwargs is not None:
                self._add_type_problem("an object", kwargs, f"{item_pointer}/3")
        if len(shapes) == len(refs) and all(map(is_shape, shapes)):
            refs = [ref._replace(stated=tuple(shape)) for ref, shape in zip(refs, shapes, strict=True)]
        return Call((refs[0] if len(refs) == 1 else refs,), others)

    def operation(self, node: Any, pointer: str) -> tuple[Call, list[Any]]:
        """Return the call of a function of TensorFlow on its tensors, and its arguments: the first, and others by name.

        The arguments hold `{"tensor": number}` for each tensor. Constants stand as `[_CONSTANT, -1, value, {}]`.
        Source: keras.src.engine.node.Node.serialize of Keras 2.
        """
        tensors: list[Ref] = []

        def take(value: Any, depth: int = 0) -> Any:
            if depth > MAX_ARGUMENT_DEPTH:
                self.add_problem(InvalidDocument(f"is nested deeper than {MAX_ARGUMENT_DEPTH} levels", pointer))
            elif _is_history(value):
                tensors.append(self._read_history(value, self.nested))
                return {"tensor": len(tensors) - 1}
            elif isinstance(value, list):
                return [take(item, depth + 1) for item in value]
            elif isinstance(value, dict):
                return {name: take(item, depth + 1) for name, item in value.items()}
            return value

        def take_first(item: Any) -> Any:
            if isinstance(item, list) and len(item) >= 3 and item[0] == _CONSTANT:
                return item[2]
            if not isinstance(item, list) or not _is_history(item[:3]):
                self._add_type_problem("[name of a layer, number of its call, number of its output]", item, pointer)
                return None
            return take(item[:3])

        is_one = bool(node) and isinstance(node[0], str)
        first = take_first(node) if is_one else [take_first(item) for item in node]
        head = node if is_one or not node else node[0]
        others = head[3] if isinstance(head, list) and len(head) == 4 and isinstance(head[3], dict) else {}
        return Call((tensors,)), [first, take(others)]

    def _argument_of_keras_2(self, value: Any) -> Any:
        if _is_history(value):
            return self._read_history(value, self.nested)
        return value if isinstance(value, bool) else None

    def refs(self, value: Any, pointer: str, depth: int = 0) -> Any:
        """Return the refs in `input_layers` or `output_layers`: [name, node, tensor], alone or in lists and dicts."""
        if isinstance(value, dict) and depth <= MAX_ARGUMENT_DEPTH:
            return {name: self.refs(item, pointer + token(name), depth + 1) for name, item in value.items()}
        if _is_history(value):
            return self._read_history(value, self.functional)
        if isinstance(value, list) and depth <= MAX_ARGUMENT_DEPTH and not any(isinstance(item, str) for item in value):
            return [self.refs(item, f"{pointer}/{index}", depth + 1) for index, item in enumerate(value)]
        self._add_type_problem(
            "[name of a layer, number of its call, number of its output], or lists and objects of such", value, pointer
        )
        return None

    def _read_history(self, history: list[Any], from_one: frozenset[str]) -> Ref:
        """Return the ref in [name, node, tensor]; the calls of the layers `from_one` are numbered from 1."""
        name, call, output = history[:3]
        return Ref(name, call - 1 if name in from_one and call else call, output)

    def _add_type_problem(self, expected: str, value: Any, pointer: str) -> None:
        self.add_problem(InvalidDocument(f"must be {expected}, not {format_value(value)}", pointer, "type"))


def layers_in_use(children: list[Layer], graph: Graph) -> set[str]:
    """Return the names of a graph's inputs, and of the layers that its outputs depend on."""
    calls = {child.name: child.calls for child in children}
    pending = [ref.layer for ref in refs(graph.outputs)]
    in_use = set(graph.inputs)
    while pending:
        name = pending.pop()
        if name not in in_use:
            in_use.add(name)
            for call in calls.get(name, ()):
                pending += [ref.layer for ref in input_refs(call)]
    return in_use


def lost_inputs(layer: Layer) -> bool:
    """Return whether Keras 2 wrote a function without its tensors, as that of tf.einsum(equation, *inputs)."""
    return layer.type == "TFOpLambda" and any(not input_refs(call) for call in layer.calls)


def _is_history(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    name, call, output = value
    return isinstance(name, str) and is_dimension(call) and is_dimension(output)


def is_shape(value: Any) -> bool:
    """Return whether a value is a shape: a list of dimensions, null where one is open."""
    if not isinstance(value, list) or len(value) > MAX_RANK:
        return False
    for length in value:  # noqa: SIM110 # a generator takes twice the time, and every layer of Keras 2 needs this
        if length is not None and not is_dimension(length):
            return False
    return True


def reorder(call: Call, inputs: tuple[str, ...]) -> Call:
    """Return a nested model's call with its inputs by position, in the order of `inputs`, and without its flags."""
    arguments = [*call.args, *(value for name, value in call.kwargs.items() if name not in ("training", "mask"))]
    if len(arguments) == 1 and isinstance(arguments[0], Mapping) and arguments[0].keys() >= set(inputs):
        arguments = [[arguments[0][name] for name in inputs]]
    return Call(tuple(arguments))

"""Evaluate layers that are wired by name: each call after those that feed it, in any order of the document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import zip_longest
from typing import Any, Final

from paramcount.model.budget import scale_to_request
from paramcount.model.errors import ArchitectureError, InvalidGraph, TooLarge, raise_problems
from paramcount.model.layers import Call, Graph, Layer, Ref
from paramcount.model.tensors import Dimensions, Output
from paramcount.schema.validator import format_value

FAILED: Final = object()
"""The output of a layer whose problem is already reported: the layers that it feeds report nothing."""

MAX_PICKED_OUTPUTS, MIN_PICKED_OUTPUTS, PICKED_OUTPUTS_PER_BYTE = 3_000_000, 100_000, 20
"""The outputs that refs may be picked from: where a layer has many, each ref costs as many."""

Run = Callable[[Layer, Call], Output]


_NO_INPUTS = Call()

_Node = tuple[str, int]
"""A call of a layer: the layer's name, and the number of the call."""


def flatten(structure: Any) -> Iterator[Any]:
    """Yield the leaves of lists and dicts, dicts by sorted key as Keras does. A tuple is a shape, and so a leaf."""
    if isinstance(structure, list):
        for item in structure:
            yield from flatten(item)
    elif isinstance(structure, dict):
        for key in sorted(structure):
            yield from flatten(structure[key])
    else:
        yield structure


def refs(structure: Any) -> list[Ref]:
    """Return the refs in an argument, or in a graph's outputs."""
    if isinstance(structure, Ref):
        return [structure]
    if isinstance(structure, list | dict):
        items = structure.values() if isinstance(structure, dict) else structure
        return [ref for item in items for ref in refs(item)]
    return []


def input_refs(call: Call) -> list[Ref]:
    """Return the refs in a call's arguments."""
    if len(call.args) == 1 and not call.kwargs:
        (only,) = call.args
        return [only] if isinstance(only, Ref) else refs(only)
    return [ref for arg in (*call.args, *call.kwargs.values()) for ref in refs(arg)]


def find_duplicates(parent: Layer) -> Iterator[InvalidGraph]:
    """Yield a problem for each child that has the name of an earlier one."""
    names: set[str] = set()
    for child in parent.children:
        if child.name in names:
            yield InvalidGraph(f'the name "{child.name}" is used twice', child.pointer, "duplicate_name")
        names.add(child.name)


def _find_missing_inputs(parent: Layer, graph: Graph) -> Iterator[ArchitectureError]:
    """Yield a problem for each ref to a layer or a call that does not exist."""
    calls = dict.fromkeys(graph.inputs, 1) | {child.name: len(child.calls) or 1 for child in parent.children}
    for child in parent.children:
        for call in child.calls:
            for ref in input_refs(call):
                if not 0 <= ref.call < calls.get(ref.layer, 0):
                    yield _missing_input(ref, calls, child.pointer)
    for ref in refs(graph.outputs):
        if not 0 <= ref.call < calls.get(ref.layer, 0):
            yield _missing_input(ref, calls, parent.pointer)


def _missing_input(ref: Ref, calls: Mapping[str, int], pointer: str) -> InvalidGraph:
    if ref.layer in calls:
        return InvalidGraph(f'"{ref.layer}" is not called {ref.call + 1} times', pointer, "missing_input")
    return InvalidGraph(f'no layer here is called "{ref.layer[:100]}"', pointer, "missing_input")


class WiringBudget:
    """The outputs that the refs of one document's graphs may be picked from, each ref from all of its layer's."""

    def __init__(self) -> None:
        self._left = scale_to_request(MAX_PICKED_OUTPUTS, MIN_PICKED_OUTPUTS, PICKED_OUTPUTS_PER_BYTE)

    def charge(self, outputs: int) -> None:
        """Take some outputs. Raises TooLarge."""
        self._left -= outputs
        if self._left < 0:
            raise TooLarge("has more layers, fed by more outputs each, than a request of this length may")


def evaluate(parent: Layer, call: Call, run: Run, budget: WiringBudget) -> Output:
    """Return the output of a call of `parent`; `run` evaluates each call of each child, after the calls that feed it.

    The children have different names. Raises Problems for refs to nothing, InvalidGraph for a cycle, TooLarge.
    """
    graph = parent.graph
    assert graph is not None
    evaluation = _Evaluation(parent, graph, call, run, budget)
    try:
        for child in parent.children:  # nearly all documents list a layer after those that feed it
            for index in range(len(child.calls) or 1):
                evaluation.run(child, index)
        return evaluation.resolve(graph.outputs)
    except _NotThereYet:
        raise_problems(_find_missing_inputs(parent, graph))
    evaluation.run_in_order()
    return evaluation.resolve(graph.outputs)


class _NotThereYet(Exception):
    """A ref is to a call that is not evaluated yet."""


class _Evaluation:
    """The outputs of the calls of a layer's children, by call."""

    def __init__(self, parent: Layer, graph: Graph, call: Call, run: Run, budget: WiringBudget) -> None:
        self._children = {child.name: child for child in parent.children}
        self._inputs = dict(zip(graph.inputs, flatten([*call.args, *call.kwargs.values()]), strict=False))
        self._outputs: dict[_Node, Output] = {
            (name, 0): _fill_in(self._inputs.get(name), stated)
            for name, stated in zip_longest(graph.inputs, graph.stated)
            if name not in self._children
        }
        self._run, self._budget = run, budget

    def run(self, child: Layer, index: int) -> None:
        """Perform one call of a child. Raises _NotThereYet."""
        self._outputs[child.name, index] = self._run(child, self._bind_call(child, index))

    def run_in_order(self) -> None:
        """Perform the other calls, each after those that feed it. Raises InvalidGraph on a cycle."""
        sorter: TopologicalSorter[_Node] = TopologicalSorter()
        for child in self._children.values():
            for index in range(len(child.calls) or 1):
                feeding = [(ref.layer, ref.call) for ref in input_refs(child.calls[index])] if child.calls else []
                sorter.add((child.name, index), *feeding, *([(child.name, index - 1)] if index else []))
        try:
            order = [*sorter.static_order()]
        except CycleError as error:
            name, _ = error.args[1][0]
            raise InvalidGraph(f'the layers feed each other in a circle through "{name}"', code="cycle") from None
        for name, index in order:
            if (name, index) not in self._outputs:
                self.run(self._children[name], index)

    def _bind_call(self, child: Layer, index: int) -> Call:
        """Return a call of a child with its refs replaced by outputs. Raises _NotThereYet."""
        call = _NO_INPUTS
        if child.calls:  # resolved for an input too, since its refs must exist
            args, kwargs = child.calls[index]
            if kwargs:
                kwargs = {name: self.resolve(arg) for name, arg in kwargs.items()}
            call = Call((self.resolve(args[0]),) if len(args) == 1 else tuple(map(self.resolve, args)), kwargs)
        entry = self._inputs.get(child.name)
        return call if entry is None else Call((entry,))

    def resolve(self, structure: Any) -> Output:
        """Return the structure with each ref replaced by its output; flags stay, any other value becomes None."""
        if isinstance(structure, Ref):
            try:
                returned = self._outputs[structure.layer, structure.call]
            except KeyError:
                raise _NotThereYet from None
            if structure.output == 0 and type(returned) is tuple:
                return returned
            return self._pick(returned, structure)
        if isinstance(structure, list):
            return [self.resolve(item) for item in structure]
        if isinstance(structure, dict):
            return {name: self.resolve(item) for name, item in structure.items()}
        return structure if isinstance(structure, bool) else None

    def _pick(self, returned: Output, ref: Ref) -> Output:
        """Return the output of a call that a ref names, or the ref's stated shape where the output is unknown."""
        if returned is FAILED or returned is None:
            return returned if ref.stated is None else ref.stated
        if not ref.output and isinstance(returned, tuple):
            return returned
        outputs = list(flatten(returned))
        self._budget.charge(len(outputs))
        if ref.output is None:
            return returned
        if ref.output >= len(outputs):
            raise InvalidGraph(f'"{ref.layer}" has {len(outputs)} outputs, not {ref.output + 1}', code="missing_input")
        return outputs[ref.output]


def _fill_in(entering: Output, stated: Dimensions | None) -> Output:
    """Return the shape that enters an input, open axes filled in from the stated shape. Raises InvalidGraph."""
    if stated is None or not isinstance(entering, tuple):
        return stated if entering is None else entering
    pairs = list(zip(entering[1:], stated[1:], strict=False))  # the batch may have any length
    if len(entering) != len(stated) or any(a != b for a, b in pairs if a is not None and b is not None):
        raise InvalidGraph(f"expects {format_value(stated)}, not {format_value(entering)}", code="shape_mismatch")
    return (*entering[:1], *(b if a is None else a for a, b in pairs))

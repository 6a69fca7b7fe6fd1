"""Evaluate layers that are wired by name: each call after those that feed it, in whatever order they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import islice, zip_longest
from typing import Any, Final

from paramcount.model.errors import MAX_PROBLEMS, ArchitectureError, InvalidGraph, Problems, did_you_mean
from paramcount.model.layers import Call, Graph, Layer, Ref
from paramcount.model.tensors import Dimensions, Output
from paramcount.schema.validator import shown

FAILED: Final = object()
"""The output of a layer whose problem is reported already: the layers that it feeds report nothing."""

Run = Callable[[Layer, Call], Output]


_NO_INPUTS = Call()

_Node = tuple[str, int]
"""A call of a layer: its name, and which."""


def flatten(structure: Any) -> Iterator[Any]:
    """The leaves of lists and dicts, dicts by sorted key as Keras does. A tuple is a shape, and so a leaf."""
    if isinstance(structure, list):
        for item in structure:
            yield from flatten(item)
    elif isinstance(structure, dict):
        for key in sorted(structure):
            yield from flatten(structure[key])
    else:
        yield structure


def refs(structure: Any) -> list[Ref]:
    """The refs in an argument, in a graph's outputs."""
    if isinstance(structure, Ref):
        return [structure]
    if isinstance(structure, list | dict):
        items = structure.values() if isinstance(structure, dict) else structure
        return [ref for item in items for ref in refs(item)]
    return []


def input_refs(call: Call) -> list[Ref]:
    """The refs in a call's arguments."""
    if len(call.args) == 1 and not call.kwargs:
        (only,) = call.args
        return [only] if isinstance(only, Ref) else refs(only)
    return [ref for arg in (*call.args, *call.kwargs.values()) for ref in refs(arg)]


def duplicates(parent: Layer) -> list[InvalidGraph]:
    """A problem for each child whose name another has."""
    if len({child.name for child in parent.children}) == len(parent.children):
        return []
    names: set[str] = set()
    problems = []
    for child in parent.children:
        if child.name in names:
            problems.append(InvalidGraph(f'the name "{child.name}" is used twice', child.pointer, "duplicate_name"))
        names.add(child.name)
    return problems


def _missing_inputs(parent: Layer, graph: Graph) -> Iterator[ArchitectureError]:
    """A problem for each reference to what is not there."""
    calls = dict.fromkeys(graph.inputs, 1) | {child.name: len(child.calls) or 1 for child in parent.children}
    for child in parent.children:
        for call in child.calls:
            for ref in input_refs(call):
                if not 0 <= ref.call < calls.get(ref.layer, 0):
                    yield _missing(ref, calls, child.pointer)
    for ref in refs(graph.outputs):
        if not 0 <= ref.call < calls.get(ref.layer, 0):
            yield _missing(ref, calls, parent.pointer)


def _missing(ref: Ref, calls: Mapping[str, int], pointer: str) -> InvalidGraph:
    if ref.layer in calls:
        return InvalidGraph(f'"{ref.layer}" is not called {ref.call + 1} times', pointer, "missing_input")
    detail = f'no layer here is called "{ref.layer[:100]}"{did_you_mean(ref.layer, calls)}'
    return InvalidGraph(detail, pointer, "missing_input")


def evaluate(parent: Layer, call: Call, run: Run) -> Output:
    """What `parent` returns for a call of it; `run` is asked for every call of every child, after those that feed it.

    `parent` has no duplicates. Raises Problems where it refers to what is not there, InvalidGraph on a cycle.
    """
    graph = parent.graph
    assert graph is not None
    evaluation = _Evaluation(parent, graph, call, run)
    try:
        for child in parent.children:  # nearly all documents write them after what feeds them
            for index in range(len(child.calls) or 1):
                evaluation.run(child, index)
        return evaluation.resolve(graph.outputs)
    except _NotThereYet:
        if problems := list(islice(_missing_inputs(parent, graph), MAX_PROBLEMS)):
            raise Problems(problems) from None
    evaluation.run_in_order()
    return evaluation.resolve(graph.outputs)


class _NotThereYet(Exception):
    """A call is written before what feeds it."""


class _Evaluation:
    """What the children of a layer return, and how one call feeds another."""

    def __init__(self, parent: Layer, graph: Graph, call: Call, run: Run) -> None:
        self._children = {child.name: child for child in parent.children}
        self._inputs = dict(zip(graph.inputs, flatten([*call.args, *call.kwargs.values()]), strict=False))
        self._outputs: dict[_Node, Output] = {
            (name, 0): _fill_in(self._inputs.get(name), stated)
            for name, stated in zip_longest(graph.inputs, graph.stated)
            if name not in self._children
        }
        self._run = run

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
        """A call with the outputs that its refs stand for. Raises _NotThereYet."""
        call = _NO_INPUTS
        if child.calls:  # what an input refers to must be there too
            args, kwargs = child.calls[index]
            named = {name: self.resolve(arg) for name, arg in kwargs.items()} if kwargs else kwargs
            call = Call((self.resolve(args[0]),) if len(args) == 1 else tuple(map(self.resolve, args)), named)
        entry = self._inputs.get(child.name)
        return call if entry is None else Call((entry,))

    def resolve(self, structure: Any) -> Output:
        """The structure with each ref replaced by the output that it stands for; flags stay, anything else is None."""
        if isinstance(structure, Ref):
            try:
                returned = self._outputs[structure.layer, structure.call]
            except KeyError:
                raise _NotThereYet from None
            if structure.output == 0 and type(returned) is tuple:
                return returned
            return _pick(returned, structure)
        if isinstance(structure, list):
            return [self.resolve(item) for item in structure]
        if isinstance(structure, dict):
            return {name: self.resolve(item) for name, item in structure.items()}
        return structure if isinstance(structure, bool) else None


def _fill_in(entering: Output, stated: Dimensions | None) -> Output:
    """The shape that enters an input, its open axes filled in by what the document states. Raises InvalidGraph."""
    if stated is None or not isinstance(entering, tuple):
        return stated if entering is None else entering
    pairs = list(zip(entering[1:], stated[1:], strict=False))  # the batch may have any length
    if len(entering) != len(stated) or any(a != b for a, b in pairs if a is not None and b is not None):
        raise InvalidGraph(f"expects {shown(stated)}, not {shown(entering)}", code="shape_mismatch")
    return (*entering[:1], *(b if a is None else a for a, b in pairs))


def _pick(returned: Output, ref: Ref) -> Output:
    """One output of what a layer returned, or what the document states where that is not known."""
    if returned is FAILED or returned is None:
        return returned if ref.stated is None else ref.stated
    if ref.output is None or (ref.output == 0 and isinstance(returned, tuple)):
        return returned
    outputs = list(flatten(returned))
    if ref.output >= len(outputs):
        raise InvalidGraph(f'"{ref.layer}" has {len(outputs)} outputs, not {ref.output + 1}', code="missing_input")
    return outputs[ref.output]

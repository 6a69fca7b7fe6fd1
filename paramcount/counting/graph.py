"""Evaluate layers that are wired by name: each call after those that feed it, in whatever order they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice, zip_longest
from typing import Any, Final

from paramcount.model.errors import ArchitectureError, InvalidGraph, Problems, did_you_mean
from paramcount.model.layers import Call, Graph, Layer, Ref
from paramcount.model.tensors import Dimensions, Output
from paramcount.schema.validator import MAX_PROBLEMS, shown

FAILED: Final = object()
"""The output of a layer whose problem is told already: whoever is fed by it keeps quiet."""

Run = Callable[[Layer, Call], Output]


_NOTHING = Call()

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
        within = structure.values() if isinstance(structure, dict) else structure
        return [ref for item in within for ref in refs(item)]
    return []


def feeders(call: Call) -> list[Ref]:
    """The refs in a call's arguments."""
    if len(call.args) == 1 and not call.kwargs:
        (only,) = call.args
        return [only] if isinstance(only, Ref) else refs(only)
    return [ref for arg in (*call.args, *call.kwargs.values()) for ref in refs(arg)]


def duplicates(parent: Layer) -> list[InvalidGraph]:
    """Names that several children have: nobody could tell them apart."""
    if len({child.name for child in parent.children}) == len(parent.children):
        return []
    known: set[str] = set()
    found = []
    for child in parent.children:
        if child.name in known:
            found.append(InvalidGraph(f'the name "{child.name}" is used twice', child.pointer, "duplicate_name"))
        known.add(child.name)
    return found


def _missing_inputs(parent: Layer, graph: Graph) -> Iterator[ArchitectureError]:
    """References to what is not there."""
    calls = dict.fromkeys(graph.inputs, 1) | {child.name: len(child.calls) or 1 for child in parent.children}
    for child in parent.children:
        for call in child.calls:
            for ref in feeders(call):
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


def evaluate(parent: Layer, given: Call, run: Run) -> Output:
    """What `parent` returns for the inputs `given`; `run` is asked for every call of every child, feeders first.

    `parent` has no duplicates. Raises Problems where it refers to what is not there, InvalidGraph on a cycle.
    """
    graph = parent.graph
    assert graph is not None
    it = _Evaluation(parent, graph, given, run)
    try:
        for child in parent.children:  # nearly all documents write them after what feeds them
            for index in range(len(child.calls) or 1):
                it.values[child.name, index] = run(child, it.fed(child, index))
        return it.swap(graph.outputs)
    except _Missing:
        if problems := list(islice(_missing_inputs(parent, graph), MAX_PROBLEMS)):
            raise Problems(problems) from None
    for child in parent.children:
        for index in range(len(child.calls) or 1):
            it.settle((child.name, index))
    return it.swap(graph.outputs)


class _Missing(Exception):
    """A call comes before what feeds it."""


class _Evaluation:
    """What the children of a layer return, and how one call is fed by another."""

    def __init__(self, parent: Layer, graph: Graph, given: Call, run: Run) -> None:
        self.children = {child.name: child for child in parent.children}
        self.bound = dict(zip(graph.inputs, flatten([*given.args, *given.kwargs.values()]), strict=False))
        self.values: dict[_Node, Output] = {
            (name, 0): _entry(self.bound.get(name), stated)
            for name, stated in zip_longest(graph.inputs, graph.stated)
            if name not in self.children
        }
        self.run = run

    def fed(self, child: Layer, index: int) -> Call:
        """A call as it is performed. Raises _Missing."""
        call = _NOTHING
        if child.calls:  # what an input refers to must be there too
            args, kwargs = child.calls[index]
            named = {key: self.swap(arg) for key, arg in kwargs.items()} if kwargs else kwargs
            call = Call((self.swap(args[0]),) if len(args) == 1 else tuple(map(self.swap, args)), named)
        entry = self.bound.get(child.name)
        return call if entry is None else Call((entry,))

    def swap(self, structure: Any) -> Output:
        """The structure with each ref replaced by what it stands for; flags stay, and anything else is None."""
        if isinstance(structure, Ref):
            layer, call, output, stated = structure
            try:
                found = self.values[layer, call]
            except KeyError:
                raise _Missing from None
            return found if output == 0 and type(found) is tuple else _pick(found, output, stated, layer)
        if isinstance(structure, list):
            return [self.swap(item) for item in structure]
        if isinstance(structure, dict):
            return {key: self.swap(item) for key, item in structure.items()}
        return structure if isinstance(structure, bool) else None

    def settle(self, wanted: _Node) -> None:
        """Perform `wanted` after all that it needs, without recursion."""
        stack, waiting = [wanted], set()
        while stack:
            node = stack[-1]
            if node in self.values:
                stack.pop()
            elif not (first := self._missing(*node)):
                child = self.children[node[0]]
                self.values[stack.pop()] = self.run(child, self.fed(child, node[1]))
            elif node in waiting:
                raise InvalidGraph(f'the layers feed each other in a circle through "{node[0]}"', code="cycle")
            else:
                waiting.add(node)
                stack += first

    def _missing(self, name: str, index: int) -> list[_Node]:
        """What must be performed before a call."""
        calls = self.children[name].calls
        found = [(ref.layer, ref.call) for ref in feeders(calls[index])] if calls else []
        if index:
            found.append((name, index - 1))
        return [node for node in found if node not in self.values]


def _entry(given: Output, stated: Dimensions | None) -> Output:
    """What reaches an input of which the document says something: it fits, and what it leaves open is filled in."""
    if stated is None or not isinstance(given, tuple):
        return stated if given is None else given
    pairs = list(zip(given[1:], stated[1:], strict=False))  # the batch may have any length
    if len(given) != len(stated) or any(a != b for a, b in pairs if a is not None and b is not None):
        raise InvalidGraph(f"expects {shown(stated)}, not {shown(given)}", code="shape_mismatch")
    return (*given[:1], *(b if a is None else a for a, b in pairs))


def _pick(found: Output, output: int | None, stated: Dimensions | None, layer: str) -> Output:
    """One output of what a layer returned, or what the document states where that is not known."""
    if found is FAILED or found is None:
        return found if stated is None else stated
    if output is None or (output == 0 and isinstance(found, tuple)):
        return found
    outputs = list(flatten(found))
    if output >= len(outputs):
        raise InvalidGraph(f'"{layer}" has {len(outputs)} outputs, not {output + 1}', code="missing_input")
    return outputs[output]

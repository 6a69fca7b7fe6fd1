"""Evaluate layers that are wired by name: each call after those that feed it, in whatever order they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, Final

from service.errors import ArchitectureError, InvalidGraph, did_you_mean
from service.model import Call, Dimensions, Graph, Layer, Output, Ref
from service.validation import shown

FAILED: Final = object()
"""The output of a layer whose problem is told already: whoever is fed by it keeps quiet."""

Run = Callable[[Layer, Call], Output]


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


def unwired(parent: Layer) -> Iterator[ArchitectureError]:
    """What of the children cannot be told apart, or is fed by nothing."""
    if len({child.name for child in parent.children}) < len(parent.children):
        yield from _duplicates(parent)
    if parent.graph is not None:
        yield from _missing_inputs(parent, parent.graph)


def _duplicates(parent: Layer) -> Iterator[ArchitectureError]:
    """Names that several children have: nobody could tell them apart."""
    known: set[str] = set()
    for child in parent.children:
        if child.name in known:
            yield InvalidGraph(f'the name "{child.name}" is used twice', child.pointer, "duplicate_name")
        known.add(child.name)


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

    `parent` has no duplicates and no missing inputs. Raises InvalidGraph on a cycle.
    """
    assert parent.graph is not None
    children = {child.name: child for child in parent.children}
    bound = dict(zip(parent.graph.inputs, flatten([*given.args, *given.kwargs.values()]), strict=False))
    values: dict[_Node, Output] = {
        (name, 0): _entry(bound.get(name), stated)
        for name, stated in zip_longest(parent.graph.inputs, parent.graph.stated)
        if name not in children
    }

    def value(ref: Ref) -> Output:
        return _pick(values[ref.layer, ref.call], ref)

    def missing(node: _Node) -> list[_Node]:
        """What must be performed before."""
        name, index = node
        calls = children[name].calls
        found = [(ref.layer, ref.call) for ref in feeders(calls[index])] if calls else []
        if index:
            found.append((name, index - 1))
        return [node for node in found if node not in values]

    def perform(node: _Node) -> None:
        name, index = node
        child = children[name]
        if (entry := bound.get(name)) is not None:
            call = Call((entry,))
        elif child.calls:
            args, kwargs = child.calls[index]
            named = {key: _swap(arg, value) for key, arg in kwargs.items()} if kwargs else kwargs
            call = Call(tuple([_swap(arg, value) for arg in args]), named)
        else:
            call = Call()
        values[node] = run(child, call)

    for child in parent.children:
        for index in range(max(1, len(child.calls))):
            node = child.name, index
            if node not in values and not missing(node):
                perform(node)
            else:
                _settle(node, values, missing, perform)
    return _swap(parent.graph.outputs, value)


def _entry(given: Output, stated: Dimensions | None) -> Output:
    """What reaches an input of which the document says something: it fits, and what it leaves open is filled in."""
    if stated is None or not isinstance(given, tuple):
        return stated if given is None else given
    pairs = list(zip(given[1:], stated[1:], strict=False))  # the batch may have any length
    if len(given) != len(stated) or any(a != b for a, b in pairs if a is not None and b is not None):
        raise InvalidGraph(f"expects {shown(stated)}, not {shown(given)}", code="shape_mismatch")
    return (*given[:1], *(b if a is None else a for a, b in pairs))


def _settle(
    wanted: _Node,
    done: Mapping[_Node, Output],
    missing: Callable[[_Node], list[_Node]],
    perform: Callable[[_Node], None],
) -> None:
    """Perform `wanted` after all that it needs, without recursion."""
    stack, waiting = [wanted], set()
    while stack:
        node = stack[-1]
        if node in done:
            stack.pop()
        elif not (first := missing(node)):
            perform(stack.pop())
        elif node in waiting:
            raise InvalidGraph(f'the layers feed each other in a circle through "{node[0]}"', code="cycle")
        else:
            waiting.add(node)
            stack += first


def _swap(structure: Any, value: Callable[[Ref], Output]) -> Output:
    """The structure with each ref replaced by what it stands for; flags stay, and anything else is None."""
    if isinstance(structure, Ref):
        return value(structure)
    if isinstance(structure, list):
        return [_swap(item, value) for item in structure]
    if isinstance(structure, dict):
        return {key: _swap(item, value) for key, item in structure.items()}
    return structure if isinstance(structure, bool) else None


def _pick(output: Output, ref: Ref) -> Output:
    if output is FAILED or output is None:
        return output if ref.stated is None else ref.stated
    if ref.output is None or (ref.output == 0 and isinstance(output, tuple)):
        return output
    outputs = list(flatten(output))
    if ref.output >= len(outputs):
        raise InvalidGraph(f'"{ref.layer}" has {len(outputs)} outputs, not {ref.output + 1}', code="missing_input")
    return outputs[ref.output]

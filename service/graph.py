"""Evaluate layers that are wired by name: each call after those that feed it, in whatever order they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from service.errors import ArchitectureError, InvalidGraph, did_you_mean
from service.model import Call, Dimensions, Layer, Output, Ref
from service.validation import shown

FAILED: Final = object()
"""The output of a layer whose problem is told already: whoever is fed by it keeps quiet."""

Run = Callable[[Layer, Call], Output]


class _Node(NamedTuple):
    layer: str
    call: int


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


def _refs(structure: Any) -> Iterator[Ref]:
    return (leaf for leaf in flatten(structure) if isinstance(leaf, Ref))


def _feeders(call: Call) -> Iterator[Ref]:
    yield from _refs(list(call.args))
    yield from _refs(dict(call.kwargs))


def duplicates(parent: Layer) -> Iterator[ArchitectureError]:
    """Names that several children have: nobody could tell them apart."""
    known: set[str] = set()
    for child in parent.children:
        if child.name in known:
            yield InvalidGraph(f'the name "{child.name}" is used twice', child.pointer, "duplicate_name")
        known.add(child.name)


def missing_inputs(parent: Layer) -> Iterator[ArchitectureError]:
    """References to what is not there."""
    children = {child.name: child for child in parent.children}
    assert parent.graph is not None
    calls = dict.fromkeys(parent.graph.inputs, 1) | {name: len(child.calls) or 1 for name, child in children.items()}
    for child in parent.children:
        for call in child.calls:
            yield from _missing(_feeders(call), calls, child.pointer)
    yield from _missing(_refs(parent.graph.outputs), calls, parent.pointer)


def _missing(refs: Iterator[Ref], calls: Mapping[str, int], pointer: str) -> Iterator[ArchitectureError]:
    for ref in refs:
        if ref.layer not in calls:
            detail = f'no layer here is called "{ref.layer[:100]}"{did_you_mean(ref.layer, calls)}'
            yield InvalidGraph(detail, pointer, "missing_input")
        elif not 0 <= ref.call < calls[ref.layer]:
            yield InvalidGraph(f'"{ref.layer}" is not called {ref.call + 1} times', pointer, "missing_input")


def evaluate(parent: Layer, given: Call, run: Run) -> Output:
    """What `parent` returns for the inputs `given`; `run` is asked for every call of every child, feeders first.

    `parent` has no duplicates and no missing inputs. Raises InvalidGraph on a cycle.
    """
    assert parent.graph is not None
    children = {child.name: child for child in parent.children}
    bound = dict(zip(parent.graph.inputs, flatten([*given.args, *given.kwargs.values()]), strict=False))
    values: dict[_Node, Output] = {
        _Node(name, 0): _entry(bound.get(name), stated)
        for name, stated in zip_longest(parent.graph.inputs, parent.graph.stated)
        if name not in children
    }

    def value(ref: Ref) -> Output:
        return _pick(values[_Node(ref.layer, ref.call)], ref)

    def needs(node: _Node) -> Iterator[_Node]:
        calls = children[node.layer].calls
        if node.call:
            yield _Node(node.layer, node.call - 1)
        if calls:
            yield from (_Node(ref.layer, ref.call) for ref in _feeders(calls[node.call]))

    def perform(node: _Node) -> None:
        child = children[node.layer]
        call = child.calls[node.call] if child.calls else Call()
        if (entry := bound.get(node.layer)) is not None:
            call = Call((entry,))
        else:
            call = Call(
                tuple(_swap(arg, value) for arg in call.args), {k: _swap(v, value) for k, v in call.kwargs.items()}
            )
        values[node] = run(child, call)

    for child in parent.children:
        for index in range(max(1, len(child.calls))):
            _settle(_Node(child.name, index), values, needs, perform)
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
    done: Mapping[Any, Output],
    needs: Callable[[_Node], Iterator[_Node]],
    perform: Callable[[_Node], None],
) -> None:
    """Perform `wanted` after all that it needs, without recursion."""
    stack, waiting = [wanted], set()
    while stack:
        node = stack[-1]
        missing = [need for need in needs(node) if need not in done]
        if node in done or not missing:
            stack.pop()
            if node not in done:
                perform(node)
        elif node in waiting:
            raise InvalidGraph(f'the layers feed each other in a circle through "{node.layer}"', code="cycle")
        else:
            waiting.add(node)
            stack += missing


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
    if ref.output is None:
        return output
    outputs = list(flatten(output))
    if ref.output >= len(outputs):
        raise InvalidGraph(f'"{ref.layer}" has {len(outputs)} outputs, not {ref.output + 1}', code="missing_input")
    return outputs[ref.output]

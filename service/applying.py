"""What a formula makes of a config and of what flows in; alike layers are worked out once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from service.errors import TooLarge
from service.graph import FAILED, flatten
from service.memory import Memory
from service.model import Call, Formula, Output, Reason, Row, Tensor
from service.settling import Settled

LARGEST_COUNT = 2**53 - 1
"""The largest count that every reader of JSON holds exactly."""


Fates = dict[tuple[str, Reason | None, bool], Settled]
"""What became of some tensors, by dtype, by what freezes them, with an adapter."""


class Applied(NamedTuple):
    """What a formula yields and returns, and what became of that."""

    tensors: tuple[Tensor, ...]
    output: Output
    settled: Fates


KNOWN: Memory[Applied] = Memory()


def applied(formula: Formula) -> Applied:
    """A formula, run. Raises TooLarge where it returns an axis that JSON cannot tell: a chain may double one."""
    tensors: list[Tensor] = []
    take = tensors.append
    try:
        while True:
            take(next(formula))
    except StopIteration as stop:
        output = stop.value
    for shape in (output,) if isinstance(output, tuple) else flatten(output):
        if shape and max(filter(None, shape), default=0) > LARGEST_COUNT:
            raise TooLarge(f"returns an axis longer than {LARGEST_COUNT:,}", code="count_too_large")
    return Applied(tuple(tensors), output, {})


def fed_by_failure(call: Call) -> bool:
    """Whether something is wrong with what feeds a call, which is told already."""
    for arg in (*call.args, *call.kwargs.values()) if call.kwargs else call.args:
        if arg is FAILED or (isinstance(arg, list | dict) and FAILED in flatten(arg)):
            return True
    return False


def tensors_of(row: Row, types: tuple[str, ...], prefix: str = "") -> Iterator[Tensor]:
    """All tensors of a row, named from it, of layers of these types; a block's copies are alike, and each is there."""
    for copy in range(row.repeat):
        start = f"{prefix}{copy}." if row.repeat > 1 else prefix
        for tensor in row.tensors:
            yield tensor._replace(name=start + tensor.name, inside=types + tensor.inside)
        for child in row.children:
            yield from tensors_of(child, (*types, child.type), f"{start}{child.name}.")

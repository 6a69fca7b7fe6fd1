"""Sets of block indices as the bits of integers: a million layers are one number, and `i % 8 == 4` a pattern in it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from service.errors import TooLarge
from service.formats.huggingface.expressions import INDICES, Expression, Scope, parse, value_or_none

Places = Callable[[int, Scope, Sequence[int]], int]
"""The places among so many of one axis, in a scope, the outer axes being at some."""

MOST_UNLIKE = 4096
"""How many blocks are looked at one by one, where no pattern says which are alike."""

MOST = 2**22
"""How many blocks a pattern may tell apart."""


def everywhere(count: int) -> int:
    """All of `count` places. Raises TooLarge."""
    if count > MOST:
        raise TooLarge(f"at most {MOST:,} layers may differ from each other, not {count:,}")
    return (1 << count) - 1


def first(places: int) -> int:
    """The first place of a set that has one."""
    return (places & -places).bit_length() - 1


def each(places: int) -> Iterator[int]:
    """The places of a set, in order."""
    while places:
        yield first(places)
        places &= places - 1


def joined(places: int) -> str:
    """0b100111 -> '0-2,5'."""
    parts = []
    start = 0
    while places:
        skipped = first(places)
        places >>= skipped
        start += skipped
        length = first(~places)
        parts.append(str(start) if length == 1 else f"{start}-{start + length - 1}")
        places >>= length
        start += length
        if len(parts) > MOST_UNLIKE:
            raise TooLarge(f"at most {MOST_UNLIKE:,} runs of layers may alternate")
    return ",".join(parts)


def limit_unlike(count: int) -> None:
    """Refuse more blocks than may be looked at one by one."""
    if count > MOST_UNLIKE:
        raise TooLarge(f"at most {MOST_UNLIKE:,} layers may differ from each other, not {count:,}")


def where(guard: Expression, axis: int, count: int, scope: Scope, at: Sequence[int]) -> int:
    """The places of one axis at which a guard holds, those of the outer axes being `at`."""
    return compiled(guard.text, axis)(count, scope, at)


@lru_cache(maxsize=16384)
def compiled(guard: str, axis: int) -> Places:
    """What tells the places of an axis at which a guard holds."""
    return _places(parse(guard).node, axis)


def _places(node: ast.expr, axis: int) -> Places:
    found = _expression(node)
    if axis not in found.indices:
        return lambda count, scope, at: everywhere(count) if found.truth(scope, at) else 0
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return _all([_places(value, axis) for value in values])
        case ast.BoolOp(op=ast.Or(), values=values):
            return _any([_places(value, axis) for value in values])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = _places(operand, axis)
            return lambda count, scope, at: everywhere(count) & ~inner(count, scope, at)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _either(_places(test, axis), _places(body, axis), _places(orelse, axis))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compared(found, left, op, right, axis)
    return _one_by_one(found)


def _expression(node: ast.expr) -> Expression:
    return parse(ast.unparse(node))


def _all(parts: list[Places]) -> Places:
    def places(count: int, scope: Scope, at: Sequence[int]) -> int:
        found = everywhere(count)
        for part in parts:
            if not found:
                break
            found &= part(count, scope, at)
        return found

    return places


def _any(parts: list[Places]) -> Places:
    def places(count: int, scope: Scope, at: Sequence[int]) -> int:
        found = 0
        for part in parts:
            found |= part(count, scope, at)
        return found

    return places


def _either(test: Places, then: Places, other: Places) -> Places:
    def places(count: int, scope: Scope, at: Sequence[int]) -> int:
        condition = test(count, scope, at)
        return condition & then(count, scope, at) | everywhere(count) & ~condition & other(count, scope, at)

    return places


def _one_by_one(guard: Expression) -> Places:
    def places(count: int, scope: Scope, at: Sequence[int]) -> int:
        limit_unlike(count)
        found = 0
        for place in range(count):
            if guard.truth(scope, (*at, place)):
                found |= 1 << place
        return found

    return places


def _compared(whole: Expression, left: ast.expr, op: ast.cmpop, right: ast.expr, axis: int) -> Places:
    """The places of `kinds[i] == 'full'`, of `i + 1 < e` or of `(i + 1) % m == r`."""
    match left, right:
        case ast.Subscript(value=items, slice=ast.Name(id=name)), ast.Constant(value=str(word)) if (
            name == INDICES[axis] and isinstance(op, ast.Eq | ast.NotEq) and not _expression(items).indices
        ):
            return _of_items(_expression(items), word, equal=isinstance(op, ast.Eq))
    bound, slow = _expression(right), _one_by_one(whole)
    if axis in bound.indices:
        return slow
    if (shift := _shift(left, axis)) is not None:
        return _ordered(op, bound, shift, slow)
    match left:
        case ast.BinOp(left=inner, op=ast.Mod(), right=period):
            shift, every = _shift(inner, axis), _expression(period)
            if shift is not None and axis not in every.indices and isinstance(op, ast.Eq | ast.NotEq):
                return _remainder(bound, every, shift, slow, equal=isinstance(op, ast.Eq))
    return slow


def _of_items(items: Expression, word: str, *, equal: bool) -> Places:
    def places(count: int, scope: Scope, at: Sequence[int]) -> int:
        listed, found = value_or_none(items, scope, at), 0
        for place, item in enumerate(listed[:count]) if isinstance(listed, list) else ():
            if isinstance(item, str) and (item == word) is equal:
                found |= 1 << place
        return found

    return places


def _shift(node: ast.expr, axis: int) -> int | None:
    """What is added to the index."""
    match node:
        case ast.Name(id=name) if name == INDICES[axis]:
            return 0
        case ast.BinOp(left=inner, op=ast.Add(), right=ast.Constant(value=int(added))):
            shift = _shift(inner, axis)
            return None if shift is None else shift + added
        case ast.BinOp(left=inner, op=ast.Sub(), right=ast.Constant(value=int(added))):
            shift = _shift(inner, axis)
            return None if shift is None else shift - added
    return None


def _integer(value: Any) -> int | None:
    return value if type(value) is int else None


def _ordered(op: ast.cmpop, bound: Expression, shift: int, slow: Places) -> Places:
    def places(count: int, scope: Scope, at: Sequence[int]) -> int:
        limit = _integer(value_or_none(bound, scope, at))
        if limit is None:
            return slow(count, scope, at)
        limit -= shift
        full, below = everywhere(count), everywhere(min(max(limit, 0), count))
        here = 1 << limit if 0 <= limit < count else 0
        match op:
            case ast.Lt():
                return below
            case ast.LtE():
                return below | here
            case ast.Gt():
                return full & ~(below | here)
            case ast.GtE():
                return full & ~below
            case ast.Eq():
                return here
        return full & ~here if isinstance(op, ast.NotEq) else slow(count, scope, at)

    return places


def _remainder(bound: Expression, period: Expression, shift: int, slow: Places, *, equal: bool) -> Places:
    def places(count: int, scope: Scope, at: Sequence[int]) -> int:
        rest, every = _integer(value_or_none(bound, scope, at)), _integer(value_or_none(period, scope, at))
        if rest is None or every is None or every < 1:
            return slow(count, scope, at)
        full = everywhere(count)
        found = _periodic((rest - shift) % every, every, count) & full if 0 <= rest < every else 0
        return found if equal else full & ~found

    return places


def _periodic(start: int, period: int, count: int) -> int:
    """Every `period`-th place from `start` on."""
    if start >= count:
        return 0
    found, width = 1 << start, period
    while width < count:
        found |= found << width
        width *= 2
    return found

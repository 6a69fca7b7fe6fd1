"""Sets of block indices as the bits of integers: a million layers are one number, and `i % 8 == 4` a pattern in it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from paramcount.formats.huggingface.expressions import INDICES, Expression, Scope, parse, value_or_none
from paramcount.model.errors import TooLarge

Places = Callable[[int, Scope, Sequence[int]], int]
"""The places among so many of one axis, in a scope, the outer axes being at some."""

MOST_UNLIKE = 4096
"""How many blocks are looked at one by one, where no pattern says which are alike."""

MOST = 2**22
"""How many blocks a pattern may tell apart."""

_SMALL = 512


def everywhere(count: int) -> int:
    """All of `count` places. Raises TooLarge."""
    if count > MOST:
        raise TooLarge(f"at most {MOST:,} layers may differ from each other, not {count:,}")
    return (1 << count) - 1


def first(places: int) -> int:
    """The first place of a set that has one."""
    return (places & -places).bit_length() - 1


def each(places: int, start: int = 0) -> Iterator[int]:
    """The places of a set, in order, all moved by `start`: what is empty of a large one is passed over at once."""
    half = places.bit_length() // 2
    if half > _SMALL:
        yield from each(places & everywhere(half), start)
        yield from each(places >> half, start + half)
        return
    while places:
        lowest = places & -places
        yield start + lowest.bit_length() - 1
        places ^= lowest


def joined(places: int) -> str:
    """0b100111 -> '0-2,5'. Raises TooLarge."""
    if not places & (places - 1):
        return str(first(places)) if places else ""
    edges = places ^ places << 1  # where a run begins, and where one has ended
    if edges.bit_count() > 2 * MOST_UNLIKE:
        raise TooLarge(f"at most {MOST_UNLIKE:,} runs of layers may alternate")
    found = each(edges)
    runs = zip(found, found, strict=True)
    return ",".join([str(start) if end - start == 1 else f"{start}-{end - 1}" for start, end in runs])


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
    """The places of `kinds[i] == 'full'`, of `i + 1 < e`, of `i in e` or of `(i + 1) % m == r`."""
    match left, right:
        case ast.Subscript(value=items, slice=ast.Name(id=name)), ast.Constant(value=str(word)) if (
            name == INDICES[axis] and isinstance(op, ast.Eq | ast.NotEq) and not _expression(items).indices
        ):
            return _of_items(_expression(items), word, equal=isinstance(op, ast.Eq))
    bound, slow = _expression(right), _one_by_one(whole)
    if axis in bound.indices:
        return slow
    if (shift := _shift(left, axis)) is not None:
        return _among(bound, shift, slow) if isinstance(op, ast.In) else _ordered(op, bound, shift, slow)
    match left:
        case ast.BinOp(left=inner, op=ast.Mod(), right=period):
            shift, every = _shift(inner, axis), _expression(period)
            if shift is not None and axis not in every.indices and isinstance(op, ast.Eq | ast.NotEq):
                return _remainder(bound, every, shift, slow, equal=isinstance(op, ast.Eq))
    return slow


def _of_items(items: Expression, word: str, *, equal: bool) -> Places:
    def places(count: int, scope: Scope, at: Sequence[int]) -> int:
        listed = value_or_none(items, scope, at)
        if not isinstance(listed, list) or not listed:
            return 0
        digits = ["1" if isinstance(item, str) and (item == word) is equal else "0" for item in listed[:count]]
        return int("".join(reversed(digits)) or "0", 2)

    return places


def _among(items: Expression, shift: int, slow: Places) -> Places:
    def places(count: int, scope: Scope, at: Sequence[int]) -> int:
        listed = value_or_none(items, scope, at)
        if not isinstance(listed, list | set | dict):
            return slow(count, scope, at)
        found = [item - shift for item in listed if isinstance(item, int | float)]
        digits = bytearray(b"0") * (count + 1)
        for place in found:
            if 0 <= place < count and place == int(place):
                digits[-1 - int(place)] = ord("1")
        return int(digits, 2)

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
    equal, unequal = isinstance(op, ast.Eq), isinstance(op, ast.NotEq)
    less, more = isinstance(op, ast.Lt | ast.LtE), isinstance(op, ast.Gt | ast.GtE)
    if not (equal or unequal or less or more):
        return slow
    added = isinstance(op, ast.LtE | ast.Gt) - shift  # i <= 3 is i < 4

    def places(count: int, scope: Scope, at: Sequence[int]) -> int:
        limit = _integer(value_or_none(bound, scope, at))
        if limit is None:
            return slow(count, scope, at)
        limit += added
        if less or more:
            below = everywhere(min(max(limit, 0), count))
            return below if less else everywhere(count) & ~below
        here = 1 << limit if 0 <= limit < count else 0
        return here if equal else everywhere(count) & ~here

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

"""Sets of block indices as the bits of integers: a million layers are one number, and `i % 8 == 4` a pattern in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from service.errors import TooLarge
from service.formats.huggingface.expressions import INDICES, Expression, Scope, Unknown, parse

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


def where(guard: Expression, axis: int, count: int, scope: Scope, at: Sequence[int]) -> int:
    """The places of one axis at which a guard holds, those of the outer axes being `at`."""
    if axis not in guard.indices:
        return everywhere(count) if guard.truth(scope, at) else 0
    return _where(guard.node, axis, count, scope, at)


def _where(node: ast.expr, axis: int, count: int, scope: Scope, at: Sequence[int]) -> int:
    full = everywhere(count)
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            found = full
            for value in values:
                found &= _where(value, axis, count, scope, at)
            return found
        case ast.BoolOp(op=ast.Or(), values=values):
            found = 0
            for value in values:
                found |= _where(value, axis, count, scope, at)
            return found
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return full & ~_where(operand, axis, count, scope, at)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            condition = _where(test, axis, count, scope, at)
            then, other = _where(body, axis, count, scope, at), _where(orelse, axis, count, scope, at)
            return condition & then | full & ~condition & other
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            found_pattern = _pattern(left, op, right, axis, count, scope, at)
            if found_pattern is not None:
                return found_pattern & full
    return _one_by_one(parse(ast.unparse(node)), count, scope, at)


def _one_by_one(guard: Expression, count: int, scope: Scope, at: Sequence[int]) -> int:
    limit_unlike(count)
    found = 0
    for place in range(count):
        if guard.truth(scope, (*at, place)):
            found |= 1 << place
    return found


def limit_unlike(count: int) -> None:
    """Refuse more blocks than may be looked at one by one."""
    if count > MOST_UNLIKE:
        raise TooLarge(f"at most {MOST_UNLIKE:,} layers may differ from each other, not {count:,}")


def _pattern(
    left: ast.expr, op: ast.cmpop, right: ast.expr, axis: int, count: int, scope: Scope, at: Sequence[int]
) -> int | None:
    """The places of `i + 1 < e` or of `(i + 1) % m == r`; None where a comparison is of no such form."""
    bound = _constant(right, axis, scope, at)
    if bound is None:
        return None
    if (shift := _shift(left, axis)) is not None:
        return _ordered(op, bound - shift, count)
    match left:
        case ast.BinOp(left=inner, op=ast.Mod(), right=period):
            shift, every = _shift(inner, axis), _constant(period, axis, scope, at)
            if shift is None or every is None or every < 1:
                return None
            found = _periodic((bound - shift) % every, every, count) if 0 <= bound < every else 0
            if isinstance(op, ast.Eq):
                return found
            if isinstance(op, ast.NotEq):
                return everywhere(count) & ~found
    return None


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


def _constant(node: ast.expr, axis: int, scope: Scope, at: Sequence[int]) -> int | None:
    """The integer that an expression without this axis is."""
    expression = parse(ast.unparse(node)) if not isinstance(node, ast.Constant) else None
    if expression is None:
        value = node.value if isinstance(node, ast.Constant) else None
    elif axis in expression.indices:
        return None
    else:
        try:
            value = expression.value(scope, at)
        except (Unknown, TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
            return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _ordered(op: ast.cmpop, bound: int, count: int) -> int | None:
    full = everywhere(count)
    below = everywhere(min(max(bound, 0), count))
    here = 1 << bound if 0 <= bound < count else 0
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
        case ast.NotEq():
            return full & ~here
    return None


def _periodic(start: int, period: int, count: int) -> int:
    """Every `period`-th place from `start` on."""
    if start >= count:
        return 0
    found, width = 1 << start, period
    while width < count:
        found |= found << width
        width *= 2
    return found & everywhere(count)

"""Expressions in which a number stands for a field that was never varied: those that say how they follow from it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from math import gcd, isqrt, prod
from typing import NamedTuple


class Monomial(NamedTuple):
    """A product over a product, rounded down: number * factors // (divisor * divisors)."""

    number: int
    factors: tuple[str, ...] = ()
    divisor: int = 1
    divisors: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The product as the language writes it."""
        above = _product(self.number, self.factors)
        if self.divisor == 1 and not self.divisors:
            return above
        below = _product(self.divisor, self.divisors)
        return f"{above} // {below if ' ' not in below else f'({below})'}"

    def times(self, path: str, base: int) -> Monomial:
        """The product that is as much where the field has its base value, and grows with it."""
        common = gcd(self.number, base)
        number, divisor = self.number // common, self.divisor * (base // common)
        common = gcd(number, divisor)
        number, divisor = number // common, divisor // common
        if path in self.divisors:
            return self._replace(number=number, divisor=divisor, divisors=_without(self.divisors, path))
        return self._replace(number=number, divisor=divisor, factors=(*self.factors, path))

    def over(self, path: str, base: int) -> Monomial:
        """The product that is as much where the field has its base value, and shrinks as it grows."""
        common = gcd(self.divisor, base)
        number, divisor = self.number * (base // common), self.divisor // common
        common = gcd(number, divisor)
        number, divisor = number // common, divisor // common
        if path in self.factors:
            return self._replace(number=number, divisor=divisor, factors=_without(self.factors, path))
        return self._replace(number=number, divisor=divisor, divisors=(*self.divisors, path))


def _product(number: int, factors: tuple[str, ...]) -> str:
    parts = [*([str(number)] if number != 1 or not factors else []), *factors]
    return " * ".join(parts)


def _without(items: tuple[str, ...], item: str) -> tuple[str, ...]:
    index = items.index(item)
    return (*items[:index], *items[index + 1 :])


def read_sum(text: str) -> list[Monomial]:
    """An expression as a sum of products; what is no such stands as a factor, in parentheses."""
    return [_join(sign, one) for sign, one in _terms(ast.parse(text, mode="eval").body, 1)]


def _terms(node: ast.expr, sign: int) -> Iterator[tuple[int, ast.expr]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield from _terms(node.left, sign)
        yield from _terms(node.right, sign if isinstance(node.op, ast.Add) else -sign)
    else:
        yield sign, node


def _join(sign: int, node: ast.expr) -> Monomial:
    divides = isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv)
    above = list(_factors(node.left if isinstance(node, ast.BinOp) and divides else node))
    below = list(_factors(node.right)) if isinstance(node, ast.BinOp) and divides else []
    number, divisor = prod(_numbers(above), start=sign), prod(_numbers(below))
    return Monomial(number, _atoms(above), divisor, _atoms(below))


def _factors(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield from _factors(node.left)
        yield from _factors(node.right)
    else:
        yield node


def _numbers(factors: list[ast.expr]) -> Iterator[int]:
    return (one.value for one in factors if isinstance(one, ast.Constant) and type(one.value) is int)


def _atoms(factors: list[ast.expr]) -> tuple[str, ...]:
    atoms = [one for one in factors if not (isinstance(one, ast.Constant) and type(one.value) is int)]
    whole = ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.Constant
    return tuple(ast.unparse(one) if isinstance(one, whole) else f"({ast.unparse(one)})" for one in atoms)


def write_sum(terms: list[Monomial]) -> str:
    """The text of a sum, its plain numbers added up, last."""
    plain = sum(one.number for one in terms if one == Monomial(one.number))
    rest = [one for one in terms if one != Monomial(one.number)]
    text = ""
    for one in sorted(rest, key=lambda term: term.number < 0):
        sign = "" if not text and one.number >= 0 else ("-" if not text else " - " if one.number < 0 else " + ")
        text += sign + one._replace(number=abs(one.number)).text
    if plain or not text:
        text += str(plain) if not text else f" {'-' if plain < 0 else '+'} {abs(plain)}"
    return text


def rewrite(text: str, path: str, base: int, slopes: frozenset[int] = frozenset()) -> Iterator[str]:
    """Yield expressions that have the same value while a field has its base value, and follow from it otherwise.

    `slopes`: by how much a value was seen to grow with the field.
    """
    try:
        terms = read_sum(text)
    except (SyntaxError, ValueError):
        return
    if base > 0:
        for one in range(len(terms)):
            for scaled in _scalings(terms[one], path, base):
                yield write_sum([*terms[:one], scaled, *terms[one + 1 :]])
        if len(terms) > 1:
            yield write_sum([one.times(path, base) for one in terms])
    if base > 0 and len(terms) == 1:
        yield from _round_up(terms[0].times(path, base))
    for slope in sorted(slopes):
        yield write_sum([*terms, Monomial(slope, (path,)), Monomial(-slope * base)])
    if len(terms) == 1 or base > 1:
        yield from _grids(terms, path, base)
    yield substitute(text, path, base)


def _scalings(one: Monomial, path: str, base: int) -> Iterator[Monomial]:
    yield one.times(path, base)
    yield one.over(path, base)
    yield one.times(path, base).times(path, base)


def _grids(terms: list[Monomial], path: str, base: int) -> Iterator[str]:
    """Yield a number of patches: as many as there are in a square, and perhaps a few more."""
    if len(terms) != 1 or terms[0].factors or terms[0].divisors or base <= 0:
        return
    for more in range(3):
        side = isqrt(max(terms[0].number - more, 0))
        if side > 1 and side * side == terms[0].number - more and base % side == 0 and base != side:
            patch = base // side
            yield f"{path} // {patch} * ({path} // {patch}){f' + {more}' if more else ''}"


class _Substitution(ast.NodeTransformer):
    def __init__(self, base: int, path: str) -> None:
        self.base, self.instead = base, ast.parse(path, mode="eval").body

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return self.instead if type(node.value) is int and node.value == self.base else node

    def visit_Dict(self, node: ast.Dict) -> ast.expr:  # constants stand in tables, sets and lists
        return node

    def visit_Set(self, node: ast.Set) -> ast.expr:
        return node

    def visit_List(self, node: ast.List) -> ast.expr:
        return node


def substitute(text: str, path: str, base: int) -> str:
    """Return an expression with the field in place of each number that is its base value."""
    return ast.unparse(_Substitution(base, path).visit(ast.parse(text, mode="eval").body))


def _round_up(one: Monomial) -> Iterator[str]:
    """Yield a quotient that is rounded up."""
    if one.divisor > 1 and not one.divisors:
        yield f"-(-{_product(one.number, one.factors)} // {one.divisor})"

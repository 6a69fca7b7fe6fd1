"""Lines of a record refitted to what a field was seen to change: sizes, numbers of blocks, presence, ties."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, product, takewhile
from typing import Any, NamedTuple

from paramcount.formats.huggingface.expressions import INDICES, Scope, parse
from tools.blueprints.lines import Line
from tools.blueprints.phases import BuiltTensor
from tools.blueprints.scaling import rewrite, substitute

_PLACEHOLDER = re.compile(r"\\\{[ijkl]\\\}|\[[ijkl]\\\]")
_NUMBER = re.compile(r"(?<=[._])[0-9]+(?=[._]|$)")
_MAX_OPTIONS = 60
_MAX_SIZES = 100


class Seen(NamedTuple):
    """A config that was built: its fields before and after others are derived, and what came of it, by name."""

    stated: Scope
    derived: Scope
    truth: Mapping[str, BuiltTensor]  # of a rule: shape holds the value
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """The field that is to be free, and the value that it had in all that was known."""

    path: str
    base: Any
    pinned: frozenset[str] = frozenset()
    """The fields of which no other value is known, so that nothing is known to follow from them."""

    @property
    def guards(self) -> list[str]:
        """The conditions on it that a line may have."""
        if isinstance(self.base, bool):
            return [self.path, f"not {self.path}"]
        if self.base is None:
            return [f"{self.path} is None", f"not {self.path} is None"]
        return [f"{self.path} == {self.base!r}", f"not {self.path} == {self.base!r}"]


def match_template(template: str) -> re.Pattern[str]:
    """The names that a template stands for."""
    return re.compile(_PLACEHOLDER.sub("([0-9]+)", re.escape(template)))


def refit(lines: Sequence[Line], seen: Sequence[Seen], field: Field) -> list[Line] | None:
    """Return the lines of tensors as these configs say; None where no way was found."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.name, []).append(line)
    wanted = _assign(groups, seen)
    if wanted is None:
        return None
    refitted: list[Line] = []
    for name, of_name in groups.items():
        targets = [one.get(name, {}) for one in wanted]
        fitted = _refit_group(of_name, targets, seen, field, _list_sizes(name, lines))
        if fitted is None:
            return None
        refitted += fitted
    new = _new_templates(wanted, groups)
    for name in new:
        invented = _invent(name, [one.get(name, {}) for one in wanted], refitted, seen, field)
        if invented is None:
            return None
        refitted += invented
    return refitted


Target = dict[str, BuiltTensor]


def _assign(groups: Mapping[str, Sequence[Line]], seen: Sequence[Seen]) -> list[dict[str, Target]] | None:
    """By config, the tensors that each template is to stand for; those of no template stand under one of their own."""
    patterns = {name: match_template(name) for name in groups}
    assigned = []
    for one in seen:
        owner: dict[str, str] = {}
        for name, lines in groups.items():
            for line in lines:
                owner.update((spelled, name) for spelled, _ in line.expand(one.derived))
        targets: dict[str, Target] = {}
        for spelled, tensor in one.truth.items():
            template = owner.get(spelled) or next(
                (name for name, pattern in patterns.items() if pattern.fullmatch(spelled)), ""
            )
            targets.setdefault(template or _generalize(spelled), {})[spelled] = tensor
        assigned.append(targets)
    return assigned


def _generalize(name: str) -> str:
    letters = iter(INDICES)
    return _NUMBER.sub(lambda _: f"{{{next(letters, 'l')}}}", name)


def _new_templates(wanted: Iterable[Mapping[str, Target]], known: Mapping[str, Any]) -> list[str]:
    return [name for name in dict.fromkeys(name for one in wanted for name in one) if name not in known]


def _list_sizes(name: str, lines: Iterable[Line]) -> list[str]:
    """The sizes that other lines have, of those whose names are most alike first."""
    near = sorted(lines, key=lambda line: -_steps_shared(line.name, name))
    return list(dict.fromkeys(text for line in near for text in line.shape))[:_MAX_SIZES]


def _steps_shared(one: str, other: str) -> int:
    """The number of steps that two names share, from the first one on."""
    pairs = zip(one.split("."), other.split("."), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _refit_group(
    lines: list[Line], targets: list[Target], seen: Sequence[Seen], field: Field, options: Sequence[str]
) -> list[Line] | None:
    """The lines of one template: first where they are, then how large, then what they are tied to."""
    placed = list(_positions(lines, targets, seen, field))
    for parts in chain(placed, *(_split(trial, seen) for trial in placed)):
        sized = [_resize(line, targets, seen, field, options) for line in parts]
        tied = [_retie(line, targets, seen, field) for line in sized if line is not None]
        if None not in sized and None not in tied:
            return [line for of_line in tied for line in of_line or ()]
    return None


def _split(lines: list[Line], seen: Sequence[Seen]) -> Iterator[list[Line]]:
    """Yield the lines with one for the first block, or the last, and one for the others: as layers of an MLP differ."""
    for axis, letter in enumerate(INDICES[: min((len(line.counts) for line in lines), default=0)]):
        for end in ("0", "{count} - 1"):
            halves = []
            for line in lines:
                is_end = f"{letter} == {end.format(count=line.counts[axis])}"
                halves += [line._replace(guard=_both(line.guard, guard)) for guard in (is_end, f"not {is_end}")]
            yield [line for line in halves if any(_names([line], one.derived) for one in seen)]


def _names(lines: Iterable[Line], scope: Scope) -> set[str]:
    return {name for line in lines for name, _ in line.expand(scope)}


def _are_placed(lines: list[Line], targets: list[Target], seen: Sequence[Seen]) -> bool:
    return all(_names(lines, one.derived) == target.keys() for one, target in zip(seen, targets, strict=True))


def _positions(lines: list[Line], targets: list[Target], seen: Sequence[Seen], field: Field) -> Iterator[list[Line]]:
    """Yield the lines with other numbers of blocks, or with a condition, that have the names that were built."""
    trials = chain([lines], _restrict(lines, field), _move(lines, field))
    yield from (trial for trial in islice(trials, _MAX_OPTIONS) if _are_placed(trial, targets, seen))


def _restrict(lines: list[Line], field: Field) -> Iterator[list[Line]]:
    for guard in field.guards:
        yield [line._replace(guard=_both(line.guard, guard)) for line in lines]


def _move(lines: list[Line], field: Field) -> Iterator[list[Line]]:
    if type(field.base) is not int:
        return
    counts = list(dict.fromkeys(count for line in lines for count in line.counts))
    for chosen in product(*([count, *_recounts(count, field)] for count in counts)):
        recounted = dict(zip(counts, chosen, strict=True))
        for swap in (False, True):
            yield [_recount(line, recounted, field, swap=swap) for line in lines]


def _both(guard: str, other: str) -> str:
    if guard == "True":
        return other
    return f"({guard}) and {other}" if " or " in guard else f"{guard} and {other}"


def _recounts(count: str, field: Field) -> list[str]:
    return list(dict.fromkeys(rewrite(count, field.path, field.base, frozenset((1, -1, 2)))))


def _recount(line: Line, counts: Mapping[str, str], field: Field, *, swap: bool) -> Line:
    guard = line.guard
    if swap and guard != "True":
        guard = substitute(guard, field.path, field.base)
    return line._replace(counts=tuple(counts[count] for count in line.counts), guard=guard)


def _resize(
    line: Line, targets: list[Target], seen: Sequence[Seen], field: Field, options: Sequence[str]
) -> Line | None:
    """The line with other expressions for those of its sizes that changed."""
    positions = _list_shapes(line, targets, seen)
    if any(len(shape) != len(line.shape) for *_, shape in positions):
        return None
    shape = []
    for axis, text in enumerate(line.shape):
        sizes = [(scope, indices, built[axis]) for scope, indices, built in positions]
        fitted = find_expression(text, sizes, field, options)
        if fitted is None:
            return None
        shape.append(fitted)
    return line._replace(shape=tuple(shape))


def _list_shapes(
    line: Line, targets: list[Target], seen: Sequence[Seen]
) -> list[tuple[Scope, tuple[int, ...], tuple[Any, ...]]]:
    """The shape of each tensor that a line stands for, as it was built."""
    return [
        (one.derived, indices, target[name].shape)
        for one, target in zip(seen, targets, strict=True)
        for name, indices in line.expand(one.derived)
    ]


Sizes = Sequence[tuple[Scope, tuple[int, ...], Any]]


def find_expression(text: str, sizes: Sizes, field: Field, options: Sequence[str] = ()) -> str | None:
    """An expression that has these values: the one that is there, or another that follows from the field too.

    Of expressions that stand elsewhere, one reads whatever this one does: that was learned of other configs.
    """
    if _fits(text, sizes):
        return text
    read = parse(text).fields - field.pinned
    elsewhere = (one for one in chain(_split_into_heads(sizes, field), options) if read <= parse(one).fields)
    if isinstance(field.base, bool) or field.base is None:
        return _find_choice(text, sizes, field) or next((one for one in elsewhere if _fits(one, sizes)), None)
    alone = () if read else (field.path,)
    return next((one for one in chain(alone, _rewrite(text, sizes, field), elsewhere) if _fits(one, sizes)), None)


def _split_into_heads(sizes: Sizes, field: Field) -> Iterator[str]:
    """Yield widths of which each head has a part, rounded down: of queries, of keys, and of all three in one."""
    parent = field.path.rpartition(".")[0]
    numbers = [path for path, value in sizes[0][0].items() if type(value) is int and path.rpartition(".")[0] == parent]
    shared = [path for path in numbers if "key_value" in path]
    for heads, width in product((path for path in numbers if "head" in path), numbers):
        if field.path in (width, heads):
            yield f"{width} // {heads} * {heads}"
            for one in shared:
                yield f"{width} // {heads} * {one}"
                yield f"{width} // {heads} * ({heads} + 2 * {one})"


def _rewrite(text: str, sizes: Sizes, field: Field) -> Iterator[str]:
    if type(field.base) is int:
        yield from rewrite(text, field.path, field.base, frozenset(_slopes(text, sizes, field)))
    elif isinstance(field.base, float) and field.base.is_integer():  # a ratio: int(hidden_size * mlp_ratio)
        yield from (f"int({one})" for one in rewrite(text, field.path, int(field.base)))


def _find_choice(text: str, sizes: Sizes, field: Field) -> str | None:
    """An expression with another size where a flag is another."""
    changed = {size for scope, _, size in sizes if scope.get(field.path) != field.base}
    if len(changed) != 1 or not isinstance(field.base, bool):
        return None
    other = next(iter(changed))
    if type(other) is not int:
        return None
    choice = f"{text} if {field.guards[not field.base]} else {other}"
    return choice if _fits(choice, sizes) else None


def _fits(text: str, sizes: Sizes) -> bool:
    line = Line("", (text,))
    return all(_is_same(line.values(scope, indices)[0], size) for scope, indices, size in sizes)


def _is_same(value: Any, size: Any) -> bool:
    return bool(value == size) and isinstance(value, bool) == isinstance(size, bool)


def _slopes(text: str, sizes: Sizes, field: Field) -> Iterator[int]:
    line = Line("", (text,))
    for scope, indices, size in sizes:
        moved, (before,) = scope.get(field.path), line.values(scope, indices)
        if type(moved) is int and type(before) is int and type(size) is int and moved != field.base:
            slope, rest = divmod(size - before, moved - field.base)
            if not rest and slope:
                yield slope


def _retie(line: Line, targets: list[Target], seen: Sequence[Seen], field: Field) -> list[Line] | None:
    """The line, and where a flag ties it to another or not, one of either kind."""
    ties: dict[bool, set[str]] = {}
    for one, target in zip(seen, targets, strict=True):
        for name, indices in line.expand(one.derived):
            same = one.derived.get(field.path) == field.base
            stated_name = spell_tied(line, indices)
            is_stated = target[name].tied == stated_name or "{" in stated_name  # what it computes is held against later
            ties.setdefault(same, set()).add("=" if is_stated else target[name].tied)
            if _mark(target[name]) != line.end:
                return None
    if all(kinds == {"="} for kinds in ties.values()):
        return [line]
    other = ties.get(False, set())
    if ties.get(True, {"="}) != {"="} or len(other) != 1 or not isinstance(field.base, bool) or line.counts:
        return None
    base, changed = field.guards[not field.base], field.guards[field.base]
    return [
        line._replace(guard=_both(line.guard, base)),
        line._replace(guard=_both(line.guard, changed), tied=other.pop()),
    ]


def spell_tied(line: Line, indices: Sequence[int]) -> str:
    """The name that a line's tensor is tied to, where only indices stand in it."""
    text = line.tied
    for letter, index in zip(INDICES, indices, strict=False):
        text = text.replace(f"{{{letter}}}", str(index))
    return text


def _mark(tensor: BuiltTensor) -> str:
    return (" frozen" if tensor.frozen else "") + (f" buffer {tensor.buffer}" if tensor.buffer else "")


def _invent(
    name: str, targets: list[Target], lines: Sequence[Line], seen: Sequence[Seen], field: Field
) -> list[Line] | None:
    """Lines for tensors that are there where a flag is another: placed and sized like those that are near."""
    built = [tensor for target in targets for tensor in target.values()]
    if any(tensor.tied for tensor in built):
        return None
    near = [line for line in lines if len(line.counts) == _count_indices(name) and _steps_shared(line.name, name)]
    models: dict[str, list[Line]] = {}
    for line in sorted(near, key=lambda line: -_steps_shared(line.name, name)):
        models.setdefault(line.name, []).append(line._replace(name=name, tied="", end=_mark(built[0])))
    groups: dict[tuple[Any, ...], list[Line]] = {}
    for model in models.values():
        groups.setdefault(tuple((line.counts, line.guard) for line in model), model)
    options = _list_sizes(name, lines)
    for model, guard in islice(product(groups.values(), field.guards), _MAX_OPTIONS):
        placed = [line._replace(guard=_both(line.guard, guard)) for line in model]
        if _are_placed(placed, targets, seen):
            sized = [_size(line, options, targets, seen) for line in placed]
            if None not in sized:
                return list(filter(None, sized))
    return None


def _count_indices(name: str) -> int:
    return sum(f"{{{letter}}}" in name for letter in INDICES)


def _size(line: Line, options: Sequence[str], targets: list[Target], seen: Sequence[Seen]) -> Line | None:
    """A line with sizes as those that are near have them."""
    positions = _list_shapes(line, targets, seen)
    if len({len(shape) for *_, shape in positions}) != 1:
        return None
    shape = [
        _choose(options, [(scope, indices, dims[axis]) for scope, indices, dims in positions])
        for axis in range(len(positions[0][2]))
    ]
    return None if None in shape else line._replace(shape=tuple(filter(None, shape)))


def _choose(options: Sequence[str], sizes: Sizes) -> str | None:
    constants = {str(size) for *_, size in sizes}
    fitting = (text for text in (*options, *(constants if len(constants) == 1 else ())) if _fits(text, sizes))
    return next(fitting, None)

"""The record of a class: what was learned, as lines of text in the language of blueprints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from paramcount.formats.huggingface.configs import KINDS, kind_of
from tools.blueprints.clauses import Inexpressible
from tools.blueprints.learning import Learned
from tools.blueprints.raw import Fields, is_part
from tools.blueprints.terms import TRUE, Term, mentions, paths, text

Record = dict[str, Any]

_AXES = "ijkl"
_INDEX = frozenset(("i", "S", "n"))


def tensor_line(entry: Learned) -> str:
    """An entry of a model."""
    tied, frozen, buffer = entry.mark
    line = f"{_name_axes(entry.name)} [{'; '.join(map(text, entry.terms))}]"
    if entry.counts:
        line += f" for {'; '.join(map(text, entry.counts))}"
    if entry.guard != TRUE:
        line += f" where {text(entry.guard)}"
    if tied:
        line += f" tied to {_format_tied(*tied)}"
    return line + (" frozen" if frozen else "") + (f" buffer {buffer}" if buffer else "")


def rule_line(entry: Learned) -> str:
    """A field that a config derives."""
    if len(entry.counts) > 1 or len(entry.terms) != 1:
        raise Inexpressible(f"{entry.name} is a list of lists")
    name = entry.name.replace("[.{0}", "[i]")
    line = f"{name} = {text(entry.terms[0])}"
    if entry.counts:
        line += f" for {text(entry.counts[0])}"
    return line if entry.guard == TRUE else f"{line} where {text(entry.guard)}"


def _name_axes(template: str) -> str:
    for axis, letter in enumerate(_AXES):
        template = template.replace(f"{{{axis}}}", f"{{{letter}}}")
    return template


def _format_tied(template: str, indices: Sequence[Term]) -> str:
    """The name that one is tied to: an index that is no number stands in braces."""
    texts = [str(index[1]) if index[0] == "c" else f"{{{text(index)}}}" for index in indices]
    return template.format(*texts)


def read_by(entries: Iterable[Learned]) -> set[str]:
    """The fields that entries depend on."""
    terms: list[Term] = [
        term
        for entry in entries
        for term in (*entry.terms, *entry.counts, entry.guard, *(entry.mark[0] and entry.mark[0][1]))
    ]
    return {path for term in terms for path in paths(term)}


def kinds_of(values: Iterable[Any]) -> str:
    """The kinds of value that were verified, in the order of KINDS."""
    present = {kind_of(value) for value in values}
    return "".join(letter for letter in KINDS if letter in present)


def whole(term: Term) -> bool:
    """Return whether an atom holds no index."""
    return not mentions(term, _INDEX)


def family(fields: Fields, defaults: Mapping[str, Any], flat: str) -> Record:
    """Return what all classes of a config share."""
    return {
        "defaults": {
            path: value if isinstance(value, dict) else plain_default(value) for path, value in defaults.items()
        },
        "parts": {path: {p: plain_default(v) for p, v in changed.items()} for path, changed in fields.parts.items()},
        "aliases": fields.aliases,
        "auto": sorted(fields.auto),
        "flat": flat,
    }


def plain_default(value: Any) -> Any:
    """Return the default of a field as a record has it."""
    if is_part(value):
        return value.partition(">")[2]
    if isinstance(value, float) and not math.isfinite(value):
        return {"__float__": str(value)}
    if isinstance(value, list):
        return [plain_default(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else None

"""What every form of a report says: totals in its convention, and how a row's number comes about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NotRequired, TypedDict
from unicodedata import category

from paramcount.model.report import Report, Row
from paramcount.model.tensors import Convention, FreezeReason, Output, Tensor, Totals

NO_LIMIT = 1_000_000
"""A depth that no report has."""


class TotalFields(TypedDict):
    """Elements, and the bytes they take; total = trainable + frozen."""

    total: int
    trainable: int
    frozen: int
    buffers: int
    bytes: int


class FrozenBy(TypedDict):
    """How many elements are frozen for one reason; `rule` and `match` are of the request's rule that says so."""

    by: str
    rule: NotRequired[int]
    match: NotRequired[str]
    count: int


def total_fields(totals: Totals, convention: Convention) -> TotalFields:
    """The totals as a convention counts them: torch leaves buffers out, the others count them as frozen."""
    trainable, frozen, buffers, size_bytes, buffer_bytes = totals
    if convention != "torch":
        frozen += buffers
        size_bytes += buffer_bytes
    return {
        "total": trainable + frozen,
        "trainable": trainable,
        "frozen": frozen,
        "buffers": buffers,
        "bytes": size_bytes,
    }


def by_dtype(report: Report) -> Mapping[str, int]:
    """The elements of `total`, by dtype."""
    found = dict(report.weights_by_dtype)
    for dtype, count in report.buffers_by_dtype.items() if report.convention != "torch" else ():
        found[dtype] = found.get(dtype, 0) + count
    return {dtype: count for dtype, count in found.items() if count}


class Embedding(TypedDict):
    """The weights that embed tokens, and all others."""

    input: int
    output: int
    non_embedding: int


class Active(TypedDict):
    """The weights that one token meets: all of them but the routed experts that it does not visit."""

    total: int
    without_input_embedding: int
    without_embeddings: int


def embedding(report: Report) -> Embedding | None:
    """What embeds, where the document's format knows."""
    if report.roles is None:
        return None
    found, total = report.roles, report.root.totals.trainable + report.root.totals.frozen
    return {"input": found.embedding, "output": found.lm_head, "non_embedding": total - found.embedding}


def active(report: Report) -> Active | None:
    """What is active for a token, of a mixture of experts.

    There is no agreed definition, so three figures: with both embeddings, without those at the input, without either.
    """
    if report.roles is None or report.roles.inactive_experts is None:
        return None
    found = report.roles
    total = report.root.totals.trainable + report.root.totals.frozen - report.roles.inactive_experts
    without = total - found.embedding
    return {"total": total, "without_input_embedding": without, "without_embeddings": without - found.lm_head}


def role_lines(report: Report) -> Iterator[tuple[str, int, str]]:
    """The lines that a person reads of both: a heading, a number, what it is."""
    if (found := embedding(report)) is not None:
        tied = f", {found['output']:,} more at the output" if found["output"] else ""
        yield "Embedding", found["input"], f"of tokens{tied}; {found['non_embedding']:,} others"
    if (met := active(report)) is not None:
        yield (
            "Active",
            met["total"],
            (
                "for a token: without the routed experts that it does not visit; "
                f"{met['without_input_embedding']:,} without input embeddings"
            ),
        )


class Frozen:
    """Why the rows of a report are frozen; what is told of a row adds up to its `frozen`."""

    def __init__(self, report: Report) -> None:
        self._buffers = report.convention != "torch"
        self._found: dict[int, Mapping[FreezeReason, int]] = {}
        self._gather(report.root)

    def of(self, row: Row) -> list[FrozenBy]:
        """The reasons: rules in their order, then the document, then the layers' own design."""
        found = self._found.get(id(row))
        return [_told(reason, found[reason]) for reason in sorted(found, key=_place)] if found else []

    def _gather(self, row: Row) -> Mapping[FreezeReason, int]:
        if not row.totals.frozen and not (self._buffers and row.totals.buffers):
            return {}
        found: dict[FreezeReason, int] = {}
        for tensor in row.tensors:
            if tensor.frozen_by and not tensor.tied_to and (self._buffers or tensor.role == "weight"):
                found[tensor.frozen_by] = found.get(tensor.frozen_by, 0) + tensor.size
        for child in row.children:
            for reason, count in self._gather(child).items():
                found[reason] = found.get(reason, 0) + count
        if row.repeat > 1:
            found = {reason: count * row.repeat for reason, count in found.items()}
        self._found[id(row)] = found
        return found


def _place(reason: FreezeReason) -> tuple[int, int]:
    return ("rule", "adapter", "document", "design").index(reason.by), reason.rule


def _told(reason: FreezeReason, count: int) -> FrozenBy:
    if reason.by == "rule":
        return {"by": reason.by, "rule": reason.rule, "match": reason.match, "count": count}
    return {"by": reason.by, "count": count}


def phrase(found: FrozenBy) -> str:
    """A reason as a person reads it: "rule 0", "document"."""
    return f"{found['by']} {found['rule']}" if "rule" in found else found["by"]


def explanation(row: Row) -> str:
    """How a row's number comes about: "kernel 7×7×3×64 + bias 64"."""
    own = " + ".join(map(_term, row.tensors))
    if row.children:
        own = f"{own} + what is beneath" if own else ""
    if row.repeat == 1:
        return own
    return f"{row.repeat:,} × ({own})" if own else f"{row.repeat:,} × what is beneath"


def _term(tensor: Tensor) -> str:
    size = "×".join(map(str, tensor.shape)) or "1"
    return f"{tensor.name} {size} (tied to {tensor.tied_to})" if tensor.tied_to else f"{tensor.name} {size}"


def first_rows(report: Report) -> tuple[Row, ...]:
    """The rows that a reader begins with: the root's children, and before them what it owns itself."""
    return parts(report.root) or (report.root,)


def parts(row: Row) -> tuple[Row, ...]:
    """What makes up one copy of a row with children: these, after a row of what it owns itself."""
    if not row.children or not row.tensors:
        return row.children
    own = row._replace(name="", type="(own)", repeat=1, totals=row.own_totals, children=(), output=None)
    return (own, *row.children)


def walk(report: Report, depth: int) -> Iterator[tuple[int, Row]]:
    """The rows in the order of the document, `depth` levels of them, each with its level from 0."""

    def beneath(rows: tuple[Row, ...], level: int) -> Iterator[tuple[int, Row]]:
        for row in rows if level < depth else ():
            yield level, row
            yield from beneath(row.children, level + 1)

    return beneath(first_rows(report), 0)


def shape(output: Output) -> str:
    """(None, 112, 112, 64) as a person writes it: ?×112×112×64."""
    if isinstance(output, tuple):
        return "×".join("?" if size is None else str(size) for size in output) or "scalar"
    if isinstance(output, list):
        return ", ".join(map(shape, output))
    if isinstance(output, dict):
        return ", ".join(f"{name}: {shape(value)}" for name, value in output.items())
    return ""


_INVISIBLE = re.compile("[\u200b-\u200f\u061c\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")


def printable(text: str) -> str:
    """Text of a payload on one line, without what a terminal or a browser would obey: controls, directions, joiners.

    A mark that begins it stands on a dotted circle, and not on what happens to be before.
    """
    if text.isascii() and text.isprintable():
        return text
    seen = _INVISIBLE.sub("", text)
    shown = "".join(character if character.isprintable() else "\ufffd" for character in seen)
    return f"◌{shown}" if shown and category(shown[0]).startswith("M") else shown

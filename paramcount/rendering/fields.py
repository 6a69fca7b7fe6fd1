"""The fields that every rendering of a report shares: totals in its convention, freeze reasons, rows, explanations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, NotRequired, TypedDict, get_args
from unicodedata import category

from paramcount.analysis.parameters import count_weights
from paramcount.model.report import Report, Row
from paramcount.model.tensors import Convention, FreezeReason, Output, Tensor, Totals

NO_LIMIT = 1_000_000
"""A depth that no report has."""

TotalName = Literal["total", "trainable", "frozen", "buffers", "bytes"]

TOTALS: tuple[TotalName, ...] = get_args(TotalName)
"""The names of the totals, in the order of every table."""

TotalFields = dict[TotalName, int]
"""Elements, and the bytes they take; total = trainable + frozen."""


def total_fields(totals: Totals, convention: Convention) -> TotalFields:
    """Return the totals as a convention counts them: torch leaves buffers out, the others count them as frozen."""
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


def inexact(report: Report) -> list[TotalName]:
    """Return the totals that may be wrong."""
    reasons = [warning for warning in report.warnings if not warning.exact]
    if not reasons:
        return []
    if not all(reason.only_buffers for reason in reasons):
        return list(TOTALS)
    return ["buffers"] if report.exact else ["total", "frozen", "buffers", "bytes"]


def by_dtype(report: Report) -> Mapping[str, int]:
    """Return the elements of `total` by dtype."""
    elements = dict(report.weights_by_dtype)
    for dtype, count in report.buffers_by_dtype.items() if report.convention != "torch" else ():
        elements[dtype] = elements.get(dtype, 0) + count
    return {dtype: count for dtype, count in elements.items() if count}


def percentage(part: int, total: int) -> str:
    """Return a share as a person reads it: "0.00982 %"; never 0 % of something, nor 100 % of less than all."""
    share = 100 * part / total if total else 0
    if 0 < share < 0.001:
        return "<0.001 %"
    return ">99.9 %" if part < total and share > 99.9 else f"{share:.3g} %"


class Embedding(TypedDict):
    """The weights that embed tokens, and all others."""

    input: int
    output: int
    non_embedding: int


class Active(TypedDict):
    """The weights that one token uses: all but the routed experts that it skips."""

    total: int
    without_input_embedding: int
    without_embeddings: int


def embedding(report: Report) -> Embedding | None:
    """Return the embedding weights; None where the format does not know them."""
    roles = report.roles
    if roles is None or roles.embedding is None or (total := count_weights(report)) is None:
        return None
    return {"input": roles.embedding, "output": roles.lm_head, "non_embedding": total - roles.embedding}


def active(report: Report) -> Active | None:
    """Return the weights of a mixture of experts that are active for one token; None for any other model.

    There is no agreed definition, so three figures: with both embeddings, without those at the input, without either.
    """
    roles = report.roles
    if roles is None or roles.inactive_experts is None or roles.embedding is None:
        return None
    if (weights := count_weights(report)) is None:
        return None
    total = weights - roles.inactive_experts
    without_input = total - roles.embedding
    return {
        "total": total,
        "without_input_embedding": without_input,
        "without_embeddings": without_input - roles.lm_head,
    }


def role_lines(report: Report) -> Iterator[tuple[str, int, str]]:
    """Yield a line for `embedding` and one for `active`: heading, number, note."""
    if (embeds := embedding(report)) is not None:
        output = f", {embeds['output']:,} more at the output" if embeds["output"] else ""
        yield "Embedding", embeds["input"], f"of tokens{output}; {embeds['non_embedding']:,} others"
    if (routed := active(report)) is not None:
        without_input = f"{routed['without_input_embedding']:,} without input embeddings"
        note = f"for a token: without the routed experts that it does not visit; {without_input}"
        yield "Active", routed["total"], note


FreezeCause = Literal["rule", "adapter", "document", "design"]

FREEZE_CAUSES: tuple[FreezeCause, ...] = get_args(FreezeCause)
"""The causes of freezing, in the order in which a report lists them."""


class FrozenBy(TypedDict):
    """The number of elements frozen for one reason; `rule` and `match` are of the request's rule."""

    by: FreezeCause
    rule: NotRequired[int]
    match: NotRequired[str]
    count: int


class FrozenElements:
    """The frozen elements of each row of a report by reason; those of a row add up to its `frozen`."""

    def __init__(self, report: Report) -> None:
        self._count_buffers = report.convention != "torch"
        self._key = "frozen_by", self._count_buffers
        self._by_row: dict[int, Mapping[FreezeReason, int]] = {}  # those with children, or several copies
        self.match_characters = 0  # of the rules that all rows name together: each row has the text of its rules
        if self._holds_frozen(report.root):
            self._add(report.root)

    def of(self, row: Row) -> list[FrozenBy]:
        """Return the reasons: rules in their order, then the document, then the layers' own design."""
        if not self._holds_frozen(row):
            return []
        counts = self._by_row.get(id(row)) or self._count_direct(row)
        return [_frozen_by(reason, counts[reason]) for reason in sorted(counts, key=_reason_order)]

    def _holds_frozen(self, row: Row) -> bool:
        return bool(row.totals.frozen or (self._count_buffers and row.totals.buffers))

    def _add(self, row: Row) -> Mapping[FreezeReason, int]:
        """Return a row's elements by reason; record those that are not its own tensors' alone."""
        counts = self._count_direct(row)
        if row.children or row.repeat > 1:
            counts = self._by_row[id(row)] = self._sum(row, counts)
        for reason in counts:
            self.match_characters += len(reason.match)
        return counts

    def _sum(self, row: Row, direct: Mapping[FreezeReason, int]) -> Mapping[FreezeReason, int]:
        """Return the elements of all copies of a row with its children, by reason."""
        counts = dict(direct)
        for child in row.children:
            if child.totals.frozen or (self._count_buffers and child.totals.buffers):
                for reason, count in self._add(child).items():
                    counts[reason] = counts.get(reason, 0) + count
        return {reason: count * row.repeat for reason, count in counts.items()} if row.repeat > 1 else counts

    def _count_direct(self, row: Row) -> Mapping[FreezeReason, int]:
        """Return the elements of the tensors that one copy of a row owns itself; equal layers share the result."""
        cached = row.summary.rendered
        if cached is not None and (known := cached.get(self._key)) is not None:
            return known  # type: ignore[no-any-return]
        counts: dict[FreezeReason, int] = {}
        for tensor in row.tensors:
            if tensor.frozen_by and not tensor.tied_to and (self._count_buffers or tensor.role == "weight"):
                counts[tensor.frozen_by] = counts.get(tensor.frozen_by, 0) + tensor.size
        if cached is not None:
            cached[self._key] = counts
        return counts


def _reason_order(reason: FreezeReason) -> tuple[int, int]:
    return FREEZE_CAUSES.index(reason.by), reason.rule


def _frozen_by(reason: FreezeReason, count: int) -> FrozenBy:
    if reason.by == "rule":
        return {"by": reason.by, "rule": reason.rule, "match": reason.match, "count": count}
    return {"by": reason.by, "count": count}


def reason_name(frozen: FrozenBy) -> str:
    """Return a reason as a person reads it: "rule 0", "document"."""
    return f"{frozen['by']} {frozen['rule']}" if "rule" in frozen else frozen["by"]


def reason_names(reasons: list[FrozenBy]) -> str:
    """Return the reasons as one text: "rule 0, design"."""
    return ", ".join(map(reason_name, reasons))


def explanation(row: Row, convention: Convention) -> str:
    """Return how a row's number comes about: "kernel 7×7×3×64 + bias 64". The terms add up to its total.

    Buffers stand apart, and so do tied tensors, which another layer counts.
    """
    tensors: Sequence[Tensor] = row.tensors
    if not (row.summary.buffers or row.children or row.repeat > 1) and not any(tensor.tied_to for tensor in tensors):
        return " + ".join([_term(tensor) for tensor in tensors])
    terms = [_term(tensor) for tensor in tensors if tensor.role != "buffer" and not tensor.tied_to]
    buffers = " + ".join([_term(tensor) for tensor in tensors if tensor.role == "buffer" and not tensor.tied_to])
    tied = ", ".join([f"{_term(tensor)} (tied to {tensor.tied_to})" for tensor in tensors if tensor.tied_to])
    if buffers and convention != "torch":
        terms.append(f"buffers ({buffers})")
        buffers = ""
    if row.children and (terms or row.repeat > 1):
        terms.append("what is beneath")
    parts = [_times(row.repeat, " + ".join(terms))]
    if buffers:
        parts.append(f"not in the total: {_times(row.repeat, buffers)}")
    if tied:
        parts.append(f"counted elsewhere: {tied}")
    return "; ".join(filter(None, parts))


def _times(repeat: int, terms: str) -> str:
    if repeat == 1 or not terms:
        return terms
    return f"{repeat:,} × {terms}" if terms == "what is beneath" else f"{repeat:,} × ({terms})"


def _term(tensor: Tensor) -> str:
    size = "×".join(map(str, tensor.shape)) or "1"
    return f"{tensor.name} {size}"


def shape_text(output: Output) -> str:
    """Return an output shape as Keras' summary writes it: (None, 112, 112, 64); several in brackets or braces."""
    if isinstance(output, tuple):
        return f"({', '.join(map(str, output))})"
    if isinstance(output, list):
        return f"[{', '.join(map(shape_text, output))}]"
    if isinstance(output, dict):
        return f"{{{', '.join(f'{name}: {shape_text(value)}' for name, value in output.items())}}}"
    return ""


def direct_total(row: Row, convention: Convention) -> int:
    """Return the total of the tensors that one copy of a row owns itself."""
    return total_fields(row.summary.totals, convention)["total"]


DIRECT = "(own)"
"""The type of a row that stands for the tensors that a layer with others inside owns itself."""


def first_rows(report: Report) -> tuple[Row, ...]:
    """Return the rows of the first level: the root's parts, or the root where it has none."""
    return part_rows(report.root) or (report.root,)


def part_rows(row: Row) -> tuple[Row, ...]:
    """Return what adds up to one copy of a row: a row of its own tensors, if it has any, then its children."""
    if not row.children or not row.summary.tensors:
        return row.children
    tensors = row._replace(name="", type=DIRECT, repeat=1, totals=row.direct_totals, children=(), output=None)
    return (tensors, *row.children)


class TreeRow(NamedTuple):
    """A row, and its way down the tree: for each level below the first, whether it is the last branch there."""

    row: Row
    last: tuple[bool, ...]
    outer: int = 1  # how often the model holds what the row counts

    @property
    def copies(self) -> int:
        """The copies of the layer that the model holds."""
        return self.outer * self.row.repeat

    @property
    def level(self) -> int:
        """The level, from 0."""
        return len(self.last)


def walk(report: Report, depth: int) -> Iterator[TreeRow]:
    """Yield `depth` levels of the rows in the order of the document."""
    pending = [TreeRow(row, ()) for row in reversed(first_rows(report))] if depth > 0 else []
    while pending:
        tree_row = pending.pop()
        yield tree_row
        row, last, outer = tree_row
        if row.children and len(last) + 1 < depth:
            parts, copies = part_rows(row), outer * row.repeat
            pending.append(TreeRow(parts[-1], (*last, True), copies))
            not_last = (*last, False)
            pending += [TreeRow(part, not_last, copies) for part in parts[-2::-1]]


_INVISIBLE = re.compile("[\u200b-\u200f\u061c\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")


def printable(text: str) -> str:
    """Return a client's text on one line, without what a terminal or a browser obeys: controls, directions, joiners.

    A mark that follows no letter is put on a dotted circle, so that it joins nothing where it comes to begin a line.
    """
    if text.isascii() and text.isprintable():
        return text
    visible = _INVISIBLE.sub("", text)
    return "".join(map(_show, f" {visible}", visible))


def _show(before: str, character: str) -> str:
    if not character.isprintable():
        return "\ufffd"
    is_bare = category(character).startswith("M") and not (before.isalnum() or category(before).startswith("M"))
    return f"◌{character}" if is_bare else character

"""What was counted: a row for each layer, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from paramcount.model.tensors import Convention, Output, Tensor, TensorSummary, Totals


class ReportWarning(NamedTuple):
    """Something that a reader of the report must know; with `exact` false, the count is not exact because of it."""

    code: str
    path: str
    detail: str
    exact: bool = True


class WeightRoles(NamedTuple):
    """How many of a model's weights embed tokens, and how many of its experts' one token skips."""

    embedding: int  # of tokens, at the input
    lm_head: int  # embeddings at the output, where those are not the same tensor
    inactive_experts: int | None = None  # weights of the routed experts that one token skips; None: no mixture


class Row(NamedTuple):
    """A layer as counted; `totals` are of all its `repeat` copies and everything beneath them."""

    path: str
    name: str
    type: str
    repeat: int
    summary: TensorSummary  # the tensors that one copy owns itself
    totals: Totals
    children: tuple[Row, ...]
    output: Output

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The tensors that one copy owns itself."""
        return self.summary.tensors

    @property
    def row_count(self) -> int:
        """How many rows it is with all beneath."""
        return 1 + sum([child.row_count if child.children else 1 for child in self.children])

    @property
    def direct_totals(self) -> Totals:
        """The totals of the tensors in one copy of this layer, without its children."""
        return sum((Totals() - child.totals for child in self.children), self.totals // self.repeat)

    def walk(self) -> Iterator[tuple[Row, int]]:
        """This row and all beneath it, depth first; each with how many copies of it the model holds."""
        pending = [(self, 1)]
        while pending:
            row, copies = pending.pop()
            copies *= row.repeat
            yield row, copies
            pending += [(child, copies) for child in reversed(row.children)]

    def named_tensors(self) -> Iterator[Tensor]:
        """Every tensor that it holds, each copy of a block included, by its name from here.

        `layer_types` of each begin with this row's type.
        """
        return _named_tensors(self, (self.type,), "")


def _named_tensors(row: Row, layer_types: tuple[str, ...], prefix: str) -> Iterator[Tensor]:
    for copy in range(row.repeat):
        start = f"{prefix}{copy}." if row.repeat > 1 else prefix
        for tensor in row.tensors:
            yield tensor._replace(name=start + tensor.name, layer_types=layer_types + tensor.layer_types)
        for child in row.children:
            yield from _named_tensors(child, (*layer_types, child.type), f"{start}{child.name}.")


class Report(NamedTuple):
    """The answer: the root's row, and what holds for all of it."""

    root: Row
    row_count: int  # the root's included
    convention: Convention
    weights_by_dtype: Mapping[str, int]
    buffers_by_dtype: Mapping[str, int]
    warnings: tuple[ReportWarning, ...] = ()
    format: str = ""  # of the document
    framework: str = ""  # whose layers they are, where the document says so
    roles: WeightRoles | None = None

    @property
    def exact(self) -> bool:
        """Whether everything could be seen."""
        return all(warning.exact for warning in self.warnings)

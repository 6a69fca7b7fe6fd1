"""What was counted: a row for each layer, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from paramcount.model.tensors import Convention, Output, Tensor, Totals


class ReportWarning(NamedTuple):
    """Something that a reader of the report must know; with `exact` false, the count is not exact because of it."""

    code: str
    path: str
    detail: str
    exact: bool = True


class WeightRoles(NamedTuple):
    """What of a model's weights is for what, where a format knows."""

    embedding: int  # of tokens, at the input
    lm_head: int  # embeddings at the output, where those are not the same tensor
    inactive_experts: int | None = (
        None  # in routed experts that one token does not visit; None: it is no mixture of experts
    )


class Row(NamedTuple):
    """A layer as counted: its own tensors with their fate settled, and the totals of all its copies and all beneath."""

    path: str
    name: str
    type: str
    repeat: int
    tensors: tuple[Tensor, ...]
    totals: Totals
    children: tuple[Row, ...]
    output: Output

    @property
    def rows(self) -> int:
        """How many it is with all beneath."""
        return 1 + sum([child.rows if child.children else 1 for child in self.children])

    @property
    def own(self) -> Totals:
        """What one copy owns itself, without what is beneath."""
        return sum((Totals() - child.totals for child in self.children), self.totals // self.repeat)


class Report(NamedTuple):
    """The answer: the root's row, and what holds for all of it."""

    root: Row
    rows: int  # how many, the root's included
    convention: Convention
    weights_by_dtype: Mapping[str, int]
    buffers_by_dtype: Mapping[str, int]
    warnings: tuple[ReportWarning, ...] = ()
    framework: str = ""  # whose layers they are, where the document says so
    roles: WeightRoles | None = None

    @property
    def exact(self) -> bool:
        """Whether everything could be exact."""
        return all(warning.exact for warning in self.warnings)

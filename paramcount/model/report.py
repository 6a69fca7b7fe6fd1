"""The result of a count: a row for each layer, and the facts about the whole model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from paramcount.model.tensors import NO_PACKED, Convention, Output, PackedTotals, Tensor, TensorSummary, Totals


class ReportWarning(NamedTuple):
    """A remark on the count; `exact` is false where it makes the count inexact."""

    code: str
    path: str
    detail: str
    exact: bool = True
    only_buffers: bool = False  # what may be wrong is the number of buffers, and the totals that they are in


MAX_WARNINGS = 1000
"""The most warnings of a report, besides one that counts the others."""


def limit_warnings(warnings: tuple[ReportWarning, ...]) -> tuple[ReportWarning, ...]:
    """Return the first MAX_WARNINGS, and one warning with the number of the others."""
    more = warnings[MAX_WARNINGS:]
    if not more:
        return warnings
    exact = all(warning.exact for warning in more)
    only_buffers = all(warning.exact or warning.only_buffers for warning in more)
    return (*warnings[:MAX_WARNINGS], ReportWarning("more", "", f"{len(more):,} more warnings", exact, only_buffers))


class WeightRoles(NamedTuple):
    """Numbers of weights that embed tokens, and of expert weights that one token does not use."""

    embedding: int | None  # of tokens, at the input; None: not known
    lm_head: int  # embeddings at the output, where those are not the same tensor
    inactive_experts: int | None = None  # weights of the routed experts that one token skips; None: no mixture
    unknown: str = ""  # why `inactive_experts` is not known, where the model is a mixture


class HubCount(NamedTuple):
    """The Hugging Face Hub's parameters of a checkpoint by dtype, and their total."""

    by_dtype: Mapping[str, int]
    total: int
    rule: str  # the release that publishes how they are counted


class Row(NamedTuple):
    """A layer as counted; `totals` are of all its `repeat` copies, descendants included."""

    path: str
    name: str
    type: str
    repeat: int
    summary: TensorSummary  # of the tensors that one copy owns itself
    totals: Totals
    children: tuple[Row, ...]
    output: Output

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The tensors that one copy owns itself."""
        return self.summary.tensors

    @property
    def row_count(self) -> int:
        """The number of rows in this subtree, this one included."""
        return 1 + sum([child.row_count if child.children else 1 for child in self.children])

    @property
    def direct_totals(self) -> Totals:
        """The totals of the tensors that one copy owns itself, without its children's."""
        return sum((Totals() - child.totals for child in self.children), self.totals // self.repeat)

    def walk(self) -> Iterator[tuple[Row, int]]:
        """Yield this row and its descendants, depth first, each with the number of copies that the model holds."""
        pending = [(self, 1)]
        while pending:
            row, copies = pending.pop()
            copies *= row.repeat
            yield row, copies
            pending += [(child, copies) for child in reversed(row.children)]

    def named_tensors(self) -> Iterator[Tensor]:
        """Yield every tensor of this subtree, each copy of a block included, named by its path below this row.

        The `layer_types` of each begin with this row's type.
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
    """The result of a count: the root's row, and the facts about the whole model."""

    root: Row
    row_count: int  # the root's included
    convention: Convention
    weights_by_dtype: Mapping[str, int]
    buffers_by_dtype: Mapping[str, int]
    warnings: tuple[ReportWarning, ...] = ()
    format: str = ""  # of the document
    framework: str = ""  # whose layers they are, where the document says so
    roles: WeightRoles | None = None
    packed: PackedTotals = NO_PACKED
    is_stored: bool = False  # it is of tensors as a file holds them
    assumes_dtype: bool = False  # the dtype of some tensors is the request's, since the document states none
    rules: str = ""  # the framework whose rules were used, with its version
    count_as_hub: Callable[[], HubCount] | None = None  # None: the Hub counts no files of this format
    digest: Mapping[str, Any] | None = None  # of what was counted, where the request asks for it

    @property
    def exact(self) -> bool:
        """False if a warning says that the count may be wrong; torch's convention leaves buffers out of it."""
        without_buffers = self.convention == "torch"
        return all(warning.exact or (without_buffers and warning.only_buffers) for warning in self.warnings)

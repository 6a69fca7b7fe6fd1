"""Checkpoints: one stored tensor, the checks of it, and the warning about flags, which no file stores."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import prod
from mmap import mmap
from typing import Any, Final

from paramcount.formats.partial_file import PartialFile
from paramcount.model.dtypes import DTYPES
from paramcount.model.errors import did_you_mean
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor
from paramcount.schema.signature import MAX_DIMENSION, MAX_RANK, is_dimension
from paramcount.schema.validator import format_value

MAX_TENSORS = 250_000
"""The most tensors that a document may list by name: the largest published models have some 150,000."""

Bytes = bytes | mmap | PartialFile
"""The first bytes of a file, the whole file, mapped, or the parts of it that are there."""

STATISTIC_NAMES: Final = frozenset(("running_mean", "running_var", "num_batches_tracked"))
"""The buffers of torch's normalisation layers; nothing else in torch has these names."""

INTEGER_DTYPES: Final = frozenset(name for name in DTYPES if name[0] in "IU" and name[1:].isdigit()) | {
    "BOOL",
    "STRING",
}
"""The types that no optimizer can train."""


def may_hold_statistics(names: Iterable[str]) -> bool:
    """Return False if no name contains one of STATISTIC_NAMES: most files hold none, and one search shows it."""
    return any(map("\n".join(names).__contains__, STATISTIC_NAMES))


def checkpoint_tensor(name: str, shape: tuple[int, ...], dtype: str) -> Tensor:
    """Return a file's tensor, without its name: a buffer if its dtype or its name shows that it cannot train."""
    buffer = dtype in INTEGER_DTYPES or name.rpartition(".")[2] in STATISTIC_NAMES
    return Tensor("", shape, role="buffer" if buffer else "weight", dtype=dtype)


def distinct(tensors: Mapping[str, Tensor]) -> Collection[Tensor]:
    """Return the different objects among tensors. A checkpoint has few: equal tensors are mostly one object."""
    return dict(zip(map(id, tensors.values()), tensors.values(), strict=True)).values()


def explain_shape(shape: Any) -> str:
    """Return the problem of a shape, or ''."""
    if not isinstance(shape, list | tuple):
        return f"must be a list of integers, not {format_value(shape)}"
    if len(shape) > MAX_RANK:
        return f"must have at most {MAX_RANK} axes, not {len(shape)}"
    for size in shape:
        if type(size) is not int:
            return f"must hold integers, not {format_value(size)}"
        if not is_dimension(size):
            return f"must hold sizes from 0 to {MAX_DIMENSION}, not {format_value(size)}"
    return ""


def explain_dtype(dtype: Any, known: Iterable[str]) -> str:
    """Return the problem of a dtype that is not among the known ones."""
    if not isinstance(dtype, str):
        return f"must be the name of a dtype, not {format_value(dtype)}"
    return f"{format_value(dtype)} is no known dtype{did_you_mean(dtype, known)}"


def count_elements(tensors: Iterable[Tensor]) -> int:
    """Return the sum of the tensors' sizes, tied ones included."""
    return sum(prod(tensor.shape) for tensor in tensors)


def flags_warning(tensors: Sequence[Tensor]) -> ReportWarning:
    """Return the warning that a file does not say what trains, and which elements count as buffers."""
    return warn_of_flags(count_elements(tensor for tensor in tensors if tensor.role == "buffer"))


def warn_of_flags(buffers: int) -> ReportWarning:
    """Return the same warning, by the number of elements that count as buffers."""
    detail = "a file of tensors does not say what trains: every weight of a floating type counts as trainable"
    if buffers:
        detail += f"; {buffers:,} elements of integer type, or called as torch calls its statistics, count as buffers"
    return ReportWarning("flags_not_stored", "", detail)

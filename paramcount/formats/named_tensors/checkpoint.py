"""What holds for every file of stored tensors: how one is read from a header, and what a file cannot say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from math import prod
from mmap import mmap
from typing import Any, Final

from paramcount.model.dtypes import DTYPES
from paramcount.model.errors import ArchitectureError, InvalidDocument, Problems, did_you_mean
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor
from paramcount.schema.signature import MAX_DIMENSION
from paramcount.schema.validator import MAX_PROBLEMS, shown

HIGHEST_RANK = 64
"""The most axes that a tensor may have, as torch and ONNX runtimes have it."""

MAX_TENSORS = 250_000
"""The most tensors of one document; the largest models that are published have some 150,000."""

Bytes = bytes | mmap
"""The first bytes of a file, or, mapped, all of it."""

STATISTICS: Final = frozenset(("running_mean", "running_var", "num_batches_tracked"))
"""What torch's normalisations call their buffers; nothing else in torch is called so."""

INTEGERS: Final = frozenset(name for name in DTYPES if name[0] in "IU" and name[1:].isdigit()) | {"BOOL", "STRING"}
"""Types that no optimizer can train."""


class Truncated(InvalidDocument):
    """The bytes of a file end before what must be read; `needed` are enough to go on."""

    def __init__(self, have: int, needed: int, what: str) -> None:
        super().__init__(
            f"ends after {have:,} bytes, within {what}: at least the first {needed:,} bytes of the file are needed",
            code="truncated",
        )
        self.needed = needed


def may_hold_statistics(names: Iterable[str]) -> bool:
    """Whether some of the names may be those of statistics: most files hold none, as all their names at once show."""
    return any(map("\n".join(names).__contains__, STATISTICS))


def stored(name: str, shape: tuple[int, ...], dtype: str) -> Tensor:
    """A tensor, which is to stand under that name, of a file that has no mark for what trains: told by its type, and by
    names that mean one thing only."""
    buffer = dtype in INTEGERS or name.rpartition(".")[2] in STATISTICS
    return Tensor("", shape, "buffer" if buffer else "weight", dtype)


def shape_problem(shape: Any) -> str:
    """What is wrong with a shape; '' where nothing is."""
    if not isinstance(shape, list | tuple):
        return f"must be a list of integers, not {shown(shape)}"
    if len(shape) > HIGHEST_RANK:
        return f"must have at most {HIGHEST_RANK} axes, not {len(shape)}"
    for size in shape:
        if type(size) is not int:
            return f"must hold integers, not {shown(size)}"
        if not 0 <= size <= MAX_DIMENSION:
            return f"must hold sizes from 0 to {MAX_DIMENSION}, not {shown(size)}"
    return ""


def dtype_problem(dtype: Any, known: Iterable[str]) -> str:
    """What to say of a dtype that is not among those known."""
    if not isinstance(dtype, str):
        return f"must be the name of a dtype, not {shown(dtype)}"
    return f"{shown(dtype)} is no known dtype{did_you_mean(dtype, known)}"


def elements(tensors: Iterable[Tensor]) -> int:
    return sum(prod(tensor.shape) for tensor in tensors)


def refuse(problems: Iterable[ArchitectureError]) -> None:
    """Raise Problems with the first of them, where there are any."""
    if found := list(islice(problems, MAX_PROBLEMS)):
        raise Problems(found)


def flags_warning(tensors: Sequence[Tensor]) -> ReportWarning:
    """That a file says nothing of who trains, and what was taken for a buffer instead."""
    buffers = elements(tensor for tensor in tensors if tensor.role == "buffer")
    detail = "a file of tensors does not say what trains: every weight of a floating type counts as trainable"
    if buffers:
        detail += f"; {buffers:,} elements of integer type, or called as torch calls its statistics, count as buffers"
    return ReportWarning("flags_not_stored", "", detail)

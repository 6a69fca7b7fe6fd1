"""Warnings about a file of torch: what is in it beside the model's tensors, and what could not be counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from math import prod

from paramcount.formats.pickles.objects import Global
from paramcount.formats.pytorch.contents import Contents
from paramcount.formats.pytorch.layers import identity
from paramcount.formats.pytorch.rebuild import REBUILDS
from paramcount.formats.pytorch.tensors import PickledTensor
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor

_KNOWN_GLOBAL = re.compile(
    r"torch\.(?:\w+Storage|storage\.\w+Storage|Tensor|device|dtype|[bcfhilqsdu]\w*\d\w*|bool|half|float|double|short|int|long)"
    r"|torch\.nn\.modules\.\w+\.[A-Z]\w*|torch\.nn\.parameter\.\w+|torch\.serialization\._get_layout"
    r"|torch\.storage\._load_from_bytes|torch\.jit\._pickle\.\w+|torch\.distributed\.(?:checkpoint|_shard)\.[\w.]+|torch\.(?:cuda\.)?\w+Storage|numpy\.ndarray|numpy\._?core\.multiarray\.scalar"
    r"|__torch__\..*|copy_?reg\._reconstructor|(?:builtins|__builtin__)\.(?:object|int|float|str|list|dict)",
    re.ASCII,
)
"""Names that every file of tensors or of torch's own modules has."""

_MAX_NAMES = 20
_COPY = re.compile(r"(?:\A|[^a-z])(?:ema|swa|shadow|averaged?|avg)(?:[^a-z]|\Z)", re.IGNORECASE)


def warn_of_imports(names: Iterable[Global]) -> Iterator[ReportWarning]:
    """Warn of the classes and functions that a pickle names, but for those that every file has."""
    paths = sorted(
        {name.path for name in names if name.path not in REBUILDS and not _KNOWN_GLOBAL.fullmatch(name.path)}
    )
    if paths:
        shown = ", ".join(path[:100] for path in paths[:_MAX_NAMES])
        more = f" and {len(paths) - _MAX_NAMES:,} more" if len(paths) > _MAX_NAMES else ""
        detail = (
            f"loading this file with its framework imports and may call {shown}{more}. It was counted without "
            "executing anything, which does not mean that it is safe to load"
        )
        yield ReportWarning("pickle_imports", "", detail)


def warn_of_contents(contents: Contents, tensors: Mapping[str, Tensor]) -> Iterator[ReportWarning]:
    """Warn of what is beside the model's tensors, and of those that could not be counted."""
    model = {identity(tensor.tensor) for tensor in contents.tensors.values()}
    if contents.optimizer:
        distinct = {identity(tensor): tensor for tensor in contents.optimizer}
        states = [tensor for key, tensor in distinct.items() if key not in model]
        detail = f"holds {_elements(states):,} elements of an optimizer's state in {len(states):,} tensors, not counted"
        yield ReportWarning("optimizer", "", detail)
    if contents.others:
        names = ", ".join(name[:100] for name in list(contents.others)[:3])
        detail = (
            f"holds {_elements(contents.others.values()):,} elements in {len(contents.others):,} tensors beside the "
            f"model ({names}{', ...' if len(contents.others) > 3 else ''}), not counted"
        )
        yield ReportWarning("other_tensors", "", detail)
    if contents.lazy:
        detail = f"{len(contents.lazy):,} tensors of lazy modules have no shape before their first call; not counted"
        yield ReportWarning("lazy", contents.lazy[0], detail, exact=False)
    if contents.unread:
        names = ", ".join(name[:100] or "a nameless class" for name in sorted(contents.unread)[:5])
        detail = f"{contents.unread.total():,} tensors are in objects that are no modules ({names}); not counted"
        yield ReportWarning("unread_objects", "", detail, exact=False)
    yield from _warn_of_copies(tensors)


def _warn_of_copies(tensors: Mapping[str, Tensor]) -> Iterator[ReportWarning]:
    """Warn of averaged copies of a model beside it."""
    groups = {name.partition(".")[0] for name in tensors if "." in name}
    if not any(map(_COPY.search, groups)):
        return
    sizes: dict[str, int] = {}
    for name, tensor in tensors.items():
        group = name.partition(".")[0]
        sizes[group] = sizes.get(group, 0) + (0 if tensor.tied_to else tensor.size)
    copies = {group: size for group, size in sizes.items() if group in groups and _COPY.search(group) and size}
    if copies and len(copies) < len(sizes):
        listed = ", ".join(f"{group[:100]} ({size:,} elements)" for group, size in list(copies.items())[:5])
        rest = sum(size for group, size in sizes.items() if group not in copies)
        detail = (
            f"{listed} is an averaged copy of the model beside it by its name; without it there are {rest:,} elements"
        )
        yield ReportWarning("averaged_copy", next(iter(copies)), detail)


def _elements(tensors: Iterable[PickledTensor]) -> int:
    return sum(prod(tensor.shape) for tensor in tensors)

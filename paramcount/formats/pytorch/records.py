"""A tensor's record as torch.save writes it, matched as a whole: operation by operation it takes three times as long.

Other records are left to the machine. What is made here, and put into the memo, is what the machine would make.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from paramcount.formats.named_tensors.checkpoint import explain_shape
from paramcount.formats.pickles.machine import Machine
from paramcount.formats.pickles.objects import Global
from paramcount.formats.pytorch.tensors import STORAGE_DTYPES, PickledTensor, Storage, storage_bytes

_REBUILD = "torch._utils._rebuild_tensor_v2"
_HOOKS = "collections.OrderedDict"
_WORD = "storage"

_INTEGER = rb"(?:K.|M..|J....)"
_SIZES = rb"((?:" + _INTEGER + rb"){1,3}[\x85-\x87]|\((?:" + _INTEGER + rb"){4,8}t)"
_match_record = re.compile(
    rb"\(\(h(.)h(.)X(.)\0\0\0(\d{1,9})r(....)h(.)(" + _INTEGER + rb")tr....Q"  # the storage's persistent id
    rb"(" + _INTEGER + rb")" + _SIZES + rb"r...." + _SIZES + rb"r....([\x88\x89])h(.)\)Rr....tr....Rr(....)",
    re.DOTALL,
).match
"""Marks, a persistent id, offset, sizes, strides, requires_grad, OrderedDict(); REDUCE; each put into the memo."""

_PUTS = 7
"""The entries of the memo: key, id, sizes, strides, hooks, arguments, tensor."""

_VALUES = 8
"""Lists, dicts, tuples and objects of one record."""


class _Layout(NamedTuple):
    """The numbers of a record, and its storage: tensors of one shape have them alike."""

    dtype: str
    elements: int  # of the storage
    storage_bytes: int
    start: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]


class RecordReader:
    """Reads records of tensors; equal sizes are parsed once."""

    def __init__(self, storages: dict[object, int]) -> None:
        """`storages`: where the bytes of each storage are put, by key."""
        self.storages = storages
        self._rebuild: Global | None = None
        self._hooks: Global | None = None
        self._layouts: dict[tuple[str, bytes, bytes, bytes, bytes], _Layout | None] = {}

    def __call__(self, machine: Machine, position: int) -> int:
        """Push the tensor whose record begins at two marks, and return the position after it; 0 for other records."""
        stack, memo = machine.stack, machine.memo
        if not stack or (stack[-1] is not self._rebuild and not self._is_rebuild(stack[-1])):
            return 0
        if (match := _match_record(machine.data, position, machine.end)) is None:
            return 0
        word, kind, key_length, key, first, device, length, offset, size, stride, gradient, hooks, last = match.groups()
        storage_type, made, put = memo.get(kind[0]), memo.get(hooks[0]), int.from_bytes(first, "little")
        if (
            type(storage_type) is not Global
            or (made is not self._hooks and not self._is_hooks(made))
            or key_length[0] != len(key)
            or memo.get(word[0]) != _WORD
            or int.from_bytes(last, "little") != put + _PUTS - 1
        ):
            return 0
        stated = storage_type.name, length, offset, size, stride
        if (layout := self._layouts.get(stated, _UNREAD)) is _UNREAD:
            layout = self._layouts[stated] = _read_layout(*stated)
        if layout is None:
            return 0
        dtype, count, size_bytes, start, sizes, strides = layout
        text, no_hooks, is_trainable = key.decode(), dict[Any, Any](), gradient == b"\x88"
        storage = Storage(dtype, text, count)
        if self.storages.get(text, -1) < size_bytes:
            self.storages[text] = size_bytes
        tensor = PickledTensor(sizes, dtype, (text, start, sizes, strides, dtype), is_trainable)
        memo[put] = text
        memo[put + 1] = (_WORD, storage_type, text, memo[device[0]], count)
        memo[put + 2] = sizes
        memo[put + 3] = strides
        memo[put + 4] = no_hooks
        memo[put + 5] = (storage, start, sizes, strides, is_trainable, no_hooks)
        memo[put + 6] = tensor
        machine.values += _VALUES
        stack[-1] = tensor
        return match.end()

    def _is_rebuild(self, kind: Any) -> bool:
        if type(kind) is Global and kind.path == _REBUILD:
            self._rebuild = kind
            return True
        return False

    def _is_hooks(self, kind: Any) -> bool:
        if type(kind) is Global and kind.path == _HOOKS:
            self._hooks = kind
            return True
        return False


_UNREAD: Any = object()
_SIGNED = ord("J")


def _read_layout(storage_type: str, length: bytes, offset: bytes, size: bytes, stride: bytes) -> _Layout | None:
    """Return what a record states; None for what the machine must refuse, and for empty tensors."""
    dtype, sizes, strides = STORAGE_DTYPES.get(storage_type), _read_integers(size), _read_integers(stride)
    if not dtype or sizes is None or strides is None or len(sizes) != len(strides) or 0 in sizes:
        return None
    if explain_shape(sizes) or explain_shape(strides):
        return None
    count, start = int.from_bytes(length[1:], "little"), int.from_bytes(offset[1:], "little")
    last = start + sum([(length - 1) * step for length, step in zip(sizes, strides, strict=True)])
    if last >= count or count | start >= 2**31:  # outside the storage, or negative
        return None
    return _Layout(dtype, count, storage_bytes(dtype, count), start, sizes, strides)


def _read_integers(raw: bytes) -> tuple[int, ...] | None:
    """Return the integers of a tuple; None where there are not as many as its operation takes."""
    integers = tuple(
        int.from_bytes(part[1:], "little", signed=part[0] == _SIGNED)
        for part in re.findall(_INTEGER, raw[raw[0] == ord("(") : -1], re.DOTALL)
    )
    return integers if raw[-1] in (ord("t"), 0x84 + len(integers)) else None

"""Tensors as torch's pickles rebuild them: by shape, strides, offset and storage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from paramcount.formats.named_tensors.checkpoint import explain_shape
from paramcount.formats.pickles.objects import Global
from paramcount.model.dtypes import DTYPE_NAMES, DTYPES
from paramcount.model.errors import InvalidDocument

_MAX_OFFSET = 2**63

Role = Literal["", "weight", "buffer"]
"""The role of a model's tensor; '' where a file does not say it."""

STORAGE_DTYPES: Mapping[str, str] = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8",
    "BoolStorage": "BOOL", "ComplexDoubleStorage": "C128", "ComplexFloatStorage": "C64", "QInt8Storage": "QI8",
    "QUInt8Storage": "QU8", "QInt32Storage": "QI32", "QUInt4x2Storage": "QU4X2", "QUInt2x4Storage": "QU2X4",
    "UntypedStorage": "",
}  # fmt: skip
"""Dtypes by torch's classes of storages; an untyped one is of bytes."""

_BITS = {dtype: int(DTYPES[dtype or "U8"]) for dtype in STORAGE_DTYPES.values()}

_PACKED_STORAGES = ("QU4X2", "QU2X4")
"""The dtypes whose storages count bytes."""


class Storage:
    """A storage that a file holds: its dtype ('' for one of bytes), its elements, and what identifies it."""

    __slots__ = ("dtype", "identity", "size", "start")

    def __init__(self, dtype: str, identity: object, size: int, start: int = 0) -> None:
        self.dtype, self.identity, self.size, self.start = dtype, identity, size, start


def storage_bytes(dtype: str, size: int) -> int:
    """Return the bytes of a storage of so many elements."""
    return size * _BITS[dtype] // 8


class PickledTensor:
    """A tensor or an array. Names are tied where `identity` is equal; None: where they are one object."""

    __slots__ = ("dtype", "identity", "is_parameter", "requires_grad", "shape")

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: str,
        identity: object = None,
        requires_grad: bool = False,
        *,
        is_parameter: bool = False,
    ) -> None:
        self.shape, self.dtype, self.identity = shape, dtype, identity
        self.requires_grad, self.is_parameter = requires_grad, is_parameter

    def as_parameter(self, *, requires_grad: bool) -> PickledTensor:
        """Return the parameter that holds the tensor's data."""
        identity = self if self.identity is None else self.identity
        return PickledTensor(self.shape, self.dtype, identity, requires_grad=requires_grad, is_parameter=True)


class UnknownShape:
    """A tensor without a shape: a lazy module's, before its first call."""


class Dtype:
    """A dtype of numpy, by our name for it; '' for one that holds no numbers."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Array(PickledTensor):
    """An array of numpy: its shape and dtype come after it is made."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__((0,), "")

    def set_state(self, state: Any) -> None:
        """Take the state that ndarray.__setstate__ takes: version, shape, dtype, order, data."""
        _, shape, dtype, *_ = state
        if not isinstance(dtype, Dtype):
            raise TypeError
        self.shape, self.dtype = read_shape(shape), dtype.name


def read_shape(shape: Any) -> tuple[int, ...]:
    """Return a shape, checked. Raises InvalidDocument."""
    if problem := explain_shape(shape):
        raise InvalidDocument(f"holds a tensor whose shape {problem}", code="shape")
    return tuple(shape)


def read_dtype(value: Any) -> str:
    """Return our name for a dtype of torch, or of numpy. Raises InvalidDocument."""
    if isinstance(value, Dtype):
        return value.name
    name = value.name if isinstance(value, Global) and value.module == "torch" else ""
    if (dtype := DTYPE_NAMES.get(name) or QUANTIZED_NAMES.get(name)) is None:
        raise InvalidDocument(f'holds a tensor of the dtype "{name[:100]}", which is not known', code="unknown_dtype")
    return dtype


QUANTIZED_NAMES: Mapping[str, str] = {
    "qint8": "QI8", "quint8": "QU8", "qint32": "QI32", "quint4x2": "QU4X2", "quint2x4": "QU2X4",
    "half": "F16", "float": "F32", "double": "F64", "short": "I16", "int": "I32", "long": "I64",
    "cfloat": "C64", "cdouble": "C128", "chalf": "C32",
}  # fmt: skip
"""Further names of torch: its quantised dtypes, and short ones."""


def rebuild(storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, dtype: str = "") -> PickledTensor:
    """Return the tensor of a part of a storage. Raises InvalidDocument where it does not lie in it."""
    shape, strides = read_shape(size), read_shape(stride)
    if not isinstance(storage, Storage):
        raise InvalidDocument("holds a tensor without a storage", code="storage")
    if type(offset) is not int or not 0 <= offset < _MAX_OFFSET or len(shape) != len(strides):
        raise InvalidDocument("holds a tensor whose offset or strides no tensor has", code="storage")
    dtype = dtype or storage.dtype or "U8"
    if 0 not in shape and storage.dtype not in _PACKED_STORAGES:
        last = offset + sum([(length - 1) * step for length, step in zip(shape, strides, strict=True)])
        room = storage.size if storage.dtype else storage.size * 8 // DTYPES[dtype]
        if last >= room:
            detail = f"holds a tensor of shape {list(shape)} that ends beyond its storage of {room:,} elements"
            raise InvalidDocument(detail, code="storage")
    identity = (storage.identity, storage.start + offset, shape, strides, dtype) if 0 not in shape else None
    return PickledTensor(shape, dtype, identity, requires_grad=requires_grad is True)

"""The functions of torch, numpy and collections that make tensors and their containers, by name: what each makes here.

Sources: torch/_utils.py, torch/_tensor.py (Tensor._reduce_ex_internal), torch/storage.py, numpy/_core/multiarray.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from paramcount.formats.pickles.machine import Build
from paramcount.formats.pickles.objects import Global, Instance, Key
from paramcount.formats.pytorch.tensors import (
    STORAGE_DTYPES,
    Array,
    Dtype,
    PickledTensor,
    Storage,
    UnknownShape,
    read_dtype,
    read_shape,
    rebuild,
)
from paramcount.model.errors import InvalidDocument

_NUMPY_KINDS: Mapping[str, str] = {
    "b1": "BOOL", "i1": "I8", "i2": "I16", "i4": "I32", "i8": "I64", "u1": "U8", "u2": "U16", "u4": "U32", "u8": "U64",
    "f2": "F16", "f4": "F32", "f8": "F64", "c8": "C64", "c16": "C128",
}  # fmt: skip
"""Dtypes by numpy's codes; arrays of others hold no numbers."""

_ML_DTYPES: Mapping[str, str] = {
    "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "int4": "I4", "uint4": "U4",
}  # fmt: skip


def _tensor(args: Any) -> PickledTensor:
    storage, offset, size, stride, *more = args
    return rebuild(storage, offset, size, stride, more[0] if more else False)


def _tensor_v3(args: Any) -> PickledTensor:
    storage, offset, size, stride, requires_grad, _, dtype, *_ = args
    return rebuild(storage, offset, size, stride, requires_grad, read_dtype(dtype))


def _qtensor(args: Any) -> PickledTensor:
    storage, offset, size, stride, _, requires_grad, *_ = args
    return rebuild(storage, offset, size, stride, requires_grad)


def _sparse(args: Any) -> PickledTensor:
    """A sparse tensor has the elements of its dense shape, as numel() says."""
    _, data = args
    tensors = [part for part in data if isinstance(part, PickledTensor)]
    size = next(part for part in reversed(data) if isinstance(part, tuple | list))
    values = tensors[-1]
    parts = tuple(tensor.identity for tensor in tensors)
    is_flat = all(isinstance(part, tuple) and isinstance(part[-1], str) for part in parts)  # of strided tensors
    return PickledTensor(read_shape(size), values.dtype, parts if is_flat else None)


def _ragged_tensor(args: Any) -> PickledTensor:
    """A nested tensor has the elements of its buffer; it has no one shape."""
    data = args[0]["values"] if isinstance(args[0], dict) else args[0]
    if not isinstance(data, PickledTensor):
        raise TypeError
    return PickledTensor(data.shape, data.dtype, data.identity, data.requires_grad)


def _meta(args: Any) -> PickledTensor:
    dtype, size, _, requires_grad = args
    return PickledTensor(read_shape(size), read_dtype(dtype), requires_grad=requires_grad is True)


def _wrapper(args: Any) -> PickledTensor:
    _, dtype, size, _, _, _, _, requires_grad = args
    return PickledTensor(read_shape(size), read_dtype(dtype), requires_grad=requires_grad is True)


def _of_data(args: Any) -> PickledTensor:
    """A tensor of another device, from an array or a tensor: torch_xla, mps, hpu."""
    data, dtype, _, requires_grad = args
    if not isinstance(data, PickledTensor):
        raise TypeError
    return PickledTensor(data.shape, read_dtype(dtype), data.identity, requires_grad=requires_grad is True)


def _parameter(args: Any) -> Any:
    data, requires_grad, *_ = args
    if isinstance(data, Instance):  # of a class of tensors that is not known
        return data
    return data.as_parameter(requires_grad=requires_grad is True)


def _lazy(_: Any) -> UnknownShape:
    return UnknownShape()


def _of_type(args: Any) -> Any:
    """A tensor of a subclass, which another function of this table makes."""
    function, _, arguments, *_ = args
    if isinstance(function, Global) and (build := REBUILDS.get(function.path)) not in (None, _of_type):
        return build(arguments)
    return Instance(function, arguments)


def _ordered_dict(args: Any) -> dict[Any, Any]:
    if args and args[0] != ():
        pairs = args[0]
        if not isinstance(pairs, list) or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
            raise TypeError
        return {key if isinstance(key, str) else Key(key): value for key, value in pairs}
    return {}


def _default_dict(_: Any) -> dict[Any, Any]:
    return {}


def _first(args: Any) -> Any:
    return args[0] if args else ()


def _list(args: Any) -> Any:
    return list(args[0]) if args else []


def _numpy_dtype(args: Any) -> Dtype:
    code = args[0]
    if isinstance(code, Global):
        return Dtype(_ML_DTYPES.get(code.name, ""))
    return Dtype(_NUMPY_KINDS.get(code.lstrip("<>|=") if isinstance(code, str) else "", ""))


def _array(_: Any) -> Array:
    return Array()


def _array_of_buffer(args: Any) -> Array:
    _, dtype, shape, *_ = args
    array = Array()
    array.set_state((1, shape, dtype, False, b""))
    return array


def _bytes_of_text(args: Any) -> bytes:
    """The bytes that protocol 2 writes as a text."""
    text, encoding = args
    if encoding not in ("latin1", "latin-1"):
        raise ValueError
    raw: bytes = text.encode("latin-1")
    return raw


def _no_bytes(_: Any) -> bytes:
    return b""


def _object(args: Any) -> Instance:
    """An object of a class, as protocols 0 and 1 make it."""
    kind, *more = args
    return Instance(kind, tuple(more))


def _graph_module(args: Any) -> Instance:
    module = Instance(Global("torch.fx", "GraphModule"), ())
    module.state = args[0]
    return module


REBUILDS: Mapping[str, Callable[[Any], Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_qtensor": _qtensor,
    "torch._utils._rebuild_sparse_tensor": _sparse,
    "torch._utils._rebuild_sparse_csr_tensor": _sparse,
    "torch._utils._rebuild_nested_tensor": _ragged_tensor,
    "torch.nested._internal.nested_tensor._rebuild_njt": _ragged_tensor,
    "torch._utils._rebuild_meta_tensor_no_storage": _meta,
    "torch._utils._rebuild_wrapper_subclass": _wrapper,
    "torch._utils._rebuild_device_tensor_from_numpy": _of_data,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _of_data,
    "torch._utils._rebuild_xla_tensor": _of_data,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type": _of_type,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "torch.nn.parameter.UninitializedParameter": _lazy,
    "torch.nn.parameter.UninitializedBuffer": _lazy,
    "torch.Size": _first,
    "collections.OrderedDict": _ordered_dict,
    "collections.defaultdict": _default_dict,
    "collections.Counter": _default_dict,
    "builtins.dict": _default_dict,
    "__builtin__.dict": _default_dict,
    "builtins.set": _list,
    "__builtin__.set": _list,
    "builtins.frozenset": _list,
    "builtins.list": _list,
    "copy_reg._reconstructor": _object,
    "copyreg._reconstructor": _object,
    "copyreg.__newobj__": _object,
    "torch.fx.graph_module.reduce_graph_module": _graph_module,
    "_codecs.encode": _bytes_of_text,
    "builtins.bytes": _no_bytes,
    "__builtin__.bytes": _no_bytes,
    "numpy.dtype": _numpy_dtype,
    "numpy.core.multiarray._reconstruct": _array,
    "numpy._core.multiarray._reconstruct": _array,
    "numpy.core.numeric._frombuffer": _array_of_buffer,
    "numpy._core.numeric._frombuffer": _array_of_buffer,
}


def load_persistent(value: Any) -> Any:
    """Return what a persistent id refers to: a storage; or, in old files, an object beside its source text.

    Raises InvalidDocument.
    """
    kind, *parts = value if isinstance(value, tuple) and value else ("",)
    if kind == "module" and len(parts) == 3:
        return parts[0]
    if kind != "storage" or len(parts) not in (4, 5):
        raise InvalidDocument("refers to data that is no storage of torch", code="storage")
    storage_type, key, _, size, *view = parts
    dtype = STORAGE_DTYPES.get(storage_type.name) if isinstance(storage_type, Global) else None
    if dtype is None or not isinstance(key, str) or type(size) is not int or not 0 <= size < 2**63:
        raise InvalidDocument("holds a storage without a type, a key or a size", code="storage")
    if view and isinstance(view[0], tuple) and len(view[0]) == 3:  # of torch before 0.4: a part of another storage
        _, start, size = view[0]
        if type(start) is not int or type(size) is not int or start < 0:
            raise InvalidDocument("holds a storage without a type, a key or a size", code="storage")
        return Storage(dtype, key, size, start)
    return Storage(dtype, key, size)


def builds_with(load_nested: Build) -> Mapping[str, Build]:
    """Return the table, with what reads a torch file inside a pickle: pickle.dump() of a tensor nests one a storage."""
    return {**REBUILDS, "torch.storage._load_from_bytes": load_nested}

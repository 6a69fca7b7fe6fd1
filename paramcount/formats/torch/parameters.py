"""The tensors of a ParameterList or a ParameterDict: "(0): Parameter containing: [torch.float32 of size 3x4]"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from paramcount.formats.torch.text import Module, parse_entry
from paramcount.model.dtypes import DTYPE_NAMES
from paramcount.model.errors import InvalidDocument
from paramcount.model.tensors import Tensor
from paramcount.schema.signature import MAX_RANK, is_dimension

_ENTRY = re.compile(r"\((.+?)\): (.*)")
_PARAMETER = re.compile(r"Parameter containing: \[([\w.]{1,100}) of size ([\dx]*)( \([^)]*\))?\]", re.ASCII)
_NONE_OWNED = ("Object of type: ", "Tensor containing: ")
"""Entries of such a list that are no parameters; they are not registered with the module."""

_TENSOR_TYPES = {
    "FloatTensor": "F32", "DoubleTensor": "F64", "HalfTensor": "F16", "BFloat16Tensor": "BF16", "LongTensor": "I64",
    "IntTensor": "I32", "ShortTensor": "I16", "CharTensor": "I8", "ByteTensor": "U8", "BoolTensor": "BOOL",
    "ComplexFloatTensor": "C64", "ComplexDoubleTensor": "C128",
}  # fmt: skip
"""Dtypes by the names of torch's old tensor types."""

_MAX_SIZE_DIGITS = 13
"""The digits of MAX_DIMENSION; a longer number is not converted."""


def read_parameters(module: Module) -> Iterator[Tensor]:
    """Yield the parameters in a list; modules in it are its children. A single entry is in the list's own line.

    Source: torch.nn.ParameterList.extra_repr, torch.nn.ParameterDict.extra_repr.
    """
    matches = [_ENTRY.fullmatch(text) or _refuse(module.line, text) for text in module.text]
    for item in [parse_entry(match[1], match[2], module.line) for match in matches] + module.children:
        if item.type or item.text[0].startswith(_NONE_OWNED):
            continue
        match = _PARAMETER.fullmatch(item.text[0]) or _refuse(item.line, item.text[0])
        sizes = [size for size in match[2].split("x") if size]
        if len(sizes) > MAX_RANK or not all(
            len(size) <= _MAX_SIZE_DIGITS and is_dimension(int(size)) for size in sizes
        ):
            _refuse(item.line, item.text[0])
        type_name = match[1].rpartition(".")[2]
        dtype = DTYPE_NAMES.get(type_name) or _TENSOR_TYPES.get(type_name, "")
        yield Tensor(item.name, tuple(map(int, sizes)), dtype=dtype)


def _refuse(line: int, text: str) -> re.Match[str]:
    raise InvalidDocument(f'line {line}: "{text[:60]}" is no parameter as torch prints it')

"""The tensors of a ParameterList or a ParameterDict: "(0): Parameter containing: [torch.float32 of size 3x4]"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from paramcount.formats.torch.text import Module, entry
from paramcount.model.dtypes import DTYPE_NAMES
from paramcount.model.errors import InvalidDocument
from paramcount.model.tensors import Tensor
from paramcount.schema.signature import MAX_DIMENSION

_ENTRY = re.compile(r"\((.+?)\): (.*)")
_PARAMETER = re.compile(r"Parameter containing: \[([\w.]{1,100}) of size ([\dx]*)( \([^)]*\))?\]", re.ASCII)
_NONE_OWNED = ("Object of type: ", "Tensor containing: ")
"""What such a list may hold beside parameters; neither is registered with the module."""

_TYPES = {
    "FloatTensor": "F32", "DoubleTensor": "F64", "HalfTensor": "F16", "BFloat16Tensor": "BF16", "LongTensor": "I64",
    "IntTensor": "I32", "ShortTensor": "I16", "CharTensor": "I8", "ByteTensor": "U8", "BoolTensor": "BOOL",
    "ComplexFloatTensor": "C64", "ComplexDoubleTensor": "C128",
}  # fmt: skip


def parameters(module: Module) -> Iterator[Tensor]:
    """What it holds; the only entry of one stands in its own line. Modules in it are its children.

    Source: torch.nn.ParameterList.extra_repr, torch.nn.ParameterDict.extra_repr.
    """
    alone = [_ENTRY.fullmatch(text) or _refuse(module.line, text) for text in module.text]
    for item in [entry(match[1], match[2], module.line) for match in alone] + module.children:
        if item.type or item.text[0].startswith(_NONE_OWNED):
            continue
        match = _PARAMETER.fullmatch(item.text[0]) or _refuse(item.line, item.text[0])
        sizes = [size for size in match[2].split("x") if size]
        if len(sizes) > 64 or any(len(size) > 13 or int(size) > MAX_DIMENSION for size in sizes):
            _refuse(item.line, item.text[0])
        kind = match[1].rpartition(".")[2]
        yield Tensor(item.name, tuple(map(int, sizes)), dtype=DTYPE_NAMES.get(kind) or _TYPES.get(kind, ""))


def _refuse(line: int, text: str) -> re.Match[str]:
    raise InvalidDocument(f'line {line}: "{text[:60]}" is no parameter as torch prints it')

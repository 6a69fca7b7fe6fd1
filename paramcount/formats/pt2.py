"""pt2: archives of torch.export. Their JSON describes each weight; the pickles in them are interpreted, not executed.

Source: torch/export/pt2_archive/_package.py, torch/_export/serde/schema.py; before torch 2.8 torch/export/__init__.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from math import prod
from typing import Any
from zipfile import ZipFile, ZipInfo

import orjson

from paramcount.formats.named_tensors.checkpoint import MAX_TENSORS, distinct, flags_warning
from paramcount.formats.named_tensors.packed import unpack_parameters
from paramcount.formats.named_tensors.tree import build_tree
from paramcount.formats.pytorch.archive import read_pickle
from paramcount.formats.pytorch.contents import Contents, ModelTensor, find_contents
from paramcount.formats.pytorch.layers import named_tensors
from paramcount.formats.pytorch.tensors import PickledTensor, Role, read_shape
from paramcount.formats.pytorch.warnings import warn_of_imports
from paramcount.formats.signatures import file_kind
from paramcount.formats.source import Bytes
from paramcount.formats.zip_archive import Archive, holds
from paramcount.model import budget
from paramcount.model.document import Document
from paramcount.model.errors import InvalidDocument, TooLarge
from paramcount.model.report import ReportWarning
from paramcount.schema.registry import reader
from paramcount.schema.validator import format_value

_DTYPES: Mapping[int, str] = {
    **dict(enumerate(("U8", "I8", "I16", "I32", "I64", "F16", "F32", "F64", "C32", "C64", "C128", "BOOL", "BF16"), 1)),
    **dict(enumerate(("U16", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0", "U32", "U64"), 28)),
}
"""Dtypes by ScalarType."""

_WEIGHTS = re.compile(r"(?:[^/]+/)?data/weights/([^/]+)_weights_config\.json", re.ASCII)
_CONSTANTS = re.compile(r"(?:[^/]+/)?data/constants/([^/]+)_constants_config\.json", re.ASCII)
_STATE = re.compile(r"(?:[^/]+/)?data/weights/([^/]+)\.pt|serialized_state_dict\.pt", re.ASCII)
"""The members that describe weights, constants, or, before torch 2.9, hold a state dict."""

_COMPILED = "data/aotinductor/"
_MAX_JSON_BYTES = 256 * 2**20


def _write_example() -> bytes:
    """Return an archive of one weight of 3 rows and 2 columns, without its values."""
    meta = {
        "dtype": 7,
        "sizes": [{"as_int": 3}, {"as_int": 2}],
        "requires_grad": True,
        "strides": [{"as_int": 2}, {"as_int": 1}],
        "storage_offset": {"as_int": 0},
    }
    weight = {"path_name": "weight_0", "is_param": True, "use_pickle": False, "tensor_meta": meta}
    members = {
        "archive/archive_format": b"pt2",
        "archive/data/weights/model_weights_config.json": orjson.dumps({"config": {"linear.weight": weight}}),
    }
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(ZipInfo(name), content)
    return buffer.getvalue()


def _claims(payload: Any) -> bool:
    return file_kind(payload) == "zip" and (
        holds(payload, b"/archive_format", whole=False)
        or holds(payload, b"/data/weights/weight_0", whole=False)
        or holds(payload, b"serialized_state_dict.pt")
        or holds(payload, b"serialized_exported_program.json")
    )


@reader("pt2", claims=_claims, members=(), schema=None, example=_write_example(), media="application/octet-stream")
def pt2(payload: Any) -> Document:
    """An archive of torch.export.save (.pt2): parameters with requires_grad, and the buffers in the state dict.

    The archive's last bytes say where the members are that describe the weights; these are not read themselves.
    """
    if not isinstance(payload, Bytes):
        raise InvalidDocument(f"must be an archive of torch.export, not {format_value(payload)}")
    archive = Archive(payload)
    weights, constants = Contents(), Contents()
    globals_warnings: list[ReportWarning] = []
    configs = {name: match[1] for name in archive.entries if (match := _WEIGHTS.fullmatch(name))}
    for name, model in configs.items():
        _read_config(archive, name, f"{model}." if len(configs) > 1 else "", weights)
    states = {} if configs else {name: match[1] for name in archive.entries if (match := _STATE.fullmatch(name))}
    for name, model in states.items():
        globals_warnings += _read_state(archive, name, f"{model}." if len(states) > 1 else "", weights)
    if not configs and not states:
        raise InvalidDocument(_explain_absence(archive), code="no_tensors")
    for name in archive.entries:
        if match := _CONSTANTS.fullmatch(name):
            _read_config(archive, name, f"{match[1]}.", constants)
    tensors = named_tensors(weights)
    unpacked = unpack_parameters(tensors, distinct(tensors))
    unknown = [tensors[name] for name, tensor in weights.tensors.items() if not tensor.role]
    warnings = (
        *([flags_warning(unknown)] if unknown else []),
        *unpacked.warnings,
        *_warn_of_constants(constants),
        *globals_warnings,
    )
    return Document(build_tree(unpacked.tensors), "torch", "torch", warnings=warnings)


def _read_config(archive: Archive, name: str, prefix: str, contents: Contents) -> None:
    """Add the tensors that a PayloadConfig describes. Raises InvalidDocument or TooLarge."""
    raw = archive.read(name, _MAX_JSON_BYTES)
    budget.check_values(raw)
    try:
        entries = orjson.loads(raw)["config"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidDocument(f'has a "{name[:100]}" that is no PayloadConfig', code="config") from None
    if len(contents.tensors) + len(entries) > MAX_TENSORS:
        raise TooLarge(f"holds more than {MAX_TENSORS:,} tensors")
    for weight, entry in entries:
        try:
            meta = entry["tensor_meta"]
            if meta is None:  # an object that is no tensor
                continue
            tensor = _read_entry(entry, meta, prefix)
        except (KeyError, TypeError):
            raise InvalidDocument(f'does not describe "{weight[:100]}" as torch.export does', code="config") from None
        role: Role = "weight" if tensor.is_parameter else "buffer"
        contents.tensors[prefix + weight] = ModelTensor(tensor, role, "")


def _read_entry(entry: Mapping[str, Any], meta: Mapping[str, Any], prefix: str) -> PickledTensor:
    """Return the tensor of a PayloadMeta. Raises KeyError or TypeError for what is none, or InvalidDocument."""
    if (dtype := _DTYPES.get(meta["dtype"])) is None:
        raise InvalidDocument(f"holds a tensor of the type {format_value(meta['dtype'])}", code="unknown_dtype")
    shape = read_shape([size["as_int"] for size in meta["sizes"]])
    strides = read_shape([step["as_int"] for step in meta["strides"]])
    offset = meta["storage_offset"]["as_int"]
    if not isinstance(entry["path_name"], str) or type(offset) is not int:
        raise TypeError
    identity = (prefix, entry["path_name"], offset, shape, strides, dtype) if 0 not in shape else None
    return PickledTensor(
        shape,
        dtype,
        identity,
        requires_grad=meta["requires_grad"] is True,
        is_parameter=entry["is_param"] is True,
    )


def _read_state(archive: Archive, name: str, prefix: str, contents: Contents) -> Iterator[ReportWarning]:
    """Add the tensors of a state dict, in which parameters are such; yield warnings about its pickle."""
    raw = archive.read(name)
    if not raw:
        return
    pickle = read_pickle(raw)
    state = find_contents(pickle.value, pickle.size)
    for weight, tensor in state.tensors.items():
        role: Role = "weight" if tensor.tensor.is_parameter else "buffer"
        contents.tensors[prefix + weight] = tensor._replace(role=role)
    yield from warn_of_imports(pickle.globals)


def _explain_absence(archive: Archive) -> str:
    if any(_COMPILED in name for name in archive.entries):
        return "holds a model that AOTInductor compiled, whose weights are in machine code: export it without"
    return "is a zip archive without the description of weights: no .pt2 file"


def _warn_of_constants(constants: Contents) -> Iterator[ReportWarning]:
    """Warn of tensors beside the state dict: buffers that are not saved in it, and plain attributes."""
    sizes = [prod(tensor.tensor.shape) for tensor in constants.tensors.values()]
    if sizes:
        detail = (
            f"{sum(sizes):,} elements in {len(sizes):,} tensors are constants: buffers that no state dict holds, and "
            "plain attributes; not counted"
        )
        yield ReportWarning("constants", "", detail)

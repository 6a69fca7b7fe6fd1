"""Tensors that are one rank's part of a parameter: DeepSpeed ZeRO-3, FSDP, tensor parallelism; and false ties."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice

from paramcount.formats.named_tensors.checkpoint import INTEGER_DTYPES
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor

_EMPTY = (0,)
"""The shape that DeepSpeed ZeRO-3 gives a parameter whose elements are spread over ranks (partition_parameters.py)."""

_PARAMETER_NAME = re.compile("weight|bias|kernel|embed|proj")
"""A part of the last component of the names that parameters of layers have."""

_FLAT_PARAMETER = re.compile(r"(?:\A|\.)_?flat_param(?:_[0-9]+)?\Z", re.ASCII)
"""The name of FSDP's and fairscale's parameters, each of which holds a rank's part of all those of a module."""

_FSDP_WRAPPER = "_fsdp_wrapped_module"
"""The module that FSDP puts around another; with use_orig_params each parameter in it is a flat part of itself."""

_SAVE_WHOLE = "Save a full state_dict (FullStateDictConfig)"

_RANK_FILE = re.compile(
    r"(?:\A|/)(?:model-rank-[0-9]+-part-[0-9]+|model[0-9]+-mp(?!1\.)[0-9]+|rank[0-9]+)\.safetensors\Z", re.ASCII
)
"""The file of one rank: vLLM's sharded_state, DeepSeek's convert.py, TensorRT-LLM."""

_FEW_TENSORS, _LONG = 1_000, 50_000
"""Among more tensors names are searched only if one of them is a vector of more elements, as flat parameters are."""

_MIN_TIES = 8
"""The least names in ties that make a pattern."""


def warn_of_parts(tensors: Mapping[str, Tensor], kinds: Collection[Tensor]) -> Iterator[ReportWarning]:
    """Warn of tensors that are parts of parameters, whose other elements are elsewhere; `kinds`: distinct tensors."""
    shapes = {tensor.shape for tensor in kinds}
    if _EMPTY in shapes and (names := _find_emptied(tensors)):
        detail = (
            f"{len(names):,} parameters have shape [0] ({_quote(names)}), as DeepSpeed ZeRO-3 and FSDP leave those "
            "whose elements are spread over ranks: they are not counted. Gather them (zero_to_fp32.py, "
            "deepspeed.zero.GatheredParameters), or take ds_shape for their shape"
        )
        yield ReportWarning("partitioned", "", detail, exact=False)
    if len(tensors) > _FEW_TENSORS and not any(len(tensor.shape) == 1 and tensor.size > _LONG for tensor in kinds):
        return
    joined = "\n".join(tensors)
    if "flat_param" in joined and (names := [name for name in tensors if _FLAT_PARAMETER.search(name)]):
        detail = (
            f"{len(names):,} tensors are flat parameters of FSDP ({_quote(names)}): each holds one rank's part of all "
            f"parameters of a module, perhaps padded. {_SAVE_WHOLE}"
        )
        yield ReportWarning("partitioned", "", detail, exact=False)
    elif _FSDP_WRAPPER in joined and all(len(shape) < 2 for shape in shapes):
        detail = (
            f"the names show FSDP ({_FSDP_WRAPPER}), and no tensor has two axes: each is likely one rank's part of a "
            f"parameter. {_SAVE_WHOLE}"
        )
        yield ReportWarning("partitioned", "", detail, exact=False)


def _find_emptied(tensors: Mapping[str, Tensor]) -> list[str]:
    """Return the parameters without their elements; none where they may as well be empty in the whole model: few, and
    not called as the parameters of layers are."""
    weights = {name: tensor for name, tensor in tensors.items() if _may_be_partitioned(tensor)}
    names = [
        name
        for name, tensor in weights.items()
        if tensor.shape == _EMPTY and f"{name.rpartition('.')[0]}.qweight" not in tensors  # a place beside a packed one
    ]
    is_likely = 2 * len(names) >= len(weights) or any(_PARAMETER_NAME.search(name.rpartition(".")[2]) for name in names)
    return names if is_likely else []


def _may_be_partitioned(tensor: Tensor) -> bool:
    return tensor.role == "weight" and tensor.dtype not in INTEGER_DTYPES and not tensor.tied_to


def warn_of_rank_files(files: Iterable[str]) -> Iterator[ReportWarning]:
    """Warn of files whose names say that they hold what one rank of several has."""
    if names := [file for file in files if _RANK_FILE.search(file)]:
        detail = (
            f"{_quote(names)} is named as the file of one rank: with tensor parallelism it holds a part of each "
            "weight, and the others are not counted"
        )
        yield ReportWarning("partitioned", "", detail, exact=False)


def warn_of_false_ties(tensors: Mapping[str, Tensor], kinds: Collection[Tensor]) -> Iterator[ReportWarning]:
    """Warn of ties that say no more than that two tensors have one shape: on the meta device all have one address."""
    if not any(tensor.tied_to for tensor in kinds):
        return
    ties = sum(1 for tensor in tensors.values() if tensor.tied_to)
    owners = [(tensor.shape, tensor.dtype) for tensor in tensors.values() if not tensor.tied_to and tensor.size > 1]
    if ties >= _MIN_TIES and len(owners) == len(set(owners)):
        detail = (
            f"{ties:,} names are tied, and no two tensors of one shape are apart: likely they were told apart by their "
            "address, which is 0 for all on the meta device, and are not tied"
        )
        yield ReportWarning("likely_not_tied", "", detail, exact=False)


def _quote(names: list[str]) -> str:
    listed = ", ".join(f'"{name[:100]}"' for name in islice(names, 3))
    return f"{listed}, ..." if len(names) > 3 else listed

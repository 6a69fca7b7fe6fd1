"""Packed weights: which tensors hold them, how many values each stands for, which tensors go with them.

The tensors beside a weight show its scheme, as the libraries name them; their shapes, or the model's quantization
config, show how many values it holds. What neither proves is unknown, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from paramcount.formats.named_tensors.checkpoint import count_elements
from paramcount.formats.named_tensors.packed import codebooks, floats, integers
from paramcount.formats.named_tensors.packed.candidates import Candidate, Checkpoint, Packing, Tensors
from paramcount.formats.named_tensors.packed.quantization import NO_QUANTIZATION, Quantization
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import UNKNOWN_SIZE, Tensor

_EIGHT_BIT_DTYPES = frozenset(("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8", "U8"))
_PAIR_DTYPE = "F4_X2"
"""torch's float4_e2m1fn_x2, of which an element is two values."""

_PACKED_DTYPES = _EIGHT_BIT_DTYPES | {"I16", "U16", "I32", "U32", _PAIR_DTYPE}
"""The dtypes of packed weights, or of what is beside them: bitsandbytes' weights and SpQR's may have another."""

_Detect = Callable[[Candidate], Packing | None]

_DETECT_BY_LEAF: Mapping[str, tuple[_Detect, ...]] = {
    "B": (integers.detect_marlin,),
    "Qidxs": (codebooks.detect_lattice,),
    "W_q": (integers.detect_groups,),
    "_data": (integers.detect_quanto,),
    "blocks": (floats.detect_blocks,),
    "codes": (codebooks.detect_codes,),
    "dense_weights": (codebooks.detect_sparse,),
    "indices": (codebooks.detect_indices,),
    "q_weight": (codebooks.detect_exl2,),
    "qweight": (integers.detect_qweight,),
    "trellis": (codebooks.detect_trellis,),
    "weight": (
        integers.detect_bitsandbytes,
        integers.detect_mlx,
        codebooks.detect_higgs,
        floats.detect_scaled,
    ),
    "weight_packed": (integers.detect_compressed,),
}
"""By the last part of a packed weight's name; the first that recognises a weight counts."""

_DETECT_BY_ENDING: Mapping[str, _Detect] = {"_blocks": floats.detect_blocks, "_qdata": integers.detect_torchao}


@dataclass(frozen=True)
class Unpacked:
    """The tensors, packed weights marked as such, and warnings about them."""

    tensors: Mapping[str, Tensor]
    warnings: tuple[ReportWarning, ...]


def unpack(tensors: Tensors, quantization: Quantization, kinds: Collection[Tensor]) -> Unpacked:
    """Mark the packed weights of a checkpoint. The stored elements are counted; a warning says what they stand for."""
    packings = find_packings(tensors, quantization, kinds)
    if not packings:
        return Unpacked(tensors, tuple(_warn_of_method(quantization.method, kinds)))
    marked = _mark(tensors, packings, as_stored=True)
    return Unpacked(marked, warn_of_packings(marked, packings))


def _warn_of_method(method: str, kinds: Collection[Tensor]) -> Iterator[ReportWarning]:
    """Warn of a quantization of which nothing is recognised: it does not matter where no tensor may be packed."""
    if method:
        exact = not any(tensor.dtype in _PACKED_DTYPES and len(tensor.shape) > 1 for tensor in kinds)
        detail = f'the config says that weights are quantised by "{method[:40]}", but no packed weight is recognised'
        yield ReportWarning("packed", "", detail, exact=exact)


def warn_of_packings(tensors: Tensors, packings: Mapping[str, Packing]) -> tuple[ReportWarning, ...]:
    """Return a warning of what the packed weights of a checkpoint stand for, inexact where that is not proven."""
    if not packings:
        return ()
    exact = all(packing.size is not None and not packing.is_bound for packing in packings.values())
    detail = f"{_describe(tensors, packings)}. The totals are of what is stored"
    return (ReportWarning("packed", "", detail, exact=exact),)


def unpack_parameters(tensors: Tensors, kinds: Collection[Tensor]) -> Unpacked:
    """Mark the packed weights of a PyTorch model. Its parameters and buffers stay what they are to torch, so the totals
    are not exact where an element holds several values, or where the weights are buffers."""
    packings = {**dict(_find_bare_bytes(tensors, kinds)), **find_packings(tensors, NO_QUANTIZATION, kinds)}
    if not packings:
        return Unpacked(tensors, ())
    marked = _mark(tensors, packings, as_stored=False)
    exact = all(tensor.role == "weight" for name, tensor in marked.items() if name in packings) and all(
        packing.size == tensors[name].size for name, packing in packings.items()
    )
    detail = f"{_describe(marked, packings)}. The totals are torch's, which counts the elements of its parameters"
    return Unpacked(marked, (ReportWarning("packed", "", detail, exact=exact),))


def _mark(tensors: Tensors, packings: Mapping[str, Packing], *, as_stored: bool) -> Tensors:
    """Return the tensors with the values that packed ones hold, and none for what goes with them. `as_stored` makes
    frozen weights of the former and buffers of the latter. Equal tensors are one object."""
    companions = {name for packing in packings.values() for name in packing.companions}
    interned: dict[tuple[int, int], Tensor] = {}
    marked = dict(tensors)
    for name in packings.keys() | companions:
        tensor, packing = tensors[name], packings.get(name)
        size = logical_size(packing) if packing else 0
        key = id(tensor), -2 if packing is None else size
        if (replaced := interned.get(key)) is None:
            replaced = tensor._replace(logical_size=size)
            if as_stored and packing:
                replaced = replaced._replace(role="weight", trainable=False)
            elif as_stored:
                replaced = replaced._replace(role="buffer")
            interned[key] = replaced
        marked[name] = replaced
    return marked


def _find_bare_bytes(tensors: Tensors, kinds: Collection[Tensor]) -> Iterator[tuple[str, Packing]]:
    """Yield weights without what is beside them in a file, which is neither a parameter nor a buffer: bitsandbytes'
    4-bit ones, bytes of [n, 1] with a quant_state, and HQQ's, whose groups are in an attribute."""
    if any(map(_is_matrix_of_integers, kinds)):
        for name, tensor in tensors.items():
            if not _is_matrix_of_integers(tensor):
                continue
            leaf = name.rpartition(".")[2]
            if leaf == "weight" and tensor.dtype == "U8" and tensor.shape[1] == 1:
                yield name, Packing("4-bit bitsandbytes", 2 * tensor.size)
            elif leaf == "W_q":
                yield name, Packing("HQQ", None)


def _is_matrix_of_integers(tensor: Tensor) -> bool:
    return tensor.role == "weight" and tensor.dtype in ("U8", "I32") and len(tensor.shape) == 2


def find_packings(tensors: Tensors, quantization: Quantization, kinds: Collection[Tensor]) -> Mapping[str, Packing]:
    """Return the packed weights among tensors, by name, as their names, shapes and dtypes, and a config, show them.
    `kinds` are the distinct tensors."""
    if _PACKED_DTYPES.isdisjoint({tensor.dtype for tensor in kinds}):
        return {}
    return dict(_find(Checkpoint(tensors, quantization)))


def _pair(tensor: Tensor) -> Packing:
    return Packing("4-bit float", 2 * tensor.size)


def _find(checkpoint: Checkpoint) -> Iterator[tuple[str, Packing]]:
    tensors, has_tables = checkpoint.tensors, bool(checkpoint.endings(".quant_map"))
    for name, tensor in tensors.items():
        if tensor.dtype == _PAIR_DTYPE:
            yield name, _pair(tensor)
            continue
        is_likely = tensor.dtype in _PACKED_DTYPES or tensor.dtype == "I64"
        if not is_likely and not (has_tables and f"{name}.quant_map" in tensors):
            continue
        leaf = name.rpartition(".")[2]
        if detectors := _DETECT_BY_LEAF.get(leaf) or _detectors(leaf, tensor.dtype):
            candidate = Candidate(checkpoint, name, tensor)
            packing = next(filter(None, (detect(candidate) for detect in detectors)), None)
            if packing is not None:
                yield name, packing


def _detectors(leaf: str, dtype: str) -> tuple[_Detect, ...]:
    """Return the detectors for names that are no fixed ones: gate_up_proj, gate_up_proj_blocks, _weight_qdata."""
    for ending, detect in _DETECT_BY_ENDING.items():
        if leaf.endswith(ending):
            return (detect,)
    return (floats.detect_scaled,) if dtype in _EIGHT_BIT_DTYPES else ()


def logical_size(packing: Packing) -> int:
    """Return the number of values that a packed weight holds, or UNKNOWN_SIZE."""
    return UNKNOWN_SIZE if packing.size is None or packing.is_bound else packing.size


def _describe(tensors: Tensors, packings: Mapping[str, Packing]) -> str:
    """Return what the packed weights among tensors stand for, scheme by scheme."""
    packings = {name: packing for name, packing in packings.items() if not tensors[name].tied_to}
    others = [tensor for name, tensor in tensors.items() if name not in packings and not tensor.tied_to]
    plain = count_elements(tensor for tensor in others if tensor.role == "weight" and tensor.logical_size is None)
    by_scheme: dict[str, list[str]] = {}
    for name, packing in packings.items():
        by_scheme.setdefault(packing.scheme, []).append(name)
    parts = []
    for scheme, names in sorted(by_scheme.items()):
        stored = count_elements(tensors[name] for name in names)
        values = _describe_size([packings[name] for name in names], 0) or "an unknown number of"
        parts.append(f"{stored:,} elements of {len(names):,} {scheme} weights are {values} parameters")
    total = _describe_size(packings.values(), plain)
    logical = (
        f"{total} parameters" if total else "parameters whose number neither shapes nor a quantization_config prove"
    )
    beside = count_elements(others) - plain
    return (
        f"stands for {logical}: {'; '.join(parts)}; {plain:,} elements are weights as they are; {beside:,} are scales, "
        "zero points and other buffers, no parameters"
    )


def _describe_size(packings: Collection[Packing], plain: int) -> str:
    """Return the sum of the values of packings and of plain weights, or "" where it is unknown."""
    sizes = [packing.size for packing in packings]
    if None in sizes:
        return ""
    most = "at most " if any(packing.is_bound for packing in packings) else ""
    return f"{most}{plain + sum(filter(None, sizes)):,}"

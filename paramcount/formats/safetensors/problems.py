"""Problems of a header that `parse_valid` refuses. This module never accepts a header."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, NamedTuple

from paramcount.formats.named_tensors.checkpoint import MAX_TENSORS, explain_dtype, explain_shape
from paramcount.formats.safetensors.header import DTYPE_BITS, MAX_OFFSET_BYTES, METADATA, decode
from paramcount.model.errors import MAX_PROBLEMS, ArchitectureError, InvalidDocument, Problems, TooLarge, token
from paramcount.schema.validator import format_value


class _Span(NamedTuple):
    start: int
    end: int
    name: str


def explain(source: Any, pointer: str = "") -> list[ArchitectureError]:
    """Return the problems of a header, in bytes of JSON or decoded, that is at `pointer`."""
    try:
        header = decode(source) if isinstance(source, bytes) else source
    except InvalidDocument as problem:
        return [problem]
    except Problems as repeated:
        return [*repeated.problems]
    if not isinstance(header, dict):
        return [InvalidDocument(f"must be an object, not {format_value(header)}", pointer, "type")]
    if len(header) > MAX_TENSORS:
        return [TooLarge(f"holds {len(header):,} tensors, where {MAX_TENSORS:,} are the most", pointer)]
    problems: list[ArchitectureError] = []
    spans: list[_Span] = []
    for name, entry in header.items():
        member_pointer = pointer + token(name)
        if name == METADATA:
            problems += _explain_metadata(entry, member_pointer)
        elif entry_problems := list(_explain_entry(entry, member_pointer)):
            problems += entry_problems
        else:
            start, end = entry["data_offsets"]
            spans.append(_Span(start, end, name))
        if len(problems) >= MAX_PROBLEMS:
            return problems
    return problems or list(_explain_gaps(spans, pointer))


def _explain_metadata(metadata: Any, pointer: str) -> Iterator[ArchitectureError]:
    if not isinstance(metadata, dict | None):
        yield InvalidDocument(f"must be an object, not {format_value(metadata)}", pointer, "type")
        return
    for name, value in (metadata or {}).items():
        if not isinstance(value, str):
            yield InvalidDocument(f"must be a string, not {format_value(value)}", pointer + token(name), "type")


def _explain_entry(entry: Any, pointer: str) -> Iterator[ArchitectureError]:
    """Yield the problems of a tensor: of its members, else of their values, else of its length."""
    if problems := list(_explain_members(entry, pointer)) or list(_explain_values(entry, pointer)):
        yield from problems
        return
    dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    bits = prod(shape) * DTYPE_BITS[dtype]
    if bits != 8 * (end - start):
        length = f"{bits // 8:,} bytes" if bits % 8 == 0 else f"{bits:,} bits, which are no whole bytes"
        detail = f"takes {length} ({dtype} of shape {format_value(shape)}), but its data_offsets span {end - start:,}"
        yield InvalidDocument(detail, pointer, "wrong_length")


def _explain_members(entry: Any, pointer: str) -> Iterator[ArchitectureError]:
    if not isinstance(entry, dict):
        detail = f"must be an object with dtype, shape and data_offsets, not {format_value(entry)}"
        yield InvalidDocument(detail, pointer, "type")
        return
    for member in ("dtype", "shape", "data_offsets"):
        if member not in entry:
            yield InvalidDocument("is required", f"{pointer}/{member}", "required")
    offsets = entry.get("data_offsets", [0, 0])
    if not isinstance(offsets, list | tuple) or len(offsets) != 2:
        yield InvalidDocument("must be a list of two integers", f"{pointer}/data_offsets", "type")


def _explain_values(entry: Mapping[str, Any], pointer: str) -> Iterator[ArchitectureError]:
    if shape_problem := explain_shape(entry["shape"]):
        yield InvalidDocument(shape_problem, f"{pointer}/shape", "shape")
    dtype, (start, end) = entry["dtype"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        yield InvalidDocument(explain_dtype(dtype, DTYPE_BITS), f"{pointer}/dtype", "unknown_dtype")
    if not (type(start) is type(end) is int and 0 <= start <= end <= MAX_OFFSET_BYTES):
        detail = f"must be a start and an end, not {format_value([start, end])}"
        yield InvalidDocument(detail, f"{pointer}/data_offsets", "offsets")


def _explain_gaps(spans: list[_Span], pointer: str) -> Iterator[ArchitectureError]:
    """Yield the tensors that do not begin where another ends: an overlap counts bytes twice, a gap hides some."""
    expected, previous = 0, ""
    for start, end, name in sorted(spans):
        if start != expected:
            previous_end = f'the end of "{previous[:100]}"' if previous else "the start"
            kind = "overlaps what is before it" if start < expected else "leaves a gap"
            detail = f"starts at byte {start:,}, but {previous_end} is at {expected:,}: it {kind}"
            yield InvalidDocument(detail, f"{pointer}{token(name)}/data_offsets", "offsets")
        expected, previous = max(expected, end), name

"""Run formulas; what a plug-in's formula yields and returns is checked, and its faults name its layer."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from itertools import islice
from threading import current_thread, main_thread
from time import monotonic
from traceback import format_exception_only
from typing import Any

from paramcount.counting.graph import flatten
from paramcount.model.budget import MIN_TENSORS, TENSORS_PER_BYTE, ComputationEnded, Limits, scale_to_request
from paramcount.model.dtypes import DTYPES
from paramcount.model.errors import ArchitectureError, FaultyFormula, Problems, TooLarge
from paramcount.model.tensors import Formula, Output, Tensor
from paramcount.schema.registry import LayerType
from paramcount.schema.validator import format_value

MAX_COUNT = 2**53 - 1
"""The largest count that every reader of JSON holds exactly."""

MAX_PLUGIN_TENSORS = 100_000
"""The most tensors of one layer of a plug-in: one that yields more never ends."""

_TENSORS_PER_CHECK = 256
"""The number of a plug-in's tensors between two looks at the clock."""

_ROLES = ("weight", "buffer")
_SURROGATE = re.compile("[\ud800-\udfff]")


class StopCounting(Exception):
    """The count has MAX_PROBLEMS problems, or exceeds a limit."""


def run_formula(
    layer_type: LayerType, arguments: Mapping[str, Any], deadline: float
) -> tuple[tuple[Tensor, ...], Output]:
    """Return the tensors and the output of a layer's formula.

    Raises ArchitectureError, FaultyFormula among them: a plug-in's formula is faulty or does not end by the deadline.
    """
    if layer_type.is_built_in:
        tensors, output = _run(layer_type.formula(**arguments))
    else:
        tensors, output = _run_plugin(layer_type, arguments, deadline)
    for shape in (output,) if isinstance(output, tuple) else flatten(output):
        for size in shape or ():
            if size and size > MAX_COUNT:
                raise TooLarge(f"returns an axis longer than {MAX_COUNT:,}", code="count_too_large")
    return tensors, output


def _run(formula: Formula) -> tuple[tuple[Tensor, ...], Output]:
    """Run a formula to its end. Raises TooLarge."""
    returned: list[Output] = []
    max_tensors = scale_to_request(Limits.max_tensors, MIN_TENSORS, TENSORS_PER_BYTE)
    tensors = tuple(islice(_collect(formula, returned), max_tensors + 1))
    if len(tensors) > max_tensors:
        raise TooLarge(f"has more than the {max_tensors:,} tensors that a request of this length may make")
    return tensors, returned[0]


def _collect(formula: Formula, returned: list[Output]) -> Iterator[Tensor]:
    """Yield the tensors of a formula, and append its output to `returned`."""
    returned.append((yield from formula))


def _run_plugin(
    layer_type: LayerType, arguments: Mapping[str, Any], deadline: float
) -> tuple[tuple[Tensor, ...], Output]:
    """Run a plug-in's formula to its end. Raises ArchitectureError, and FaultyFormula for all else that goes wrong.

    What ends a computation from outside passes: ComputationEnded, and an interrupt, which comes to the main thread.
    """
    try:
        return _check(layer_type, layer_type.formula(**arguments), deadline)
    except (ArchitectureError, Problems, StopCounting, ComputationEnded):
        raise
    except _Fault as fault:
        raise FaultyFormula(layer_type.name, layer_type.origin, str(fault)) from None
    except BaseException as error:  # SystemExit, too, which would end the process
        if isinstance(error, KeyboardInterrupt) and current_thread() is main_thread():
            raise
        detail = f"raises {''.join(format_exception_only(error)).strip()[:200]}"
        raise FaultyFormula(layer_type.name, layer_type.origin, detail) from error


class _Fault(Exception):
    """A rule of formulas that a plug-in's breaks."""


def _check(layer_type: LayerType, formula: Any, deadline: float) -> tuple[tuple[Tensor, ...], Output]:
    """Return the tensors and the output of a formula. Raises _Fault."""
    if not isinstance(formula, Generator):
        raise _Fault(f"returns {format_value(formula)} and yields nothing: begin it with `yield from ()`")
    returned: list[Output] = []
    tensors = _check_tensors(_collect(formula, returned), deadline)
    _check_output(layer_type, returned[0])
    return tensors, returned[0]


def _check_tensors(yielded: Iterator[Tensor], deadline: float) -> tuple[Tensor, ...]:
    """Return what a formula yields. Raises _Fault for what is no tensor, or has no end."""
    tensors: list[Tensor] = []
    names: set[str] = set()
    while part := list(islice(yielded, _TENSORS_PER_CHECK)):
        for tensor in part:
            if fault := _find_fault(tensor):
                raise _Fault(f"yields {fault}")
            if tensor.name in names:
                raise _Fault(f'yields two tensors named "{tensor.name[:100]}"')
            names.add(tensor.name)
        tensors += part
        if len(tensors) > MAX_PLUGIN_TENSORS:
            raise _Fault(f"yields more than {MAX_PLUGIN_TENSORS:,} tensors: does it end?")
        if monotonic() > deadline:
            raise _Fault("still yields tensors when the time of the request is over: does it end?")
    return tuple(tensors)


def _find_fault(tensor: Any) -> str:
    """Return what is wrong with a yielded tensor, or ''."""
    if not isinstance(tensor, Tensor):
        return f"{format_value(tensor)}, which is no Tensor"
    if not isinstance(tensor.name, str) or not tensor.name or _SURROGATE.search(tensor.name):
        return f"a tensor named {format_value(tensor.name)}"
    if not isinstance(tensor.shape, tuple) or not all(type(size) is int and size >= 0 for size in tensor.shape):
        return f'"{tensor.name[:100]}" of the shape {format_value(tensor.shape)}, which is no tuple of integers'
    if tensor.role not in _ROLES:
        return f'"{tensor.name[:100]}" of the role {format_value(tensor.role)}'
    if tensor.dtype and tensor.dtype not in DTYPES:
        return f'"{tensor.name[:100]}" of the dtype {format_value(tensor.dtype)}'
    return ""


def _check_output(layer_type: LayerType, output: Output) -> None:
    """Raise _Fault for an output that no layer can take."""
    if output is None and layer_type.signature.needs_inputs:
        raise _Fault("returns no output shape: end it with `return`")
    for shape in flatten(output):
        if shape is not None and not (isinstance(shape, tuple) and all(map(_is_size, shape))):
            detail = f"returns {format_value(output)}, which is no shape: a tuple of integers, None where one is open"
            raise _Fault(detail)


def _is_size(size: Any) -> bool:
    return size is None or (type(size) is int and size >= 0)

"""One model as a library builds it, and as it is counted, tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from paramcount.formats.huggingface.blocks import expand_tensors
from paramcount.model.errors import ArchitectureError, Problems
from paramcount.model.layers import Layer
from tools.architectures.building import Built, build_observed, observe_modules
from tools.architectures.fitting import model_of

EQUAL, BOTH = "equal", "refused by both"


def compare(
    create: Callable[[], Any], count: Callable[[], Layer], observe: Callable[[Any], Built] = observe_modules
) -> str:
    """The outcome: equal, refused by both, refused: why, WRONG: where. `observe` says what a model holds."""
    return compare_built(build_observed(observe, create), count)


def compare_built(built: Built | str, count: Callable[[], Layer]) -> str:
    """The outcome of a model that was built, or of the reason why it was not."""
    try:
        counted = {name: _describe(tensor) for name, tensor in expand_tensors(count())}
    except (Problems, ArchitectureError) as error:
        problems = error.problems if isinstance(error, Problems) else (error,)
        details = "; ".join(f"{problem.pointer} {problem.detail}" for problem in problems)
        return BOTH if isinstance(built, str) else f"refused: {details[:200]}"
    if isinstance(built, str):
        return f"WRONG: the library refuses it: {built[:200]}"
    saved, _ = model_of(built, {name: shape for name, (shape, _, _) in built[0].items()})
    truth = {name: (one.shape, one.frozen, one.buffer, one.tied) for name, one in saved.items()}
    different = sorted(name for name in counted.keys() | truth.keys() if counted.get(name) != truth.get(name))
    if not different:
        return EQUAL
    first = different[0]
    return f"WRONG: {first} is {truth.get(first)}, not {counted.get(first)} (of {len(different)})"


def _describe(tensor: Any) -> tuple[Any, ...]:
    buffer = tensor.dtype if tensor.role == "buffer" else ""
    return tensor.shape, not tensor.trainable and not buffer, buffer, tensor.tied_to

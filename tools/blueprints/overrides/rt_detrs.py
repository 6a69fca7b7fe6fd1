"""RT-DETR: its blocks have a third convolution where they are of another width than what is around them."""

from collections.abc import Iterator, Mapping
from typing import Any

from tools.blueprints.overrides.changes import Append, Change, Override, Replace

_WIDTH = "int(encoder_hidden_dim * hidden_expansion)"
_IS_OTHER = f"{_WIDTH} != encoder_hidden_dim"


def _convolution(prefix: str) -> Iterator[str]:
    """Yield the clauses of the third convolution, and of its norm."""
    for path in ("fpn_blocks", "pan_blocks"):
        name, blocks = f"{prefix}encoder.{path}.{{i}}.conv3", f" for 2 where {_IS_OTHER}"
        yield f"{name}.conv.weight [encoder_hidden_dim; {_WIDTH}; 1; 1]{blocks}"
        for leaf in ("weight", "bias"):
            yield f"{name}.norm.{leaf} [encoder_hidden_dim]{blocks}"
        for leaf in ("running_mean", "running_var"):
            yield f"{name}.norm.{leaf} [encoder_hidden_dim]{blocks} buffer F32"
        yield f"{name}.norm.num_batches_tracked []{blocks} buffer I64"


def _changes(prefix: str) -> tuple[Change, ...]:
    return (
        Replace("given", "hidden_expansion == 1[.]0", (f"{_WIDTH} > 0",)),
        Replace("assumed", r"not int\(encoder_hidden_dim [*] hidden_expansion\) != encoder_hidden_dim"),
        Append("tensors", tuple(_convolution(prefix))),
    )


def _override(model: str, *proofs: Mapping[str, Any]) -> Override:
    return Override(
        reason="CSPRepLayer asks whether two widths are equal, and the compiler saw the default only, where they are.",
        classes={f"{model}Model": _changes(""), f"{model}ForObjectDetection": _changes("model.")},
        proofs=({}, {"hidden_expansion": 0.5}, {"hidden_expansion": 2.0}, {"hidden_expansion": 0.3}, *proofs),
        refused=({"hidden_expansion": 0.001}, {"hidden_expansion": None}),
    )


OVERRIDES: Mapping[str, Override] = {
    "rt_detr": _override("RTDetr", {"hidden_expansion": 0.5, "encoder_hidden_dim": 384, "decoder_layers": 3}),
    "rt_detr_v2": _override("RTDetrV2", {"hidden_expansion": 0.5, "decoder_layers": 3}),
}

"""FastSpeech 2 Conformer: its encoder and decoder are sized by objects that a config may state, not by its fields.

Source: FastSpeech2ConformerConfig.__post_init__, which makes encoder_config and decoder_config of its own fields, and
then takes what is stated of the same names in their place, as a whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paramcount.formats.huggingface.functions import digest
from tools.blueprints.overrides.changes import Append, Change, Override, Record, SetFields, Write

_LEARNED = Path(__file__).parent / "learned" / "fastspeech2_conformer_with_hifigan.json"
_WHOLE, _MODEL = "FastSpeech2ConformerWithHifiGan", "FastSpeech2ConformerModel"
_INSIDE, _OTHER = "model_config.", "vocoder_config."
_SIDES = ("encoder", "decoder")
_SIZES = {
    "num_attention_heads": "i", "layers": "i", "kernel_size": "i", "linear_units": "i", "concat_after": "b",
}  # fmt: skip
_UNSIZED = ("normalize_before", "dropout_rate", "attention_dropout_rate", "positional_dropout_rate")


@dataclass(frozen=True, slots=True)
class _Free:
    """Take the pins away from the fields that size the encoder and the decoder, and count by them."""

    fields: str = ""
    """The prefix of its fields' paths."""
    tensors: str = ""
    """The prefix of its tensors' names."""

    def apply(self, record: Record, learned: Mapping[str, Record]) -> None:  # noqa: ARG002
        sides = "|".join(_SIDES)
        pin = rf"{re.escape(self.fields)}({sides})_({'|'.join((*_SIZES, *_UNSIZED))}) == .*"
        record["given"] = [clause for clause in record["given"] if not re.fullmatch(pin, clause)]
        record["tensors"] = [self._free(clause) for clause in record["tensors"]]

    def _free(self, clause: str) -> str:
        match = re.match(rf"{re.escape(self.tensors)}({'|'.join(_SIDES)})\.conformer_layers\.", clause)
        if not match:
            return clause
        side = f"{self.fields}{match[1]}"
        heads = f"{side}_num_attention_heads"
        clause = re.sub(r"(pos_bias_[uv]) \[.*?\]", rf"\1 [{heads}; {self.fields}hidden_size // {heads}]", clause)
        return re.sub(r"\] for 4\b", f"] for {side}_layers", clause)


def _list_changes(prefix: str) -> Iterator[Change]:
    """Yield the changes that let a config state the objects: as a whole, in the place of its fields."""
    for side in _SIDES:
        config = f"{prefix}{side}_config"
        fields = {f"{prefix}{side}_{name}": kind for name, kind in _SIZES.items()}
        members = {f"{config}.{name}": f"a{kind}" for name, kind in _SIZES.items()}
        yield SetFields({config: "ad"} | fields | members)
        names = (*_SIZES, *_UNSIZED)
        yield Append("given", tuple(f"{config} is None or contains({config}, {name!r})" for name in names))
        for name in _SIZES:
            field = f"{prefix}{side}_{name}"
            direct, stated = f"{field} = {field} where {config} is None", f"{config}.{name} where not {config} is None"
            yield Append("rules", (direct, f"{field} = {stated}"))


def _list_defaults(prefix: str) -> dict[str, Any]:
    """Return the objects and their members, which are null where a config does not state them."""
    objects = [f"{prefix}{side}_config" for side in _SIDES]
    return dict.fromkeys([*objects, *(f"{path}.{name}" for path in objects for name in _SIZES)])


def _read_inside() -> Record:
    """Return what was learned of the model inside FastSpeech2ConformerWithHifiGan, as the record of its own class."""
    whole = json.loads(_LEARNED.read_text())["classes"][_WHOLE]
    clauses = {
        section: [clause.replace(_INSIDE, "") for clause in whole[section] if _OTHER not in clause]
        for section in ("given", "assumed", "rules")
    }
    fields = {path.removeprefix(_INSIDE): kinds for path, kinds in whole["fields"].items() if path.startswith(_INSIDE)}
    tensors = [clause.replace(_INSIDE, "") for clause in whole["tensors"] if clause.startswith("model.")]
    return {"fields": fields, **clauses, "tensors": [clause.removeprefix("model.") for clause in tensors]}


def _side(**changed: Any) -> dict[str, Any]:
    """Return an object with every member that transformers reads."""
    sizes = {"num_attention_heads": 3, "layers": 2, "kernel_size": 5, "linear_units": 20, "concat_after": True}
    return sizes | dict.fromkeys(_UNSIZED, 0.1) | {"normalize_before": False} | changed


_SMALL = {
    "hidden_size": 24, "encoder_layers": 3, "decoder_layers": 1, "encoder_num_attention_heads": 2,
    "decoder_num_attention_heads": 4, "encoder_linear_units": 28, "decoder_linear_units": 36, "encoder_kernel_size": 3,
    "decoder_kernel_size": 9, "decoder_concat_after": True, "speech_decoder_postnet_units": 16, "num_mel_bins": 10,
    "encoder_normalize_before": True,
}  # fmt: skip
_PROOFS: tuple[dict[str, Any], ...] = (
    {},
    _SMALL,
    _SMALL | {"encoder_config": _side(layers=4, num_attention_heads=6)},
    _SMALL | {"decoder_config": _side(concat_after=False, kernel_size=4)},
    _SMALL | {"encoder_config": _side(linear_units=50), "decoder_config": _side(layers=3)},
    _SMALL | {"decoder_config": _side(layers=0), "use_cnn_in_conformer": False},
)
_REFUSED: tuple[dict[str, Any], ...] = (
    {"encoder_config": {"layers": 3}},
    {"decoder_config": None},
    {"encoder_config": _side(layers="3")},
    {"decoder_config": _side(linear_units=None)},
    {"encoder_kernel_size": 4},
)
_REASON = (
    "FastSpeech2ConformerEncoder reads encoder_config and decoder_config, objects that the config class makes of its "
    "fields unless they are stated. The compiler varies no object, and pins the fields that it is made of."
)
_DILATIONS = "vocoder_config.resblock_dilation_sizes"
_ONE_LENGTH = f"{_DILATIONS} is None or digest({_DILATIONS}) == {digest([[1, 3, 5]] * 3)!r}"

OVERRIDES: Mapping[str, Override] = {
    "fastspeech2_conformer": Override(
        reason=f"{_REASON} Of this class alone it learned the defaults.",
        classes={_MODEL: (Write(_read_inside()), _Free(), *_list_changes(""))},
        proofs=_PROOFS,
        refused=_REFUSED,
        defaults=_list_defaults(""),
    ),
    "fastspeech2_conformer_with_hifigan": Override(
        reason=(
            f"{_REASON} Nor does it vary resblock_dilation_sizes, a list of lists that is null by default, though each "
            "residual block of the vocoder has as many convolutions as one of these lists has items."
        ),
        classes={_WHOLE: (_Free(_INSIDE, "model."), *_list_changes(_INSIDE), Append("given", (_ONE_LENGTH,)))},
        proofs=tuple({"model_config": config} for config in _PROOFS),
        refused=(
            *({"model_config": config} for config in _REFUSED),
            {"vocoder_config": {"resblock_dilation_sizes": [[1, 3], [1, 3], [1, 3]]}},
        ),
        defaults=_list_defaults(_INSIDE),
    ),
}

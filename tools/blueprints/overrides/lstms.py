"""LSTMs of any number of layers, up to eight: the layers of torch.nn.LSTM are numbered at the end of their names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.blueprints.overrides.changes import Override, Record, StaleOverride

_MAX_LAYERS = 8
_LAYER = re.compile(r"(?P<name>.*\.lstm\.(?:weight|bias)_[ih]h_l)(?P<number>\d+) (?P<shape>\[.*?\])(?P<rest>.*)")
_WHERE = " where "


@dataclass(frozen=True, slots=True)
class CountLayers:
    """Make a field the number of layers of each LSTM, in place of the clause that knows two only."""

    path: str

    def apply(self, record: Record, learned: Mapping[str, Record]) -> None:  # noqa: ARG002
        pin = f"{self.path} == 2"
        if pin not in record["given"]:
            raise StaleOverride(f"given does not hold {pin!r}")
        bounds = (f"{self.path} > 0", f"{self.path} <= {_MAX_LAYERS}")
        record["given"] = [*(clause for clause in record["given"] if clause != pin), *bounds]
        record["fields"] = dict(sorted({**record["fields"], self.path: "i"}.items()))
        record["tensors"] = [line for clause in record["tensors"] for line in self._count(clause)]

    def _count(self, clause: str) -> list[str]:
        match = _LAYER.fullmatch(clause)
        if match is None or match["number"] == "0":
            return [clause]
        blocks, where, guard = match["rest"].partition(_WHERE)
        both = f" and {guard}" if where else ""
        return [
            f"{match['name']}{number} {match['shape']}{blocks}{_WHERE}{self.path} > {number}{both}"
            for number in range(1, _MAX_LAYERS)
        ]


def _override(path: str, small: Mapping[str, Any], *classes: str) -> Override:
    return Override(
        reason=f"torch.nn.LSTM has {path} layers, and numbers them inside of names. The compiler saw two of them.",
        classes=dict.fromkeys(classes, (CountLayers(path),)),
        proofs=({}, *({**small, path: number} for number in (1, 3, _MAX_LAYERS))),
        refused=({**small, path: 0}, {**small, path: _MAX_LAYERS + 1}),
    )


_ENCODER = {"encoder_config": {"num_hidden_layers": 1}, "decoder_hidden_size": 24}
OVERRIDES: Mapping[str, Override] = {
    "parakeet_rnnt": _override("num_decoder_layers", _ENCODER, "ParakeetForRNNT"),
    "parakeet_tdt": _override("num_decoder_layers", _ENCODER, "ParakeetForTDT"),
    "wavtokenizer": _override("num_lstm_layers", {}, "WavTokenizerModel"),
    "wavtokenizer_encoder": _override("num_lstm_layers", {}, "WavTokenizerEncoderModel"),
}

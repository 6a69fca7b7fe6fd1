"""Lists whose length sizes something, and that the compiler did not vary."""

from collections.abc import Mapping

from tools.blueprints.overrides.changes import Override, Rewrite, SetFields

_AUTOFORMER = {"prediction_length": 24}
_LAGS = (SetFields({"lags_sequence": "I"}), Rewrite("rules", "input_size * 7 +", "input_size * len(lags_sequence) +"))

OVERRIDES: Mapping[str, Override] = {
    "autoformer": Override(
        reason=(
            "AutoformerConfig.feature_size has input_size features for each of lags_sequence. By default that is a "
            "tuple, whose length the compiler takes for a constant."
        ),
        classes={"AutoformerForPrediction": _LAGS, "AutoformerModel": _LAGS},
        proofs=(
            _AUTOFORMER,
            _AUTOFORMER | {"lags_sequence": [1, 2, 3]},
            _AUTOFORMER | {"lags_sequence": [1, 2, 3, 4, 5, 6, 7, 11, 13], "input_size": 2, "num_time_features": 4},
        ),
        refused=(_AUTOFORMER | {"lags_sequence": 7}, _AUTOFORMER | {"lags_sequence": None}),
    ),
}

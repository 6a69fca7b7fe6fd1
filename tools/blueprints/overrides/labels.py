"""Classes whose config declares the number of labels as a field of its own."""

from collections.abc import Mapping

from tools.blueprints.overrides.changes import Override, Remove

_SMALL = {"hidden_sizes": [8, 16, 24, 40], "num_attention_heads": [1, 2, 3, 5], "depths": [1, 1, 2, 1]}

OVERRIDES: Mapping[str, Override] = {
    "pvt": Override(
        reason=(
            "PvtConfig declares num_labels, and id2label says how many there are, as for any config. The compiler "
            "varies labels by id2label only, and took the declared field for one that nothing changes."
        ),
        classes={"PvtForImageClassification": (Remove("assumed", frozenset(("num_labels == 1000",))),)},
        proofs=(
            _SMALL,
            _SMALL | {"id2label": {str(label): f"LABEL_{label}" for label in range(3)}},
            _SMALL | {"id2label": {str(label): f"LABEL_{label}" for label in range(1001)}},
        ),
        refused=({"hidden_act": "prelu"},),
    ),
}

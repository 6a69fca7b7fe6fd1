"""Parts that models share are counted once: what is kept of them changes no count and no limit."""

from __future__ import annotations

import pytest

from paramcount.counting.count import Options, count
from paramcount.counting.freezing import Rule
from paramcount.counting.parts import PARTS
from paramcount.formats.detect import read
from paramcount.model.budget import Limits
from paramcount.model.document import Document
from paramcount.model.errors import Problems
from paramcount.model.layers import Layer
from paramcount.schema.registry import FORMATS


def document(classes: int, name: str = "densenet121") -> Document:
    return read({"library": "timm", "name": name, "num_classes": classes}, FORMATS["named"])._replace(counts=None)


def without_keys(layer: Layer) -> Layer:
    return layer._replace(cache_key=b"", children=tuple(map(without_keys, layer.children)))


@pytest.mark.parametrize("name", ["densenet121", "resnet18", "vit_tiny_patch16_224", "xcit_nano_12_p8_224"])
@pytest.mark.parametrize(
    "options",
    [Options(), Options(dtype="BF16"), Options(convention="keras"), Options((Rule("*.0.*", trainable=False),))],
)
def test_same_count(name: str, options: Options) -> None:
    PARTS.clear()
    for classes in (5, 6, 6):
        model = document(classes, name)
        expected = count(model._replace(root=without_keys(model.root)), options)
        assert count(model, options) == expected


@pytest.mark.parametrize("limits", [Limits(max_layers=100), Limits(max_tensors=50), Limits(max_depth=3)])
def test_same_limits(limits: Limits) -> None:
    PARTS.clear()
    details = []
    for model in (document(5), document(6), document(7)):
        with pytest.raises(Problems) as refused:
            count(model, limits=limits)
        details.append([problem.code for problem in refused.value.problems])
        count(model)  # within the limits, so that its parts are kept
    assert details[0] == details[1] == details[2]

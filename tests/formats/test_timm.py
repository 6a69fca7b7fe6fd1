"""timm: the config.json of a model on the Hub, counted and refused. The totals are those that timm 1.0.31 reports."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.model.errors import Problems
from paramcount.requests.envelope import load_envelope
from paramcount.schema.registry import FORMATS

CFG = {"input_size": [3, 224, 224], "fixed_input_size": False, "num_classes": 1000}


def config(name: str, args: dict[str, Any] | None = None, **cfg: Any) -> dict[str, Any]:
    return {"architecture": name, "num_features": 1, "model_args": args or {}, "pretrained_cfg": CFG | cfg}


@pytest.mark.parametrize(
    ("payload", "total"),
    [
        (config("resnet18"), 11689512),
        (config("resnet18", {"in_chans": 1, "num_classes": 1000, "global_pool": "avg"}), 11683240),
        (config("resnet18", input_size=[1, 224, 224]), 11683240),
        (config("resnet18", {"num_classes": 0}), 11176512),
        (config("resnet18", num_classes=0), 11176512),
        (config("resnet18", num_classes=10), 11176512 + 5130),
        ({**config("resnet18"), "num_classes": 10}, 11176512 + 5130),
        (config("resnet18", {"num_classes": 10, "global_pool": "catavgmax"}), 11176512 + 10250),
        (config("resnet18", {"num_classes": 10, "drop_rate": 0.1}), 11176512 + 5130),
        # A config that timm wrote before it had a pretrained_cfg.
        ({"architecture": "resnet18", "num_classes": 10, "input_size": [3, 224, 224]}, 11176512 + 5130),
        (config("convnext_small", {"in_chans": 4, "global_pool": "", "num_classes": 1000}), 50225224),
        (config("mobilenetv3_small_100", {"num_classes": 0}), 1517856),
        (config("efficientnet_l2", {"in_chans": 4}), 480310532),
        (config("deit_small_patch16_224", {"img_size": [224, 224]}, fixed_input_size=True), 22050664),
        (config("deit_small_patch16_224", {"dynamic_img_size": True}, fixed_input_size=True), 22050664),
        # 14·14 patches of 16 pixels, and a class token: 192 values each. A size of 240 by 239 has 15·14.
        (config("vit_tiny_patch16_224", {"num_classes": 0}, fixed_input_size=True), 5524416),
        (
            config("vit_tiny_patch16_224", {"num_classes": 0, "img_size": [240, 239]}, fixed_input_size=True),
            5524416 + 192 * 14,
        ),
        (
            config("vit_tiny_patch16_224", {"num_classes": 0, "img_size": 96}, fixed_input_size=True),
            5524416 - 192 * (196 - 36),
        ),
        (
            config("vit_tiny_patch16_224", {"num_classes": 0}, fixed_input_size=True, input_size=[3, 384, 384]),
            5524416 + 192 * (576 - 196),
        ),
        # Where the size is not fixed, it is that of the function: 224, and not the 384 of the name.
        (config("vit_tiny_patch16_384", {"num_classes": 0, "dynamic_img_size": True}, fixed_input_size=True), 5524416),
        (
            config(
                "vit_tiny_patch16_384",
                {"num_classes": 0, "dynamic_img_size": True, "img_size": 384},
                fixed_input_size=True,
            ),
            5524416 + 192 * (576 - 196),
        ),
    ],
)
def test_counted(payload: dict[str, Any], total: int) -> None:
    assert detect(payload).name == "timm"
    report = count(read(payload, FORMATS["timm"]))
    assert (report.root.totals.trainable, report.exact) == (total, True)


def test_buffers() -> None:
    report = count(read(config("resnet18"), FORMATS["timm"]))
    assert report.root.totals.buffers == 9620  # 20 norms: twice 4,800 channels, and a counter each


def test_rows_have_classes() -> None:
    report = count(read(config("resnet18"), FORMATS["timm"]))
    rows = {row.path: (row.type, row.totals.trainable) for row, _ in report.root.walk()}
    assert rows["conv1"] == ("Conv2d", 9408)
    assert rows["layer1.0-1"] == ("BasicBlock", 2 * 73984)
    assert rows["fc"] == ("Linear", 513000)


def test_tied_modules_are_counted_once() -> None:
    report = count(read(config("coat_lite_mini", input_size=[3, 224, 224]), FORMATS["timm"]))
    assert report.root.totals.trainable == 11011560


@pytest.mark.parametrize(
    ("payload", "pointer"),
    [
        (config("resnet19"), "/architecture"),
        (config("timm/resnet18.a1_in1k"), "/architecture"),
        (config("resnet18", num_classes="10"), "/pretrained_cfg/num_classes"),
        (config("resnet18", num_classes=-1), "/pretrained_cfg/num_classes"),
        (config("resnet18", {"num_classes": 2**70}), "/model_args/num_classes"),
        (config("resnet18", {"in_chans": 0}), "/model_args/in_chans"),
        (config("resnet18", {"global_pool": "token"}), "/model_args/global_pool"),
        (config("resnet18", {"global_pool": 3}), "/model_args/global_pool"),
        (config("resnet18", {"img_size": 224}), "/model_args/img_size"),
        (config("resnet18", {"block_args": {"attn_layer": "eca"}}), "/model_args/block_args"),
        (config("resnet18", {"features_only": True}), "/model_args/features_only"),
        (config("resnet18", input_size=[3, 224]), "/pretrained_cfg/input_size"),
        (config("resnet18", input_size=["x", 224, 224]), "/pretrained_cfg/input_size/0"),
        (config("deit_small_patch16_224", {"img_size": 31}), "/model_args/img_size"),
        (config("deit_small_patch16_224", {"img_size": [224, 448, 3]}), "/model_args/img_size"),
        (config("deit_small_patch16_224", {"img_size": "224"}), "/model_args/img_size"),
        (config("swin_tiny_patch4_window7_224", {"img_size": 225}), "/model_args/img_size"),
        (config("swin_tiny_patch4_window7_224", {"img_size": [224, 448]}), "/model_args/img_size"),
        ({**config("resnet18"), "pretrained_cfg": 3}, "/pretrained_cfg"),
        ({**config("resnet18"), "architecture": 3}, "/architecture"),
    ],
)
def test_refused(payload: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Problems) as refused:
        read(payload, FORMATS["timm"])
    assert pointer in [problem.pointer for problem in refused.value.problems]


def test_it_is_no_envelope() -> None:
    request = load_envelope(b'{"architecture": "resnet18", "num_classes": 10, "pretrained_cfg": {}}')
    assert request.format == "timm"

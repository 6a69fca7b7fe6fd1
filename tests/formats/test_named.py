"""named: models by the names of their libraries. The totals are those that the libraries report."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.model.errors import Problems
from paramcount.schema.registry import FORMATS


def model(library: str, name: str, **arguments: Any) -> dict[str, Any]:
    return {"library": library, "name": name, **arguments}


@pytest.mark.parametrize(
    ("payload", "total"),
    [
        (model("timm", "resnet18"), 11689512),
        (model("timm", "resnet18.a1_in1k", num_classes=10), 11181642),
        (model("timm", "resnet18", num_classes=0, in_chans=1), 11176512 - 6272),
        (model("timm", "convnext_tiny.in12k"), 27820128 + 769 * 11821),  # a checkpoint of 11,821 classes
        (model("torchvision", "resnet18"), 11689512),
        (model("torchvision", "resnet18", num_classes=10), 11181642),
        (model("torchvision", "vit_b_16"), 86567656),
        (model("torchvision", "fasterrcnn_resnet50_fpn"), 41808406),
        (model("torchvision", "deeplabv3_resnet50"), 39638869),
        (model("open_clip", "ViT-B-32"), 151277313),
        (model("open_clip", "ViT-B-32", init_logit_bias=-10), 151277314),
        (model("transformers", "GPT2LMHeadModel", model_type="gpt2"), 124439808),
        (model("transformers", "GPT2LMHeadModel", model_type="gpt2", n_layer=0), 124439808 - 12 * 7087872),
        (model("diffusers", "UNet2DConditionModel", cross_attention_dim=768), 859520964),
    ],
)
def test_counted(payload: dict[str, Any], total: int) -> None:
    assert detect(payload).name == "named"
    report = count(read(payload, FORMATS["named"]))
    assert report.root.totals.trainable == total


@pytest.mark.parametrize(
    ("payload", "pointer"),
    [
        (model("tim", "resnet18"), "/library"),
        (model("jax", "ResNet50"), "/library"),
        ({"library": 3, "name": "resnet18"}, "/library"),
        ({"library": "timm", "name": None}, "/name"),
        (model("timm", "resnet19"), "/name"),
        (model("timm", "resnet18.a9"), "/name"),
        (model("timm", "timm/resnet18.a1_in1k"), "/name"),
        (model("transformers", "meta-llama/Llama-3.1-8B"), "/name"),
        (model("timm", "resnet18", classes=10), "/classes"),
        (model("timm", "resnet18", num_classes=-1), "/num_classes"),
        (model("torchvision", "resnet18", in_chans=1), "/in_chans"),
        (model("torchvision", "raft_small", num_classes=2), "/num_classes"),
        (model("open_clip", "ViT-B-33"), "/name"),
        (model("open_clip", "ViT-B-32", embed_dim="x"), "/model_cfg/embed_dim"),
        (model("transformers", "NoModel"), "/architectures/0"),
        (model("diffusers", "NoModel"), "/_class_name"),
    ],
)
def test_refused(payload: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Problems) as refused:
        read(payload, FORMATS["named"])
    assert pointer in [problem.pointer for problem in refused.value.problems]


def test_a_native_model_may_have_a_name() -> None:
    layers = [{"type": "Dense", "units": 3}]
    assert detect({"name": "mlp", "framework": "keras", "input_shape": [4], "layers": layers}).name == "native"

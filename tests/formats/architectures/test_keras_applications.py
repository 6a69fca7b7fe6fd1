"""keras.applications by name: totals as Keras reports them, and what it or the table refuses."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.errors import Problems
from paramcount.schema.registry import FORMATS


def keras(name: str, **arguments: Any) -> dict[str, Any]:
    return {"library": "keras", "name": name, **arguments}


HEADLESS = {"include_top": False}


@pytest.mark.parametrize(
    ("payload", "total", "trainable"),
    [
        (keras("ResNet50"), 25636712, 25583592),
        (keras("ResNet50", weights="imagenet"), 25636712, 25583592),
        (keras("ResNet50", classes=10), 25636712 - 990 * 2049, 25583592 - 990 * 2049),
        (keras("ResNet50", pooling="avg", **HEADLESS), 23587712, 23534592),
        (keras("ResNet50", input_shape=[64, 64, 1]), 25636712 - 2 * 49 * 64, 25583592 - 2 * 49 * 64),
        (keras("VGG16"), 138357544, 138357544),
        (keras("VGG16", classes=7), 134289223, 134289223),
        (keras("VGG16", input_shape=[None, None, 3], **HEADLESS), 14714688, 14714688),
        # Its first convolution is of one channel, fc1 of 2·2·512 values and not of 7·7·512, its classes are 10.
        (keras("VGG16", input_shape=[64, 64, 1], classes=10, classifier_activation=None), 39928522, 39928522),
        # The same of 1·2·512, since 63 pixels are halved to one.
        (keras("VGG16", input_shape=[63, 64, 1], classes=10), 39928522 - 2 * 512 * 4096, 39928522 - 2 * 512 * 4096),
        (keras("DenseNet121", classes=7), 7044679, 6961031),
        (keras("InceptionV3", **HEADLESS), 21802784, 21768352),
        (keras("EfficientNetB0", **HEADLESS), 4049571, 4007548),
        # Normalization has a mean and a variance for each channel; the stem is 3·3·2·32 smaller.
        (keras("EfficientNetB0", input_shape=[32, 32, 1], **HEADLESS), 4049571 - 4 - 576, 4007548 - 576),
        (keras("EfficientNetV2S"), 21612360, 21458488),
        (keras("ConvNeXtTiny", **HEADLESS), 27820128, 27820128),
        (keras("NASNetMobile", classes=7), 4277115, 4240377),
        (keras("NASNetLarge", **HEADLESS), 84916818, 84720150),
        (keras("MobileNet", alpha=0.5), 1342536, 1331592),
        (keras("MobileNet", depth_multiplier=2, classes=5), 6438053, 6406245),
        (keras("MobileNet", **HEADLESS), 3228864, 3206976),
        (keras("MobileNetV2", alpha=1), 3538984, 3504872),
        (keras("MobileNetV2", alpha=1.3), 5431048, 5386792),
        (keras("MobileNetV3Large", alpha=0.75, include_preprocessing=False), 4012616, 3993528),
        (keras("MobileNetV3Small", alpha=1.25, minimalistic=False), 3660640, 3645312),
        (keras("MobileNetV3Small", classes=7, input_shape=[None, None, 3]), 1537143, 1525031),
    ],
)
def test_counted(payload: dict[str, Any], total: int, trainable: int) -> None:
    report = count(read(payload, FORMATS["named"]))
    totals = report.root.totals
    assert (totals.trainable, totals.frozen + totals.buffers, report.exact) == (trainable, total - trainable, True)


@pytest.mark.parametrize(
    ("payload", "pointers"),
    [
        (keras("ResNet51"), ["/name"]),
        (keras("resnet50"), ["/name"]),
        (keras("ResNet50", classes=0), ["/classes"]),
        (keras("ResNet50", classes=True), ["/classes"]),
        (keras("ResNet50", classes=10.0, include_top=1), ["/include_top", "/classes"]),
        (keras("ResNet50", pooling="sum"), ["/pooling"]),
        (keras("ResNet50", alpha=0.5), ["/alpha"]),
        (keras("ResNet50", num_classes=10), ["/num_classes"]),
        (keras("ResNet50", input_shape=[224, 224]), ["/input_shape"]),
        (keras("ResNet50", input_shape=224), ["/input_shape"]),
        (keras("ResNet50", input_shape=[31, 224, 0]), ["/input_shape/2", "/input_shape/0"]),
        (keras("ResNet50", input_shape=[None, 224, 3]), ["/input_shape/0"]),
        (keras("Xception", input_shape=[70, 71, 3]), ["/input_shape/0"]),
        (keras("InceptionV3", input_shape=[75, 74, 3]), ["/input_shape/1"]),
        (keras("ResNet50", input_shape=[224, 224, None], **HEADLESS), ["/input_shape/2"]),
        (keras("ResNet50", weights="noisy"), ["/weights"]),
        (keras("ResNet50", weights="imagenet", classes=10), ["/classes"]),
        (keras("ResNet50", weights="imagenet", input_shape=[64, 64, 3]), ["/input_shape"]),
        (keras("ResNet50", weights="imagenet", input_shape=[64, 64, 1], **HEADLESS), ["/input_shape"]),
        (keras("MobileNet", alpha=0.3), ["/alpha"]),
        (keras("MobileNet", alpha="1.0"), ["/alpha"]),
        (keras("MobileNet", alpha=2**80), ["/alpha"]),
        (keras("MobileNet", depth_multiplier=1.5), ["/depth_multiplier"]),
        (keras("MobileNetV2", depth_multiplier=1), ["/depth_multiplier"]),
        (keras("MobileNetV3Small", minimalistic=1), ["/minimalistic"]),
        (keras("VGG16", include_preprocessing=True), ["/include_preprocessing"]),
    ],
)
def test_refused(payload: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(Problems) as refused:
        read(payload, FORMATS["named"])
    assert [problem.pointer for problem in refused.value.problems] == pointers

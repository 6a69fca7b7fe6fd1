"""Fields that size something and that the compiler did not vary: only the value that was verified of one is counted.

Most are lists of lists, of objects, or of numbers that are null by default: the class fills them in itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from tools.blueprints.clauses import equal_to
from tools.blueprints.overrides.changes import Append, Override, SetFields

_KERNELS = [
    [[3, 3], [3, 3], [3, 3]],
    [[3, 3], [1, 3], [3, 3], [3, 1]],
    [[3, 3], [3, 3], [3, 1], [1, 3]],
    [[3, 3], [3, 1], [1, 3], [3, 3]],
]
_STRIDES = [[1, 2, 1], [2, 1, 1, 1], [2, 1, 1, 1], [2, 1, 1, 1]]
_FACTORS = [4, 2, 1, 0.5]
_SCALES = [4.0, 2.0, 1.0, 0.5]
_BIASES = [{"type": "1d"}, {"type": "horizontal"}, {"type": "vertical"}]
_RATIOS = [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]]
_DILATIONS = [[1, 3, 9, 27]] * 3
_TILES = "Embeddings of tiles have a row for each of supported_aspect_ratios, a list of lists."
_HEAD = "The attention takes head_dim where a config states it. The compiler did not, or knows the defaults only."
_NECK = "Sam3VisionNeck builds a layer for each of scale_factors, with the convolutions that its value needs."
_REASSEMBLY = (
    "The reassemble stage has a layer for each of reassemble_factors, with a convolution that its value needs."
)


@dataclass(frozen=True, slots=True)
class Pin:
    """One value of a field is counted, and no other."""

    path: str
    value: Any
    other: Any
    """A value that must be refused."""
    filled_in: bool = True
    """The field is null by default, and the class fills in the value."""
    beside: Mapping[str, Any] = field(default_factory=dict)
    """Members that a config inside must state beside the other value, to be refused for that alone."""

    def to_clause(self) -> str:
        """Return what must hold of a config."""
        equal = equal_to(self.path, self.value)
        return f"{self.path} is None or {equal}" if self.filled_in and self.value is not None else equal


def _override(reason: str, classes: tuple[str, ...], *pins: Pin) -> Override:
    stated = tuple(_nest(pin.path, pin.value) for pin in pins if pin.value is not None)
    return Override(
        reason=reason,
        classes=dict.fromkeys(classes, (Append("given", tuple(pin.to_clause() for pin in pins)),)),
        proofs=({}, *stated),
        refused=tuple(_nest(pin.path, pin.other, pin.beside) for pin in pins),
    )


def _nest(path: str, value: Any, beside: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """Return the config that states one field, and others beside it."""
    *parts, name = path.split(".")
    config = {name: value, **beside}
    for part in reversed(parts):
        config = {part: config}
    return config


def _scales(path: str, name: str) -> Override:
    return _override(_NECK, (name,), Pin(path, _SCALES, _SCALES[:3]))


OVERRIDES: Mapping[str, Override] = {
    "apertus1p5": _override(
        _HEAD, ("Apertus1p5ForConditionalGeneration", "Apertus1p5Model"), Pin("text_config.head_dim", None, 16)
    ),
    "chmv2": _override(_REASSEMBLY, ("CHMv2ForDepthEstimation",), Pin("reassemble_factors", _FACTORS, [4, 2, 1, 1])),
    "depth_pro": _override(
        _HEAD,
        ("DepthProForDepthEstimation",),
        Pin("image_model_config.head_dim", None, 16, beside={"image_size": 384}),
        Pin("patch_model_config.head_dim", None, 16, beside={"image_size": 384}),
    ),
    "efficientloftr": _override(
        _HEAD, ("EfficientLoFTRForKeypointMatching", "EfficientLoFTRModel"), Pin("head_dim", None, 16)
    ),
    "evolla": _override(_HEAD, ("EvollaForProteinText2Text", "EvollaModel"), Pin("head_dim", None, 16)),
    "gemma3n_audio": _override(
        "Gemma3nAudioSubSampleConvProjection is sized by the kernels and strides of its convolutions, lists of lists.",
        ("Gemma3nAudioEncoder",),
        Pin("sscp_conv_kernel_size", [[3, 3], [3, 3]], [[1, 3], [3, 3]], filled_in=False),
        Pin("sscp_conv_stride_size", [[2, 2], [2, 2]], [[2, 2], [2, 4]], filled_in=False),
    ),
    "mllama": _override(
        _TILES, ("MllamaVisionModel",), Pin("vision_config.supported_aspect_ratios", _RATIOS, _RATIOS[:7])
    ),
    "mllama_vision_model": _override(
        _TILES, ("MllamaVisionModel",), Pin("supported_aspect_ratios", _RATIOS, _RATIOS[:7])
    ),
    "nemotron_h_omni": _override(_HEAD, ("NemotronH_Omni_Reasoning_V3",), Pin("vision_config.head_dim", None, 16)),
    "phi4_multimodal": _override(
        _HEAD,
        ("Phi4MultimodalForCausalLM", "Phi4MultimodalModel"),
        Pin("head_dim", None, 16),
        Pin("audio_config.head_dim", None, 16),
    ),
    "qwen2_5_omni": _override(
        _HEAD, ("Qwen2_5OmniForConditionalGeneration",), Pin("thinker_config.text_config.head_dim", None, 16)
    ),
    "sam3_lite_text": _scales("vision_config.scale_factors", "Sam3LiteTextModel"),
    "sam3_tracker": _scales("vision_config.scale_factors", "Sam3TrackerModel"),
    "sam3_tracker_video": _scales("vision_config.scale_factors", "Sam3TrackerVideoModel"),
    "sam3_video": _scales("tracker_config.vision_config.scale_factors", "Sam3TrackerModel"),
    "sam3_vision_model": _scales("scale_factors", "Sam3VisionModel"),
    "step3p7": _override(
        "The head is tied where tie_word_embeddings says so. Of this class the compiler learned the defaults.",
        ("Step3p7ForConditionalGeneration",),
        Pin("tie_word_embeddings", False, True),
    ),
    "textnet": _override(
        (
            "TextNetStage builds a layer for each item of conv_layer_kernel_sizes and conv_layer_strides, branches "
            "following from them. The compiler knows the layers of the defaults only."
        ),
        ("TextNetBackbone", "TextNetForImageClassification", "TextNetModel"),
        Pin("conv_layer_kernel_sizes", _KERNELS, [*_KERNELS[:3], _KERNELS[3][:3]]),
        Pin("conv_layer_strides", _STRIDES, [*_STRIDES[:3], [2, 2, 1, 1]]),
    ),
    "timm_backbone": Override(
        reason="timm builds no stage after the last of out_indices. The compiler knows the whole backbone only.",
        classes={
            "TimmBackbone": (
                SetFields({"out_indices": "In"}),
                Append(
                    "given",
                    ("out_indices is None or contains(out_indices, 4) or contains(out_indices, -1)",),
                ),
            )
        },
        proofs=tuple(
            {"backbone": "resnet18", **one} for one in ({}, {"out_indices": [1, 4]}, {"out_indices": [-5, -1]})
        ),
        refused=({"backbone": "resnet18", "out_indices": [0, 3]}, {"backbone": "resnet18", "out_indices": [-2]}),
        defaults={"out_indices": None},
    ),
    "tipsv2_dpt": _override(
        _REASSEMBLY,
        ("Tipsv2DptForDepthEstimation", "Tipsv2DptForNormalEstimation", "Tipsv2DptForSemanticSegmentation"),
        Pin("reassemble_factors", _FACTORS, [4, 2, 1, 1]),
    ),
    "udop": _override(
        "RelativePositionBiasAggregated has a bias for each of relative_bias_args, a list of objects.",
        ("UdopEncoderModel", "UdopForConditionalGeneration", "UdopModel"),
        Pin("relative_bias_args", _BIASES, _BIASES[:2]),
    ),
    "univnet": _override(
        "UnivNetLvcResidualBlock has a layer for each item of a list of resblock_dilation_sizes.",
        ("UnivNetModel",),
        Pin("resblock_dilation_sizes", _DILATIONS, [*_DILATIONS[:2], [1, 3, 9]], filled_in=False),
    ),
    "uvdoc": _override(
        "UVDocPointPositions2D is as wide as out_point_positions2D says, a list of lists.",
        ("UVDocModel",),
        Pin("out_point_positions2D", [[128, 32], [32, 2]], [[128, 32], [32, 4]], filled_in=False),
    ),
    "videoprism": _override(
        _HEAD,
        ("VideoPrismClipModel",),
        Pin("vision_config.head_dim", None, 16),
        Pin("text_config.head_dim", None, 16),
    ),
    "xcodec": _override(
        "XcodecConfig has as many quantizers as target_bandwidths, a list of numbers, asks for.",
        ("XcodecModel",),
        Pin("target_bandwidths", [0.5, 1, 1.5, 2, 4], [0.5, 1, 1.5, 2], filled_in=False),
    ),
}

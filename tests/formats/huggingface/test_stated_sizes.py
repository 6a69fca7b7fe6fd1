"""Sizes that a config class derives unless they are stated: what a config states counts, or is refused.

The totals are those of the models that transformers 5.24.0 builds of these configs.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.formats.huggingface.configs import count_config, list_problems

TEXT = {"hidden_size": 48, "num_hidden_layers": 18, "n_routed_experts": 4, "moe_intermediate_size": 24}
VISION = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "text_hidden_size": 48}
INKLING = {"model_type": "inkling2_loop", "architectures": ["Inkling2LoopModel"], "text_config": TEXT}

SPEECH = {"model_type": "fastspeech2_conformer", "architectures": ["FastSpeech2ConformerModel"]}
SPOKEN = {"model_type": "fastspeech2_conformer_with_hifigan", "architectures": ["FastSpeech2ConformerWithHifiGan"]}
SIDE: dict[str, Any] = {
    "num_attention_heads": 3, "layers": 2, "kernel_size": 5, "linear_units": 20, "concat_after": True,
    "normalize_before": False, "dropout_rate": 0.1, "attention_dropout_rate": 0.1, "positional_dropout_rate": 0.1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("stated", "total"),
    [({}, 21920736), ({"intermediate_size": None}, 21920736), ({"intermediate_size": 40}, 21909296)],
)
def test_a_width_that_is_stated_is_not_derived(stated: dict[str, Any], total: int) -> None:
    report = count_config(INKLING | {"vision_config": VISION | stated})
    assert report.root.totals.trainable == total


@pytest.mark.parametrize(
    ("stated", "alone", "spoken"),
    [
        ({}, 6581859, 20507876),
        ({"encoder_config": SIDE}, 4803251, 18729268),
        ({"decoder_config": SIDE}, 4800947, 18726964),
        ({"encoder_layers": 9, "encoder_config": SIDE}, 4803251, 18729268),
    ],
)
def test_an_object_that_is_stated_replaces_the_fields_that_it_is_made_of(
    stated: dict[str, Any], alone: int, spoken: int
) -> None:
    config = {"hidden_size": 24} | stated
    assert count_config(SPEECH | config).root.totals.trainable == alone
    assert count_config(SPOKEN | {"model_config": config}).root.totals.trainable == spoken


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        (SPEECH | {"encoder_config": {"layers": 3}}, "/encoder_config"),
        (SPEECH | {"decoder_config": None}, "/decoder_config"),
        (
            SPOKEN | {"vocoder_config": {"resblock_dilation_sizes": [[1, 3]] * 3}},
            "/vocoder_config/resblock_dilation_sizes",
        ),
        ({"model_type": "textnet", "conv_layer_strides": [[1, 2]] * 4}, "/conv_layer_strides"),
        ({"model_type": "uvdoc", "out_point_positions2D": [[128, 32], [32, 4]]}, "/out_point_positions2D"),
        ({"model_type": "udop", "relative_bias_args": [{"type": "1d"}]}, "/relative_bias_args"),
        ({"model_type": "efficientloftr", "head_dim": 16}, "/head_dim"),
    ],
)
def test_what_sizes_something_and_was_not_verified_is_refused(config: dict[str, Any], pointer: str) -> None:
    assert pointer in [problem[0] for problem in list_problems(config)]

"""Random small configs of the small components of diffusers, and of UniDiffuser and AudioLDM 2."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tools.libraries.draws_unets import each_or_one, some


def _draw_sizes(names: tuple[str, ...], chance: random.Random) -> dict[str, Any]:
    return {name: chance.choice([1, 2, 3, 5, 8]) for name in names if chance.random() < 0.9}


def _draw_audioldm2(chance: random.Random) -> dict[str, Any]:
    count, groups = chance.choice([1, 2, 3, 4]), chance.choice([2, 4])

    def kinds(end: str) -> list[str]:
        return [f"{chance.choice(['', 'CrossAttn', 'CrossAttn', 'UNetRes'])}{end}Block2D" for _ in range(count)]

    def context() -> Any:
        listed = [chance.choice([None, 5, 6]) for _ in range(chance.choice([1, 2, 3, 4, 4]))]
        return chance.choice([5, listed, listed, [4] * 5 if chance.random() < 0.1 else 6])

    return {
        "block_out_channels": [groups * chance.choice([1, 2, 3]) for _ in range(count)], "norm_num_groups": groups,
        "down_block_types": kinds("Down"), "up_block_types": kinds("Up"), "in_channels": 3, "out_channels": 2,
        "cross_attention_dim": [context() for _ in range(count)] if chance.random() < 0.8 else 5,
        "attention_head_dim": each_or_one(chance, count, 1, 2), "layers_per_block": each_or_one(chance, count, 1, 2),
    } | some(chance, {
        "only_cross_attention": [True, [chance.random() < 0.5 for _ in range(count)]],
        "transformer_layers_per_block": [2, each_or_one(chance, count, 1, 2)], "use_linear_projection": [True],
        "class_embed_type": ["timestep", "identity", "projection", "simple_projection"], "num_class_embeds": [5],
        "resnet_time_scale_shift": ["scale_shift"], "time_embedding_dim": [12], "time_cond_proj_dim": [6],
        "conv_in_kernel": [1], "conv_out_kernel": [5], "projection_class_embeddings_input_dim": [9],
        "class_embeddings_concat": [True],
    })  # fmt: skip


def _draw_audioldm2_projection(chance: random.Random) -> dict[str, Any]:
    return {
        "text_encoder_dim": chance.choice([3, 4]), "text_encoder_1_dim": chance.choice([3, 5]),
        "langauge_model_dim": chance.choice([4, 6]),
    } | some(chance, {"use_learned_position_embedding": [True, False], "max_seq_length": [7]}, 0.5)  # fmt: skip


def _draw_stable_audio(chance: random.Random) -> dict[str, Any]:
    config = {"text_encoder_dim": chance.choice([3, 4]), "conditioning_dim": chance.choice([3, 4, 5])}
    return config | ({"min_value": 0, "max_value": 512} if chance.random() < 0.9 else {})


def _draw_text_decoder(chance: random.Random) -> dict[str, Any]:
    return {
        "prefix_length": 3, "prefix_inner_dim": chance.choice([6, 8]), "n_embd": chance.choice([6, 8]),
        "n_head": chance.choice([1, 2, 3]), "n_layer": chance.choice([1, 2]), "vocab_size": chance.choice([5, 9]),
        "n_positions": 7,
    } | some(chance, {
        "prefix_hidden_dim": [5], "n_inner": [10], "activation_function": ["gelu", "relu"],
        "scale_attn_weights": [False],
    }, 0.5)  # fmt: skip


def _draw_unidiffuser(chance: random.Random) -> dict[str, Any]:
    return {
        "text_dim": 5, "clip_img_dim": 6, "num_text_tokens": 4, "num_attention_heads": chance.choice([1, 2]),
        "attention_head_dim": chance.choice([4, 6]), "in_channels": 3, "out_channels": chance.choice([2, 3, 3, None]),
        "num_layers": chance.choice([1, 2, 4, 5]), "sample_size": chance.choice([4, 5]), "patch_size": 2,
    } | some(chance, {
        "cross_attention_dim": [7], "attention_bias": [True], "activation_fn": ["gelu"], "num_embeds_ada_norm": [9],
        "only_cross_attention": [True], "norm_type": ["ada_norm"], "block_type": ["other"], "pre_layer_norm": [True],
        "use_timestep_embedding": [True], "norm_elementwise_affine": [False], "use_patch_pos_embed": [True],
        "use_data_type_embedding": [True],
    })  # fmt: skip


def _draw_qwen_control(chance: random.Random) -> dict[str, Any]:
    return {
        "in_channels": chance.choice([3, 4]), "num_layers": chance.choice([1, 3]),
        "attention_head_dim": chance.choice([4, 8]), "num_attention_heads": chance.choice([1, 2]),
        "joint_attention_dim": chance.choice([5, 6]),
    } | some(chance, {
        "patch_size": [1], "out_channels": [None, 3], "axes_dims_rope": [[2, 4, 6], [2, 3, 4]],
        "extra_condition_channels": [0, 2, 4],
    })  # fmt: skip


def _draw_z_image_control(chance: random.Random) -> dict[str, Any]:
    sizes = chance.choice([1, 2, 3])
    return {
        "control_layers_places": chance.choice([[0], [0, 5, 10], [3, 0, 1, 0], [1, 2], list(range(6))]),
        "control_in_dim": chance.choice([3, 4, 4]), "dim": chance.choice([6, 7, 12, 300]),
        "n_heads": chance.choice([1, 2, 3]),
        "all_patch_size": [chance.choice([1, 2, 4]) for _ in range(sizes)],
        "all_f_patch_size": [chance.choice([1, 2]) for _ in range(sizes)],
    } | some(chance, {
        "add_control_noise_refiner": ["control_layers", "control_noise_refiner", "control_noise_refiner"],
        "control_refiner_layers_places": [[0, 1]], "n_refiner_layers": [1, 3], "n_kv_heads": [1], "qk_norm": [False],
    }, 0.5)  # fmt: skip


DRAWS_OF_SMALL: Mapping[str, Callable[[random.Random], dict[str, Any]]] = {
    "AudioLDM2ProjectionModel": _draw_audioldm2_projection,
    "AudioLDM2UNet2DConditionModel": _draw_audioldm2,
    "CLIPImageProjection": partial(_draw_sizes, ("hidden_size",)),
    "QwenImageControlNetModel": _draw_qwen_control,
    "ReduxImageEncoder": partial(_draw_sizes, ("redux_dim", "txt_in_features")),
    "StableAudio3DurationEmbedder": partial(_draw_sizes, ("output_dim", "fourier_dim", "min_freq", "max_freq")),
    "StableAudioProjectionModel": _draw_stable_audio,
    "UniDiffuserModel": _draw_unidiffuser,
    "UniDiffuserTextDecoder": _draw_text_decoder,
    "ZImageControlNetModel": _draw_z_image_control,
}

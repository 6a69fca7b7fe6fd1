"""Random adapter_config.json files for a model."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

Config = dict[str, Any]


def draw_config(chance: random.Random, peft_type: str, base: str, model: Any) -> Config:
    """Draw a config of a method for a model; most make sense."""
    names = [name for name, module in model.named_modules() if name and next(module.parameters(), None) is not None]
    config = {"peft_type": peft_type, **DRAWERS[peft_type](chance, names)}
    config["task_type"] = chance.choice(_list_tasks(base, model))
    if peft_type in PROMPTS:
        return config | {"task_type": config["task_type"] or "CAUSAL_LM"}
    leaves = [
        name
        for name, module in model.named_modules()
        if name and not list(module.children()) and hasattr(module, "weight")
    ]
    if peft_type == "LN_TUNING":
        leaves = [name for name in leaves if "norm" in name.lower() or "ln" in name]
    matrices = [name for name in leaves if model.get_submodule(name).weight.dim() > 1] or leaves
    matrices = [name for name in matrices if peft_type in _EMBEDDINGS or "emb" not in name.lower()] or matrices
    if peft_type != "TRAINABLE_TOKENS":
        config |= _draw_targets(chance, matrices, peft_type)
    if peft_type == "LORA" and chance.random() < 0.25:
        config |= draw_parameters(chance, model)
    if peft_type not in ("TRAINABLE_TOKENS", "IA3") and "modules_to_save" not in config and chance.random() < 0.2:
        config["modules_to_save"] = [_draw_suffix(chance, chance.choice(leaves))]
    if peft_type not in _WITHOUT_EXCLUDES and chance.random() < 0.2:
        excluded = chance.choice(leaves)
        ending = re.escape(excluded.rpartition(".")[2])
        config["exclude_modules"] = chance.choice(
            [[_draw_suffix(chance, excluded)], f".*{re.escape(excluded)}", rf"(?!.*\.1\.).*{ending}"]
        )
    if peft_type in _LAYERED and isinstance(config.get("target_modules"), list) and chance.random() < 0.2:
        config["layers_to_transform"] = chance.choice([0, [0, 1], [1], [7]])
        if chance.random() < 0.4:
            config["layers_pattern"] = chance.choice(["layers", "layer", ["h", "layers"], "block"])
    if peft_type in _BIASED:
        config["bias"] = chance.choice(["none", "none", "all", _BIASED[peft_type]])
    return config


def _list_tasks(base: str, model: Any) -> list[str | None]:
    name = type(model).__name__
    for ending, task in (
        ("SequenceClassification", "SEQ_CLS"),
        ("TokenClassification", "TOKEN_CLS"),
        ("QuestionAnswering", "QUESTION_ANS"),
        ("CausalLM", "CAUSAL_LM"),
        ("LMHeadModel", "CAUSAL_LM"),
    ):
        if name.endswith(ending):
            return [task, task, None, "FEATURE_EXTRACTION"]
    return ["SEQ_2_SEQ_LM", None] if base in ("t5", "t5-gated", "bart", "whisper") else [None, "FEATURE_EXTRACTION"]


def _draw_suffix(chance: random.Random, name: str) -> str:
    """The last components of a name."""
    steps = name.split(".")
    return ".".join(steps[-chance.choice([1, 1, 1, 2, len(steps)]) :])


def _draw_targets(chance: random.Random, leaves: list[str], peft_type: str) -> Config:
    some = sorted(
        {_draw_suffix(chance, name) for name in chance.sample(leaves, min(len(leaves), chance.choice([1, 2, 3])))}
    )
    if peft_type == "IA3":
        return chance.choice(
            [
                {},
                {"target_modules": some, "feedforward_modules": some[:1]},
                {"target_modules": some, "feedforward_modules": []},
            ]
        )
    last = [name.rpartition(".")[2] for name in some]
    options: list[Config] = [
        {"target_modules": some}, {"target_modules": some}, {"target_modules": some}, {},
        {"target_modules": "all-linear"},
        {"target_modules": rf".*\.({'|'.join(map(re.escape, last))})"},
        {"target_modules": rf".*[02]\..*{re.escape(last[0])}$"},
        {"target_modules": rf"(?i).*\.\d+\..*\.?{last[0].upper()}"},
        {"target_modules": _draw_lookaround(chance, leaves, last)},
        {"target_modules": _draw_lookaround(chance, leaves, last)},
    ]  # fmt: skip
    return chance.choice(options)


def _draw_lookaround(chance: random.Random, leaves: list[str], last: list[str]) -> str:
    """Draw an expression that RE2 cannot run, as training tools write them."""
    step = re.escape(chance.choice(chance.choice(leaves).split(".")))
    words = "|".join(map(re.escape, last))
    return chance.choice(
        [
            rf"^(?!.*{step}).*(?:{words})$",
            rf"^(?!.*(?:lm_head|{step})).*(?:{words}).*",
            rf".*(?<!\.0\.)(?<!{step}\.)({words})",
            rf"^(?=.*{step})(?:(?!\.[02]\.).)*({words})$",
            rf".*(?<=\.)({words})(?!.)",
            rf".*\.([0-9])\.(?:(?!\1).)*({words})",
            rf".*?(?>{step}|x)?+.*(?:{words})",
        ]
    )


def _draw_lora(chance: random.Random, names: list[str]) -> Config:
    config: Config = {"r": chance.choice([1, 2, 4, 8])}
    if chance.random() < 0.25:
        config["use_dora"] = True
    elif chance.random() < 0.25:
        config["lora_bias"] = True
    if chance.random() < 0.1:
        config["init_lora_weights"] = chance.choice(["mica", "olora", "pissa", "gaussian", "orthogonal"])
    if chance.random() < 0.3:
        config["rank_pattern"] = {
            _draw_suffix(chance, chance.choice(names)): 3,
            chance.choice([r"^.*\.1\..*", "proj", ".*k.*", r"(?!.*\.1\.).*", r".*(?<!k)_proj"]): 6,
        }
    if chance.random() < 0.25:
        config["trainable_token_indices"] = _draw_tokens(chance, names)
    if chance.random() < 0.15:
        config |= _draw_tying(chance, names)
    if chance.random() < 0.1:
        config["layer_replication"] = chance.choice([[[0, 1], [0, 2]], [[0, 2], [1, 3]], [[0, 9]]])
    experts = [name for name in names if name.endswith("experts")]
    if experts and chance.random() < 0.4:
        config["target_parameters"] = chance.choice(
            [["experts.gate_up_proj"], ["mlp.experts.down_proj", "experts.gate_up_proj"], ["gate.weight"]]
        )
    return config


def _draw_tokens(chance: random.Random, names: list[str]) -> Any:
    """Draw trainable_token_indices: of the embedding, or by module, tied ones among them."""
    modules = [name for name in names if "embed" in name or "head" in name or name.endswith(("wte", "shared"))]
    some = [_draw_suffix(chance, name) for name in chance.sample(modules, min(len(modules), 2))]
    by_module = {name: chance.choice([[1, 2], [1, 2], [2]]) for name in some}
    return chance.choice([[0, 3, 5], [1], {"embed_tokens": [1, 2]}, {"embed_tokens": [1], "lm_head": [1]}, by_module])


def _draw_tying(chance: random.Random, names: list[str]) -> Config:
    heads = [name.rpartition(".")[2] for name in names if name.endswith(("embed_tokens", "lm_head"))]
    return {"ensure_weight_tying": True} | chance.choice(
        [{}, {"modules_to_save": heads[:1]}, {"modules_to_save": ["lm_head"]}, {"modules_to_save": heads}]
    )


def draw_parameters(chance: random.Random, model: Any) -> Config:
    """Draw target_parameters for a LORA, most by the index of their block, beside modules."""
    names = [name for name, one in model.named_parameters() if one.dim() > 1]
    experts = [name for name in names if "expert" in name] or names
    some = chance.sample(experts, min(len(experts), chance.choice([1, 2, 3])))
    steps = [name.split(".") for name in some]
    parameters = [".".join(one[-chance.choice([1, 2, 3, 4, len(one)]) :]) for one in steps]
    targets: Any = chance.choice(["all-linear", "all-linear", "all-linear", [], None])
    return {"target_parameters": parameters, "target_modules": targets, "use_dora": False, "lora_bias": False}


def _draw_ranked(chance: random.Random, names: list[str]) -> Config:
    return {"r": chance.choice([1, 2, 4])} | (
        {"rank_pattern": {_draw_suffix(chance, chance.choice(names)): 3}} if chance.random() < 0.3 else {}
    )


def _draw_rank(chance: random.Random, _: list[str]) -> Config:
    return {"r": chance.choice([1, 2, 4, 8])}


def _draw_lycoris(chance: random.Random, names: list[str]) -> Config:
    return _draw_ranked(chance, names) | {"use_effective_conv2d": chance.random() < 0.5}


def _draw_lokr(chance: random.Random, names: list[str]) -> Config:
    return _draw_lycoris(chance, names) | {
        "decompose_both": chance.random() < 0.5,
        "decompose_factor": chance.choice([-1, -1, 2, 4, 5, 7, 1000]),
    }


def _draw_oft(chance: random.Random, _: list[str]) -> Config:
    sizes = chance.choice(
        [
            {"r": 0, "oft_block_size": chance.choice([2, 4, 5, 32, 1000])},
            {"r": chance.choice([2, 3, 7, 1000]), "oft_block_size": 0},
        ]
    )
    return {**sizes, "block_share": chance.random() < 0.3}


def _draw_boft(chance: random.Random, _: list[str]) -> Config:
    return chance.choice(
        [
            {"boft_block_size": 4, "boft_block_num": 0},
            {"boft_block_size": 0, "boft_block_num": 2},
            {"boft_block_size": 5, "boft_block_num": 0},
        ]
    )


def _draw_prompt(chance: random.Random, _: list[str]) -> Config:
    return {"num_virtual_tokens": chance.choice([1, 5])}


def _draw_prefix(chance: random.Random, names: list[str]) -> Config:
    return _draw_prompt(chance, names) | chance.choice(
        [{}, {"prefix_projection": True}, {"prefix_projection": True, "encoder_hidden_size": 20}]
    )


def _draw_p_tuning(chance: random.Random, names: list[str]) -> Config:
    return _draw_prompt(chance, names) | chance.choice(
        [
            {},
            {"encoder_hidden_size": 20},
            {"encoder_reparameterization_type": "LSTM", "encoder_hidden_size": 12, "encoder_num_layers": 3},
        ]
    )


DRAWERS: dict[str, Callable[[random.Random, list[str]], Config]] = {
    "LORA": _draw_lora,
    "ADALORA": lambda chance, _: {"init_r": chance.choice([2, 12]), "target_r": 2, "total_step": 10},
    "IA3": lambda *_: {},
    "VERA": lambda chance, _: {"r": chance.choice([4, 256]), "save_projection": chance.random() < 0.5},
    "PVERA": _draw_rank,
    "RANDLORA": lambda chance, _: {"r": chance.choice([3, 8, 32]), "sparse": chance.random() < 0.3},
    "VBLORA": lambda chance, _: {"r": 2, "num_vectors": 10, "vector_length": chance.choice([2, 4, 16]), "topk": 2},
    "LOHA": _draw_lycoris,
    "LOKR": _draw_lokr,
    "OFT": _draw_oft,
    "BOFT": _draw_boft,
    "HRA": _draw_rank,
    "MISS": lambda chance, _: {
        "r": chance.choice([2, 4, 64]),
        "mini_r": 2,
        "init_weights": chance.choice([True, "bat", "mini"]),
    },
    "ROAD": lambda chance, _: {
        "variant": chance.choice(["road_1", "road_2", "road_4"]),
        "group_size": chance.choice([2, 4, 8]),
    },
    "C3A": lambda chance, _: {
        "block_size": chance.choice([2, 4, 16]),
        "block_size_pattern": chance.choice([{}, {"q_proj": 8}]),
    },
    "FOURIERFT": lambda chance, _: {
        "n_frequency": chance.choice([5, 100, 1000]),
        "n_frequency_pattern": chance.choice([{}, {"q_proj": 7}, {"query|dense|k_proj": 6}]),
    },
    "WAVEFT": lambda chance, _: {
        "n_frequency": chance.choice([5, 100]),
        "n_frequency_pattern": chance.choice([{}, {"q_proj": 7}, {"query|dense|k_proj": 6}, {"(?!.*1).*": 9}]),
    },
    "SHIRA": _draw_rank,
    "DELORA": _draw_ranked,
    "HIRA": _draw_ranked,
    "GRALORA": lambda chance, _: {
        "r": chance.choice([4, 8]),
        "gralora_k": chance.choice([2, 4]),
        "hybrid_r": chance.choice([0, 3]),
    },
    "POLY": lambda chance, _: {
        "r": chance.choice([1, 4]),
        "n_tasks": 3,
        "n_skills": chance.choice([1, 2]),
        "n_splits": chance.choice([1, 2]),
    },
    "LN_TUNING": lambda *_: {},
    "TRAINABLE_TOKENS": lambda chance, _: {
        "token_indices": [1, 5, 7],
        "target_modules": chance.choice(
            [None, None, ["embed_tokens"], ["wte", "lm_head"], r"(?!.*layers).*(?<=\.)\w*emb\w*"]
        ),
    },
    "PROMPT_TUNING": _draw_prompt,
    "MULTITASK_PROMPT_TUNING": lambda chance, names: (
        _draw_prompt(chance, names) | {"num_ranks": chance.choice([1, 2]), "num_tasks": 3}
    ),
    "PREFIX_TUNING": _draw_prefix,
    "P_TUNING": _draw_p_tuning,
    "CPT": lambda *_: {"cpt_token_ids": [3, 4, 5]},
}

PROMPTS = frozenset(("PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "PREFIX_TUNING", "P_TUNING", "CPT"))
_EMBEDDINGS = frozenset(("LORA", "OFT", "HIRA"))
_WITHOUT_EXCLUDES = frozenset(
    ("VERA", "PVERA", "RANDLORA", "C3A", "ROAD", "SHIRA", "WAVEFT", "GRALORA", "TRAINABLE_TOKENS")
)
_LAYERED = frozenset(
    ("LORA", "ADALORA", "VERA", "LOHA", "LOKR", "OFT", "BOFT", "HRA", "MISS", "FOURIERFT", "C3A", "VBLORA")
)
_BIASED = {
    "LORA": "lora_only",
    "ADALORA": "lora_only",
    "OFT": "oft_only",
    "BOFT": "boft_only",
    "HRA": "hra_only",
    "MISS": "miss_only",
    "VERA": "vera_only",
}

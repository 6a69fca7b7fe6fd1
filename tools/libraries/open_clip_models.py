"""python -m tools.libraries.open_clip_models: open_clip's own configs, and random ones, tensor by tensor."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from tools.architectures.building import skip_initialisation
from tools.architectures.comparing import BOTH, EQUAL, compare

import open_clip  # isort: skip # after what makes torchvision's operators
from open_clip import hf_model
from open_clip.coca_model import CoCa
from open_clip.model import CLIP, CustomTextCLIP
from transformers import AutoConfig

from paramcount.formats.open_clip import open_clip as read
from paramcount.formats.open_clip.hub_towers import MODELS
from paramcount.model.layers import Layer

RANDOM = 150
_CONFIGS = Path(open_clip.__file__).parent / "model_configs"


def main() -> int:
    """Exit status 1 where a config is counted otherwise than open_clip builds it."""
    hf_model.AutoConfig = _Configs
    skip_initialisation("timm")
    chance = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    counts: Counter[str] = Counter()
    for name, config in [*_iterate_configs(), *((f"random {number}", _draw(chance)) for number in range(RANDOM))]:
        outcome = compare(partial(_create, deepcopy(config)), partial(_count, config))
        counts[outcome.partition(":")[0]] += 1
        if outcome not in (EQUAL, BOTH):
            print(f"{name}: {outcome}" + (f" {json.dumps(config)}" if "random" in name else ""), flush=True)
    print(f"open_clip {open_clip.__version__}: {dict(counts)}")
    return int(counts["WRONG"] > 0)


class _Configs:
    """transformers.AutoConfig, of the models that the Hub would be asked for."""

    @staticmethod
    def from_pretrained(name: str) -> Any:
        return AutoConfig.for_model(**MODELS[name])


def _iterate_configs() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(_CONFIGS.glob("*.json")):
        yield file.stem, json.loads(file.read_text())
    for name in MODELS:
        for pooler, projection in product(("mean_pooler", "cls_pooler", None), ("mlp", "linear", None)):
            text = {"hf_model_name": name, "hf_pooler_type": pooler, "hf_proj_type": projection}
            vision = {"layers": 1, "width": 64, "patch_size": 32}
            yield f"{name} {pooler} {projection}", {"embed_dim": 48, "vision_cfg": vision, "text_cfg": text}


def _count(config: dict[str, Any]) -> Layer:
    return read({"model_cfg": config}).root


def _create(config: dict[str, Any]) -> Any:
    """The model of a config, as open_clip.factory.create_model chooses its class."""
    config["text_cfg"]["hf_model_pretrained"] = False
    if not config.pop("custom_text", False) and "hf_model_name" not in config["text_cfg"]:
        return CLIP(**config)
    return CoCa(**config) if "multimodal_cfg" in config else CustomTextCLIP(**config)


def _draw(chance: random.Random) -> dict[str, Any]:
    """A random small model."""
    heads = chance.choice([1, 2, 4])
    width = 16 * chance.choice([2, 4, 6])
    vision: dict[str, Any] = {
        "image_size": chance.choice([32, 48, [32, 64]]), "layers": chance.choice([1, 2, 3]), "width": width,
        "patch_size": chance.choice([8, 16, 14, [8, 16]]), "head_width": 16,
    }  # fmt: skip
    if chance.random() < 0.2:
        layers = [chance.choice([1, 2]) for _ in range(4)]
        vision = {"layers": layers, "width": 16, "image_size": chance.choice([64, 224]), "patch_size": None}
    text: dict[str, Any] = {
        "width": 16 * chance.choice([2, 3, 4]), "heads": heads, "layers": chance.choice([1, 2]),
        "context_length": chance.choice([8, 77]), "vocab_size": chance.choice([50, 100]),
    }  # fmt: skip
    for tower in (vision, text):
        for name, values in (("mlp_ratio", [2.0, 3.5, 3]), ("ls_init_value", [0.1])):
            if chance.random() < 0.3:
                tower[name] = chance.choice(values)
        for name in ("qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc"):
            if chance.random() < 0.1:
                tower[name] = True
    _draw_choices(vision, text, chance)
    return _draw_model(vision, text, chance)


def _draw_choices(vision: dict[str, Any], text: dict[str, Any], chance: random.Random) -> None:
    choices: list[tuple[dict[str, Any], str, list[Any]]] = [
        (vision, "no_ln_pre", [True]), (vision, "attentional_pool", [True, "parallel", "cascade"]),
        (vision, "attn_pooler_queries", [4]), (vision, "pool_type", ["avg", "none"]),
        (vision, "pos_embed_type", ["sin_cos_2d"]), (vision, "patch_dropout", [0.5]),
        (text, "embed_cls", [True]), (text, "no_causal_mask", [True]), (text, "proj_type", ["none"]),
        (text, "proj_bias", [True]), (text, "block_type", ["custom", "default"]),
    ]  # fmt: skip
    for tower, name, values in choices:
        if chance.random() < 0.2:
            tower[name] = chance.choice(values)


def _draw_model(vision: dict[str, Any], text: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    config: dict[str, Any] = {"embed_dim": chance.choice([16, 32]), "vision_cfg": vision, "text_cfg": text}
    if chance.random() < 0.5:
        config["custom_text"] = True
    if chance.random() < 0.3:
        config["init_logit_bias"] = -10
    if chance.random() < 0.2:
        config["nonscalar_logit_scale"] = True
    if chance.random() < 0.3:
        config["custom_text"] = True
        config["multimodal_cfg"] = {"width": 32, "heads": 2, "layers": chance.choice([1, 2]), "mlp_ratio": 3}
    return config


if __name__ == "__main__":
    sys.exit(main())

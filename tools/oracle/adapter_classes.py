"""Adapters in classes of transformers as their defaults build them, without memory: what PEFT derives from each.

python -m tools.oracle.adapter_classes [--seconds 60] [--seed 0] [--suffix ForCausalLM]
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from paramcount.formats.huggingface.blueprints import iterate_classes
from paramcount.schema.registry import load_plugins
from tools.adapters.kinds import build_model
from tools.blueprints.framework import config_class
from tools.blueprints.raw import fields_of, payload
from tools.blueprints.seeds import SEEDS
from tools.oracle.adapters import compare, count_adapter, run_peft

_LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "encoder_layers", "decoder_layers", "num_decoder_layers")
_MIXERS = ["q_proj", "query", "c_attn", "query_key_value", "q", "qkv_proj", "in_proj"]
_PROMPT = {"task_type": "CAUSAL_LM", "num_virtual_tokens": 5}
_LORA = {"peft_type": "LORA", "r": 4}

ADAPTERS: tuple[dict[str, Any], ...] = (
    {**_LORA, "target_modules": "all-linear"},
    {**_LORA, "target_modules": "all-linear", "modules_to_save": ["embed_tokens", "lm_head"]},
    _LORA,
    {**_LORA, "target_modules": r"^(?!.*(?:lm_head|embed)).*(?<!\.0)\.(?:q_proj|k_proj|gate|query|c_attn|dense)$"},
    {**_LORA, "target_modules": _MIXERS, "trainable_token_indices": [1, 2]},
    {**_LORA, "target_modules": [*_MIXERS, "lm_head"], "ensure_weight_tying": True},
    {**_LORA, "target_modules": _MIXERS, "modules_to_save": ["lm_head"], "ensure_weight_tying": True},
    {"peft_type": "PROMPT_TUNING", **_PROMPT},
    {"peft_type": "PREFIX_TUNING", **_PROMPT},
    {"peft_type": "P_TUNING", **_PROMPT},
    {"peft_type": "IA3"},
    {"peft_type": "VERA"},
    {"peft_type": "LN_TUNING"},
    {"peft_type": "TRAINABLE_TOKENS", "token_indices": [1, 2]},
)  # fmt: skip


def main() -> int:
    """Exit status 1 when anything is WRONG."""
    options = _options()
    load_plugins()
    names = sorted(name for name in iterate_classes() if name[1].endswith(options.suffix))
    random.Random(options.seed).shuffle(names)
    started, counts, classes = time.monotonic(), Counter[str](), 0
    for model_type, class_name in names:
        if time.monotonic() > started + options.seconds:
            break
        verdicts = list(_compare_class(model_type, class_name))
        counts.update(verdicts)
        classes += bool(verdicts)
    print(f"{sum(counts.values())} cases of {classes} classes: {dict(counts)}")
    return 1 if counts["WRONG"] else 0


def _compare_class(model_type: str, class_name: str) -> Iterator[str]:
    """Yield the verdict of each adapter; none where the bare model is not built, or not counted as it is built."""
    fields = fields_of(config_class(model_type))
    needed = {**SEEDS.get(model_type, {}), **SEEDS.get(class_name, {})}
    for changes in (_make_shallow(fields.defaults) | needed, needed):
        try:
            model = build_model(model_type, class_name, changes)
            break
        except Exception:  # noqa: BLE001 # a list in it may have a member for each layer
            continue
    else:
        return
    config = {**payload(fields, changes), "model_type": model_type, "architectures": [class_name]}
    bare = count_adapter(config, "huggingface", None)
    if bare.report is None or bare.totals[1] != sum(one.numel() for one in model.parameters()):
        return
    for adapter in ADAPTERS:
        verdict, reason = compare(
            run_peft(model, adapter), count_adapter(config, "huggingface", copy.deepcopy(adapter))
        )
        yield verdict
        if verdict == "WRONG":
            print(f"{verdict} {model_type}/{class_name} {json.dumps(adapter)}\n    {reason}", flush=True)


def _make_shallow(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes with fewer layers, which build faster and hold all that many do."""
    return {name: 3 for name in _LAYERS if isinstance(defaults.get(name), int) and defaults[name] > 4}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.oracle.adapter_classes", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--suffix", default="ForCausalLM")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

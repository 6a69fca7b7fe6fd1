"""params_json: the params.json of Mistral and Llama: counted, and refused."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.model.errors import Problems
from paramcount.schema.registry import FORMATS

MISTRAL = {"dim": 40, "n_layers": 2, "head_dim": 4, "hidden_dim": 10, "n_heads": 4, "n_kv_heads": 2, "vocab_size": 30}
# Attention: q and o of 40·16, k and v of 40·8; MLP 3·40·10; two norms of 40. Besides, two of 30·40 and a norm of 40.
LAYER, AROUND = 2 * 640 + 2 * 320 + 1200 + 80, 2 * 1200 + 40
LLAMA = {"dim": 24, "n_layers": 1, "n_heads": 4, "vocab_size": 30, "multiple_of": 4, "norm_eps": 1e-5}


def llama(width: int, kv: int = 24) -> int:
    """The parameters of LLAMA with an MLP of that width, and keys and values of that width."""
    return 2 * 24 * 24 + 2 * 24 * kv + 3 * 24 * width + 2 * 24 + 2 * 30 * 24 + 24


@pytest.mark.parametrize(
    ("payload", "total"),
    [
        (MISTRAL, 2 * LAYER + AROUND),
        (MISTRAL | {"rope_theta": 1e6, "sliding_window": [4, None], "model_type": "transformer"}, 2 * LAYER + AROUND),
        (MISTRAL | {"tied_embeddings": True}, 2 * LAYER + AROUND - 1200),
        # Three experts, and a router of 40·3.
        (MISTRAL | {"moe": {"num_experts": 3, "num_experts_per_tok": 2}}, 2 * (LAYER + 2 * 1200 + 120) + AROUND),
        (LLAMA, llama(64)),  # 2·4·24/3
        (LLAMA | {"ffn_dim_multiplier": 1.3}, llama(84)),  # int(1.3·64) = 83
        (LLAMA | {"multiple_of": 7, "n_kv_heads": 1}, llama(70, kv=6)),
        (LLAMA | {"use_scaled_rope": True, "n_kv_heads": None}, llama(64)),
    ],
)
def test_counted(payload: dict[str, Any], total: int) -> None:
    assert detect(payload).name == "params_json"
    report = count(read(payload, FORMATS["params_json"]))
    assert (report.root.totals.trainable, report.root.totals.frozen, report.exact) == (total, 0, True)


@pytest.mark.parametrize(
    ("payload", "pointer"),
    [
        (LLAMA | {"vocab_size": -1}, "/vocab_size"),
        (LLAMA | {"vocab_size": "x"}, "/vocab_size"),
        (LLAMA | {"dim": 7}, "/dim"),
        (LLAMA | {"dim": 2.0}, "/dim"),
        (LLAMA | {"multiple_of": 0}, "/multiple_of"),
        (LLAMA | {"ffn_dim_multiplier": True}, "/ffn_dim_multiplier"),
        (LLAMA | {"ffn_dim_multiplier": float("nan")}, "/ffn_dim_multiplier"),
        (LLAMA | {"quantization_args": {"scheme": "int4"}}, "/quantization_args"),
        (LLAMA | {"moe_args": {}}, "/moe_args"),
        (LLAMA | {"moe": {"num_experts": 2, "num_experts_per_tok": 1}}, "/moe"),
        (LLAMA | {"model_type": "mamba"}, "/model_type"),
        ({name: value for name, value in MISTRAL.items() if name != "n_kv_heads"}, ""),
        (MISTRAL | {"hidden_dim": None}, "/hidden_dim"),
        (MISTRAL | {"n_layers": 2**70}, "/n_layers"),
        (MISTRAL | {"moe": 8}, "/moe"),
        (MISTRAL | {"moe": {"num_experts": 8}}, "/moe/num_experts_per_tok"),
        (MISTRAL | {"moe": {"num_experts": 8, "num_experts_per_tok": 2, "num_shared_experts": 1}},
         "/moe/num_shared_experts"),
        (MISTRAL | {"vision_encoder": {"hidden_size": 8}}, "/vision_encoder"),
        (MISTRAL | {"multiple_of": 256}, "/multiple_of"),
        (MISTRAL | {"lora": {"rank": 4}}, "/lora"),
    ],
)  # fmt: skip
def test_refused(payload: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Problems) as refused:
        read(payload, FORMATS["params_json"])
    assert pointer in [problem.pointer for problem in refused.value.problems]


def test_a_config_of_transformers_with_the_same_names() -> None:
    assert detect({"model_type": "distilbert", "dim": 8, "n_layers": 1}).name == "huggingface"

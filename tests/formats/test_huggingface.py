"""huggingface: published counts, the tree, and what is not counted but said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.formats.huggingface.blueprints import HOLES, blueprint, index, known
from paramcount.model.layers import Layer
from paramcount.model.report import Report
from paramcount.rendering.fields import active, embedding
from tests.formats.configs import LLAMA, at, counted, refused

FAMOUS = yaml.safe_load(Path(__file__).with_name("huggingface.yaml").read_text())


def warning(report: Report, code: str) -> str:
    return next(warning.detail for warning in report.warnings if warning.code == code)


def test_a_config_that_is_remembered_is_no_other() -> None:
    for _ in range(2):
        assert counted(LLAMA | {"num_hidden_layers": 1}).exact
        for other in (1.0, True, "1", None):
            assert [pointer for pointer, *_ in refused(LLAMA | {"num_hidden_layers": other})] == ["/num_hidden_layers"]


@pytest.mark.parametrize("case", FAMOUS, ids=lambda case: case["source"].partition(" (")[0])
def test_published(case: dict[str, Any]) -> None:
    report = counted(case["config"])
    assert report.exact
    assert report.root.totals.trainable + report.root.totals.frozen == case["total"]
    met = active(report)
    if "active" in case:
        assert met is not None
        assert met["total"] == case["active"]
    if "billions_active_without_input_embedding" in case:
        assert met is not None
        assert round(met["without_input_embedding"] / 1e9, 2) == case["billions_active_without_input_embedding"]


def test_blocks_are_folded_under_their_indices() -> None:
    report = counted(LLAMA)
    layers = at(report.root, "model.layers.0-31")
    assert layers.repeat == 32
    assert at(report.root, "model.layers.0-31.self_attn.q_proj").tensors[0].shape == (4096, 4096)


def test_blocks_that_differ_stand_apart() -> None:
    config = {"architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "first_k_dense_replace": 2}
    root = counted(config).root
    assert at(root, "model.layers.0-1.mlp.gate_proj")
    assert at(root, "model.layers.2-60.mlp.experts")


def test_blocks_that_are_numbered_within_a_word_stand_by_their_names() -> None:
    """Every second of four layers holds three experts, and a token visits one; the total is num_parameters()."""
    few = dict.fromkeys(("num_layers", "num_decoder_layers"), 4)
    sparse = dict.fromkeys(("num_sparse_encoder_layers", "num_sparse_decoder_layers"), 2)
    model = {"architectures": ["SwitchTransformersForConditionalGeneration"], "model_type": "switch_transformers"}
    report = counted(model | few | sparse | {"num_experts": 3})
    experts = at(report.root, "encoder.block.1,3.layer.1.mlp.experts")
    assert [child.name for child in experts.children] == ["expert_0", "expert_1", "expert_2"]
    assert report.root.totals.trainable == 103_344_384
    met = active(report)
    assert met is not None
    assert met["total"] == 103_344_384 - 4 * 2 * 2 * 768 * 2048  # layers · idle experts · wi, wo · d_model · d_ff


def test_a_tied_tensor_is_counted_once() -> None:
    tied, free = counted(LLAMA | {"tie_word_embeddings": True}), counted(LLAMA)
    (head,) = at(tied.root, "lm_head").tensors
    assert head.tied_to == "model.embed_tokens.weight"
    assert free.root.totals.trainable - tied.root.totals.trainable == 32000 * 4096  # vocab_size · hidden_size


def test_the_number_of_layers_costs_nothing() -> None:
    report = counted(LLAMA | {"num_hidden_layers": 10**6, "hidden_size": 32, "num_attention_heads": 2})
    assert report.row_count == counted(LLAMA).row_count
    assert at(report.root, "model.layers.0-999999").repeat == 10**6


def test_labels_size_the_head() -> None:
    config = {"architectures": ["BertForSequenceClassification"], "model_type": "bert"}
    labels = {"id2label": {str(label): str(label) for label in range(7)}}
    assert at(counted(config | labels).root, "classifier").tensors[0].shape == (7, 768)
    assert at(counted(config).root, "classifier").tensors[0].shape == (2, 768)
    assert at(counted(config | labels | {"num_labels": 5}).root, "classifier").tensors[0].shape == (5, 768)


def test_without_architectures_the_base_class() -> None:
    report = counted({"model_type": "bert"})
    assert report.root.type == "BertModel"
    assert "no architectures" in warning(report, "base_class")


def test_frozen_by_design() -> None:
    """Whisper's sinusoidal positions: 1500 · 768, never trained."""
    config = next(case["config"] for case in FAMOUS if "whisper" in case["source"])
    assert counted(config).root.totals.frozen == 1500 * 768


def test_what_embeds() -> None:
    """vocab_size · hidden_size, once where the output is the same tensor."""
    size = 32000 * 4096
    total = counted(LLAMA).root.totals.trainable
    assert embedding(counted(LLAMA)) == {"input": size, "output": size, "non_embedding": total - size}
    tied = embedding(counted(LLAMA | {"tie_word_embeddings": True}))
    assert tied == {"input": size, "output": 0, "non_embedding": total - 2 * size}


def test_only_a_mixture_of_experts_is_active_in_part() -> None:
    assert active(counted(LLAMA)) is None
    mixtral = counted(next(case["config"] for case in FAMOUS if "Mixtral" in case["source"]))
    met = active(mixtral)
    assert met is not None
    assert met["total"] - met["without_input_embedding"] == 32000 * 4096
    assert met["without_input_embedding"] - met["without_embeddings"] == 32000 * 4096


def test_where_checkpoints_differ() -> None:
    config = next(case["config"] for case in FAMOUS if "t5" in case["source"])
    assert "lm_head" in warning(counted(config | {"tie_word_embeddings": False}), "checkpoint_differs")
    mixtral = next(case["config"] for case in FAMOUS if "Mixtral" in case["source"])
    assert "experts" in warning(counted(mixtral), "checkpoint_differs")


def test_dtype_is_of_the_weights() -> None:
    config = {**FAMOUS[0]["config"]}
    assert counted(config).root.totals.bytes == 2 * FAMOUS[0]["total"]
    assert counted(config | {"torch_dtype": None, "dtype": "float32"}).root.totals.bytes == 4 * FAMOUS[0]["total"]


@pytest.mark.parametrize(
    ("config", "pointer", "code"),
    [
        ({"architectures": ["LlamaForCausalML"], "model_type": "llama"}, "/architectures/0", "unknown_layer"),
        ({"model_type": "lama"}, "/model_type", "unknown_layer"),
        ({"architectures": []}, "", "required"),
        ({"architectures": ["LlamaForCausalLM"], "model_type": "bert"}, "/model_type", "unknown_model_type"),
        (LLAMA | {"architectures": ["Mine"], "auto_map": {"AutoModel": "modeling.Mine"}}, "/auto_map", "remote_code"),
        ({"model_type": "mine", "auto_map": {"AutoModel": "modeling.Mine"}}, "/auto_map", "remote_code"),
        (LLAMA | {"model_type": "mine", "auto_map": {"AutoModel": "modeling.Mine"}}, "/auto_map", "remote_code"),
        (LLAMA | {"hidden_size": "4096"}, "/hidden_size", "type"),
        (LLAMA | {"hidden_size": 4096.0}, "/hidden_size", "type"),
        (LLAMA | {"hidden_size": None}, "/hidden_size", "type"),
        (LLAMA | {"hidden_size": True}, "/hidden_size", "type"),
        (LLAMA | {"hidden_size": [4096]}, "/hidden_size", "type"),
        (LLAMA | {"hidden_size": {"a": 1}}, "/hidden_size", "type"),
        (LLAMA | {"vocab_size": 2**41}, "/vocab_size", "maximum"),
        (LLAMA | {"hidden_act": "silu" * 1000}, "/hidden_act", "maximum"),
        (LLAMA | {"attention_bias": 1}, "/attention_bias", "type"),
        (LLAMA | {"hidden_act": "prelu"}, "", "unverified"),
        (LLAMA | {"hidden_size": 4097}, "/hidden_size", "unverified"),  # no multiple of the heads
        (LLAMA | {"per_layer_config": {"1": {"intermediate_size": 100}}}, "/per_layer_config", "unverified"),
        (LLAMA | {"per_layer_config": {"1": {"skip": ["mlp"]}}}, "/per_layer_config", "unverified"),
        (LLAMA | {"per_layer_config": {"1": {"intermediate_size": [11008]}}}, "/per_layer_config", "unverified"),
        (LLAMA | {"per_layer_config": {"1": 100}}, "/per_layer_config", "type"),
        (LLAMA | {"per_layer_config": {"one": {}}}, "/per_layer_config", "type"),
        (LLAMA | {"per_layer_config": [{}]}, "/per_layer_config", "type"),
        (LLAMA | {"per_layer_config": 1}, "/per_layer_config", "type"),
        (
            {"model_type": "gpt2", "architectures": ["GPT2Model"], "per_layer_config": {"0": {"hidden_size": 48}}},
            "/per_layer_config",
            "unverified",
        ),
        (LLAMA | {"vocab_size": -1}, "", "invalid_config"),
        (LLAMA | {"num_attention_heads": 0}, "", "invalid_config"),
        ({"architectures": [7], "model_type": "llama"}, "/architectures/0", "type"),
        ({"architectures": "LlamaForCausalLM", "model_type": "llama"}, "/architectures", "type"),
    ],
)
def test_refused(config: dict[str, Any], pointer: str, code: str) -> None:
    assert (pointer, code) in [found[:2] for found in refused(config)]


SEGFORMER: dict[str, Any] = {"architectures": ["SegformerModel"], "model_type": "segformer"}


@pytest.mark.parametrize(
    ("config", "detail"),
    [
        ({"architectures": ["JambaModel"], "model_type": "jamba", "num_hidden_layers": 10**6}, "runs of layers"),
        ({"architectures": ["DeepseekV32Model"], "model_type": "deepseek_v32", "num_hidden_layers": 10**6}, "differ"),
        (SEGFORMER | {"num_encoder_blocks": 5000, "depths": [1] * 5000}, "at most 4,096 layers may differ"),
        (
            SEGFORMER | {"num_encoder_blocks": 4000, "depths": [1] * 4000, "hidden_sizes": [*range(1, 4001)]}
            | dict.fromkeys(("sr_ratios", "num_attention_heads", "mlp_ratios", "patch_sizes"), [3] * 4000),
            "more than 40,000 layers",
        ),
        ({"architectures": ["NllbMoeModel"], "model_type": "nllb-moe", "num_experts": 10**6}, "more than 40,000"),
    ],
)  # fmt: skip
def test_too_large(config: dict[str, Any], detail: str) -> None:
    ((_, code, told),) = refused(config)
    assert code == "too_large"
    assert detail in told


def test_what_each_block_asks_of_a_list_is_asked_once() -> None:
    config = {"architectures": ["Lfm2ForCausalLM"], "model_type": "lfm2", "layer_types": None}
    few = counted(config | {"full_attn_idxs": [1, 3], "num_hidden_layers": 5})
    assert [row.name for row in at(few.root, "model.layers").children] == ["0,2,4", "1,3"]
    many = counted(config | {"full_attn_idxs": [3] * 99_999 + [1], "num_hidden_layers": 4096})
    assert [row.name for row in at(many.root, "model.layers").children] == ["0,2,4-4095", "1,3"]


def test_blocks_that_only_what_is_inside_tells_apart() -> None:
    """The first block of each stage has a shortcut; of the others all are alike."""
    root = counted({"architectures": ["RegNetModel"], "model_type": "regnet"}).root
    names = [row.name for row in at(root, "encoder.stages.1.layers").children]
    assert names == ["0", "1-5"]
    assert at(root, "encoder.stages.1.layers.0.shortcut")


def test_what_builds_nothing_new_is_not_built_anew() -> None:
    def root(**changes: Any) -> Layer:
        config = LLAMA | changes
        return read(config, detect(config)).root

    assert root(transformers_version="5.0.0", id2label={"0": "a", "1": "b"}) is root()
    assert root(hidden_size=2048) is not root()
    assert root(dtype="bfloat16") is not root()


def test_detectors_tie_each_block_to_the_block_of_its_index() -> None:
    report = counted({"architectures": ["RTDetrV2ForObjectDetection"], "model_type": "rt_detr_v2"})
    boxes = at(report.root, "bbox_embed.0-5.layers.0-1")
    assert boxes.tensors[0].tied_to == "model.decoder.bbox_embed.0-5.layers.0-1.weight"


def test_own_classes_come_before_code_beside_the_config() -> None:
    """As transformers has it, unless it is told to trust that code."""
    report = counted(LLAMA | {"auto_map": {"AutoModelForCausalLM": "modeling_llama.LlamaForCausalLM"}})
    assert report.root.totals == counted(LLAMA).root.totals
    assert "never run" in warning(report, "remote_code")


def test_code_beside_a_config_is_counted_as_its_base_where_that_is_asked() -> None:
    config = {**LLAMA, "architectures": ["MyLlamaForCausalLM"], "auto_map": {"AutoModelForCausalLM": "mine.My"}}
    report = count(read(config, detect(config), "base"))
    assert report.root.totals == counted(LLAMA).root.totals
    assert not report.exact
    assert "never run" in warning(report, "remote_code")
    assert [found[:2] for found in refused(config)] == [("/auto_map", "remote_code")]


def test_a_class_that_older_code_spelt_otherwise() -> None:
    config = {"architectures": ["MPTForCausalLM"], "model_type": "mpt"}
    assert (
        counted(config).root.totals == counted({"architectures": ["MptForCausalLM"], "model_type": "mpt"}).root.totals
    )


def test_a_near_name_is_offered() -> None:
    assert (
        'did you mean "LlamaForCausalLM"'
        in refused({"architectures": ["LlamaForCausalML"], "model_type": "llama"})[0][2]
    )


def test_every_blueprint_reads() -> None:
    """Each is in the language, and an index variable of it is a block's."""
    for model_type, name in known():
        for entry in blueprint(model_type, name).entries:
            assert len(entry.counts) == sum(step.endswith(HOLES) for step in entry.steps), (name, entry.name)
    assert index().version

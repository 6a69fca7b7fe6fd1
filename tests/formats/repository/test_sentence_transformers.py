"""Modules of sentence-transformers from their configs alone: counted, and refused."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.errors import Problems
from paramcount.schema.registry import FORMATS

BERT = {
    "architectures": ["BertForMaskedLM"],
    "model_type": "bert",
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 10,
    "vocab_size": 30,
    "max_position_embeddings": 16,
}
# Embeddings 48·8 and a norm of 16; attention 4·72 and a norm; MLP 8·10 + 10 + 10·8 + 8 and a norm; pooler 72.
BERT_TOTAL = 384 + 16 + 288 + 16 + 178 + 16 + 72
NEW, OLD = "sentence_transformers.base.modules.", "sentence_transformers.models."
T5 = {"model_type": "t5", "d_model": 16, "d_kv": 4, "d_ff": 10, "num_layers": 1, "num_heads": 2, "vocab_size": 30}


def folder(*kinds: str, **configs: dict[str, Any]) -> dict[str, Any]:
    """The files of a model whose modules are of these classes, with configs by the module's class."""
    modules: list[dict[str, Any]] = [
        {"idx": index, "name": str(index), "path": f"{index}_{kind.rpartition('.')[2]}" if index else "", "type": kind}
        for index, kind in enumerate(kinds)
    ]
    files: dict[str, Any] = {"modules.json": modules, "config.json": BERT}
    for module in modules[1:]:
        kind = module["path"].partition("_")[2]
        name = {"CNN": "cnn_config.json", "LSTM": "lstm_config.json"}.get(kind, "config.json")
        files[f"{module['path']}/{name}"] = configs.get(kind, {})
    return files


def alone(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    return folder(OLD + "Transformer", OLD + kind, **{kind: config})


@pytest.mark.parametrize(
    ("files", "total"),
    [
        (folder(OLD + "Transformer", OLD + "Pooling"), 0),
        (folder(NEW + "transformer.Transformer", NEW + "normalize.Normalize"), 0),
        (alone("Dense", {"in_features": 8, "out_features": 3}), 27),
        (alone("Dense", {"in_features": 8, "out_features": 3, "bias": False, "activation_function": "x"}), 24),
        (alone("Dense", {"in_features": 8, "out_features": 3, "use_residual": True}), 27 + 24),
        (alone("Dense", {"in_features": 8, "out_features": 8, "use_residual": True}), 72),
        (alone("LayerNorm", {"dimension": 8}), 16),
        (alone("Dropout", {"dropout": 0.1}), 0),
        (alone("CNN", {"in_word_embedding_dimension": 8, "out_channels": 2, "kernel_sizes": [1, 3]}), 2 * 8 * 4 + 4),
        (alone("CNN", {"in_embedding_dimension": 8}), 256 * 8 * 9 + 3 * 256),
        # One layer of two directions: each 4·3·(8 + 3) and two biases of 12.
        (alone("LSTM", {"word_embedding_dimension": 8, "hidden_dim": 3}), 2 * (132 + 24)),
        # A second layer of one direction takes 3: 4·3·(3 + 3).
        (alone("LSTM", {"embedding_dimension": 8, "hidden_dim": 3, "num_layers": 2, "bidirectional": False}),
         132 + 24 + 72 + 24),
        (alone("WeightedLayerPooling", {"embedding_dimension": 8}), 9),
        (alone("WeightedLayerPooling", {"word_embedding_dimension": 8, "num_hidden_layers": 6, "layer_start": 0}), 7),
        # The decoder is the encoder's weight of 4·8; biases of 8 and 4.
        (alone("SparseAutoEncoder", {"input_dim": 8, "hidden_dim": 4}), 32 + 12),
    ],
)  # fmt: skip
def test_counted(files: dict[str, Any], total: int) -> None:
    report = count(read({"files": files}, FORMATS["repository"]))
    assert (report.root.totals.trainable, report.exact) == (BERT_TOTAL + total, True)
    assert [row.name for row in report.root.children] == ["0", "1"]


def test_only_the_encoder_of_t5() -> None:
    files = folder(OLD + "Transformer") | {"config.json": T5}
    # 30·16; attention 4·16·8, its positions 32·2, a norm; MLP 2·16·10, a norm; the last norm.
    report = count(read({"files": files}, FORMATS["repository"]))
    assert report.root.totals.trainable == 480 + 512 + 64 + 16 + 320 + 16 + 16


def test_a_head_where_the_task_needs_one() -> None:
    files = folder(OLD + "Transformer") | {"sentence_bert_config.json": {"transformer_task": "fill-mask"}}
    report = count(read({"files": files}, FORMATS["repository"]))
    # No pooler; a transform of 72, its norm of 16, a bias of 30; the decoder is the embedding.
    assert report.root.totals.trainable == BERT_TOTAL - 72 + 72 + 16 + 30


def header(**shapes: list[int]) -> dict[str, Any]:
    """A file of tensors, the names of which have a dot for each underscore."""
    tensors, offset = {}, 0
    for name, shape in shapes.items():
        end = offset + 4 * prod(shape)
        tensors[name.replace("_", ".")] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    return {"safetensors_header": tensors}


def router(structure: dict[str, Any], kind: str = NEW + "router.Router", file: str = "router_config.json") -> Any:
    """The files of a model whose only module is a Router: of a Transformer, a Dense, a StaticEmbedding."""
    types = {"a_0": OLD + "Transformer", "a_1": OLD + "Dense", "b_0": OLD + "StaticEmbedding"}
    return {
        "modules.json": [{"idx": 0, "name": "0", "path": "", "type": kind}],
        file: {"types": types, "structure": structure, "parameters": {"default_route": "a"}},
        "a_0/config.json": BERT,
        "a_1/config.json": {"in_features": 8, "out_features": 3},
        "b_0/model.safetensors": header(embedding_weight=[30, 8]),
        "b_0/tokenizer.json": {},
    }


@pytest.mark.parametrize(
    ("files", "total"),
    [
        (router({"a": ["a_0", "a_1"], "b": ["b_0"]}), BERT_TOTAL + 27 + 240),
        # The module of two routes is one; what no route has is loaded, and left out.
        (router({"a": ["a_0"], "b": ["a_0", "a_1"]}), BERT_TOTAL + 27),
        (router({"a": ["a_1"]}, OLD + "Asym", "config.json"), 27),
    ],
)
def test_router(files: dict[str, Any], total: int) -> None:
    report = count(read({"files": files}, FORMATS["repository"]))
    assert (report.root.totals.trainable, report.exact) == (total, True)


@pytest.mark.parametrize(
    ("shapes", "total"),
    [
        ({"embedding_weight": [30, 8]}, 240),
        ({"embeddings": [30, 8]}, 240),
        ({"embeddings": [30, 8], "mapping": [50], "weights": [50]}, 400),  # a row for each token
    ],
)
def test_static_embedding(shapes: dict[str, list[int]], total: int) -> None:
    modules = [{"idx": 0, "name": "0", "path": "0_StaticEmbedding", "type": OLD + "StaticEmbedding"}]
    files = {"modules.json": modules, "0_StaticEmbedding/model.safetensors": header(**shapes)}
    assert count(read({"files": files}, FORMATS["repository"])).root.totals.trainable == total


@pytest.mark.parametrize(
    ("files", "pointer"),
    [
        (folder(OLD + "Transformer") | {"config.json": {"model_type": "nothing"}}, "/config.json/model_type"),
        (folder(OLD + "Transformer") | {"config.json": {"model_type": "whisper"}}, "/config.json/model_type"),
        (folder(OLD + "Transformer") | {"sentence_bert_config.json": {"transformer_task": "retrieval"}},
         "/config.json"),
        (folder(OLD + "Transformer") | {"sentence_bert_config.json": {"transformer_task": "text-generation"}},
         "/config.json/architectures"),
        (folder(OLD + "Transformer") | {"sentence_bert_config.json": {"config_args": {"hidden_size": 4}}},
         "/config.json"),
        (router({"a": ["a_0", "c_0"]}), "/router_config.json/structure/a/1"),
        (router({"a": [""], "b": "a_0"}), "/router_config.json/structure/a/0"),
        (router({"b": "a_0"}), "/router_config.json/structure/b/0"),
        (router({"a": ["a_1"]}) | {"a_1/config.json": {}}, "/a_1~1config.json"),
        (router({}) | {"router_config.json": {"types": []}}, "/router_config.json"),
        (alone("Dense", {"in_features": 8}), "/1_Dense~1config.json"),
        (alone("Dense", {"in_features": 8, "out_features": -1}), "/1_Dense~1config.json/out_features"),
        (alone("Dense", {"in_features": 8, "out_features": 2.0}), "/1_Dense~1config.json/out_features"),
        (alone("Dense", {"in_features": 8, "out_features": 2, "bias": 1}), "/1_Dense~1config.json/bias"),
        (alone("LSTM", {"embedding_dimension": 8, "hidden_dim": 3, "num_layers": 2**40}),
         "/1_LSTM~1lstm_config.json/num_layers"),
        (alone("CNN", {"in_embedding_dimension": 8, "kernel_sizes": 3}), "/1_CNN~1cnn_config.json/kernel_sizes"),
        (alone("CNN", {"in_embedding_dimension": 8, "kernel_sizes": [1, "3"]}),
         "/1_CNN~1cnn_config.json/kernel_sizes/1"),
        (alone("WeightedLayerPooling", {"layer_start": 14}), "/1_WeightedLayerPooling~1config.json/layer_start"),
    ],
)  # fmt: skip
def test_refused(files: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Problems) as refused:
        read({"files": files}, FORMATS["repository"])
    assert "/files" + pointer in [problem.pointer for problem in refused.value.problems]


def test_a_module_that_is_not_known_is_not_counted_in_silence() -> None:
    files = alone("WeightedLayerPooling", {})
    del files["1_WeightedLayerPooling/config.json"]
    report = count(read({"files": files}, FORMATS["repository"]))
    assert not report.exact

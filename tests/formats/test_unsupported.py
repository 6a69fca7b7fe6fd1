"""Documents of no format: each is recognised, and told what to send instead."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from paramcount.formats.detect import detect, read
from paramcount.formats.unsupported import explain_document
from paramcount.model.errors import Problems, UnknownFormat
from paramcount.schema.registry import FORMATS

SUMMARY = """Model: "sequential"
_________________________________________________________________
 Layer (type)                Output Shape              Param #
=================================================================
 dense (Dense)               (None, 10)                7850
"""
SUMMARY_OF_KERAS_3 = """Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
"""
TORCHINFO = """==========================================================================================
Layer (type:depth-idx)                   Output Shape              Param #
==========================================================================================
Net                                      [1, 10]                   --
"""
TORCHSUMMARY = """----------------------------------------------------------------
        Layer (type)               Output Shape         Param #
================================================================
            Linear-1                   [-1, 10]           7,850
"""
LAYERS = [{"class_name": "Dense", "config": {"units": 3}}]
FUNCTIONAL = {"name": "m", "layers": [], "input_layers": [], "output_layers": []}
ZIP = b"PK\3\4" + bytes(26)


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (SUMMARY, "the table of Keras' model.summary()"),
        (SUMMARY_OF_KERAS_3, "the table of Keras' model.summary()"),
        (TORCHINFO, "the table of torchinfo"),
        (TORCHSUMMARY, "the table of torchsummary"),
        (
            "  | Name | Type   | Params | Mode\n-----\n0 | fc | Linear | 330 | train\n",
            "the table of Lightning's ModelSummary",
        ),
        ("| name   | #elements or shape   |\n|:----|:-----|\n", "a table of fvcore"),
        (
            "trainable params: 4,194,304 || all params: 6,742,609,920 || trainable%: 0.06",
            "print_trainable_parameters()",
        ),
        ("<keras.engine.sequential.Sequential object at 0x7f>", "what Python writes of an object"),
        ("backend: tensorflow\nclass_name: Sequential\n", "YAML"),
        ("---\nclass_name: Sequential\n", "YAML"),
        ("<!DOCTYPE html><html>", "a web page"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:abc\n", "a pointer of git LFS"),
        ("OrderedDict([('fc.weight', tensor([[0.1]]))])", "a printed state_dict"),
        ("import torch.nn as nn\n\n\nclass Net(nn.Module):\n    pass\n", "the source of a model"),
        ("from keras import layers\n", "the source of a model"),
        ("https://example.org/model", "an address"),
        ("hf://org/model", "an address"),
        ("bert-base-uncased", "the name of a model"),
        ("org/Llama-3.1-8B", "the name of a model"),
        ("gpt2", "the name of a model"),
        ("resnet50\n", "the name of a model"),
        ("", "empty"),
        (" \n", "empty"),
        (b"", "empty"),
        ({}, "empty"),
        ([], "empty"),
        (None, "describes no model"),
        (3, "describes no model"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"\xff\xd8\xff\xe0", "a picture"),
        (b"%PDF-1.4", "a picture"),
        (gzip.compress(b"{}", mtime=0), "compressed by gzip"),
        (bytes(257) + b"ustar", "an archive"),
        (b"\x93NUMPY\1\0", "an array of numpy"),
        (ZIP + b"arr_0.npy", "an array of numpy"),
        (b"\x1c\0\0\0TFL3", "a model of TensorFlow Lite"),
        ({"name": "s", "layers": LAYERS}, "what get_config() returns"),
        (FUNCTIONAL, "what get_config() returns"),
        (LAYERS, "a list of layers"),
        ([{"type": "Dense", "units": 3}], "a list of layers"),
        ([{"idx": 0, "name": "0", "path": "", "type": "x.Transformer"}], "the modules.json of sentence-transformers"),
        ({"type": "Dense", "units": 3}, "one layer"),
        ({"metadata": {}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}, "the index of a checkpoint"),
        ({"peft_type": "LORA", "r": 8}, "the config of an adapter"),
        ({"version": "1.0", "truncation": None, "model": {}}, "the file of a tokenizer"),
        ({"hidden_size": 768, "num_hidden_layers": 12}, "a config of transformers without its model_type"),
        ({"model_type": None, "hidden_size": 768, "num_hidden_layers": 12}, "without its model_type"),
        ({"_from_model_config": True, "bos_token_id": 1}, "the file of a processor or of generation"),
        ({"image_processor_type": "ViTImageProcessor", "size": 224}, "the file of a processor or of generation"),
        ({"fc.weight": [3, 4], "fc.bias": [3]}, "an object of names and shapes"),
        ({"fc.weight": {"shape": [3, 4], "dtype": "float32"}}, "an object of names and shapes"),
    ],
)
def test_recognised(document: Any, name: str) -> None:
    explanation = explain_document(document)
    assert name in explanation
    assert ": " in explanation  # what to send instead
    if isinstance(document, bytes):
        with pytest.raises(UnknownFormat) as refused:
            detect(document)
        assert refused.value.detail == explanation


@pytest.mark.parametrize(
    ("document", "format_name"),
    [
        (SUMMARY, "torch"),
        ({"name": "s", "layers": LAYERS}, "native"),
        ({"weight_map": {}, "metadata": {}}, "keras"),
        (LAYERS, "keras"),
        (LAYERS, "native"),
        (LAYERS, "huggingface"),
        ([{"type": "Dense"}], "native"),
        ([], "keras"),
    ],
)
def test_explained_where_a_format_is_stated(document: Any, format_name: str) -> None:
    with pytest.raises(Problems) as refused:
        read(document, FORMATS[format_name])
    assert [problem.detail for problem in refused.value.problems] == [explain_document(document)]


@pytest.mark.parametrize("document_format", FORMATS.values(), ids=lambda document_format: document_format.name)
def test_documents_of_a_format_are_none_of_these(document_format: Any) -> None:
    assert explain_document(document_format.example) == ""


@pytest.mark.parametrize(
    "document",
    [
        "Net(\n  (fc): Linear(in_features=3, out_features=4, bias=True)\n)",
        "Linear(in_features=3, out_features=4, bias=True)",
        "just words",
        "word",
        "123",
        [1, 2],
        {"a": [1.5]},
        {"shape": "3"},
        {"class_name": "Dense", "config": {"units": 3}},
        {"layers": [{"type": "Dense", "units": 3}]},
        {"model_type": "bert", "hidden_size": 768, "num_hidden_layers": 12},
        {"architectures": ["BertModel"], "hidden_size": 768, "vocab_size": 12},
        {"type": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
        {"unknown": 1},
        b"GGUF\3\0\0\0",
        b"some bytes",
    ],
)
def test_not_recognised(document: Any) -> None:
    assert explain_document(document) == ""


def test_a_document_of_another_format() -> None:
    with pytest.raises(Problems) as refused:
        read({"class_name": "Sequential", "config": {"layers": LAYERS}}, FORMATS["native"])
    assert [problem.detail for problem in refused.value.problems] == ["is keras, not native"]

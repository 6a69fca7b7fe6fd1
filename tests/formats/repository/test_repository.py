"""repository: models, pipelines and adapters by their files; and those that are refused or not exact."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.model.budget import Limits
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.requests.count import count_request
from paramcount.requests.envelope import load_envelope
from tests.builders.repositories import (
    BERT,
    BERT_SIZE,
    DENSE,
    GPT2,
    GPT2_SIZE,
    NORM,
    bert,
    gpt2,
    weights,
)
from tests.builders.safetensors import header, in_bytes

W6, W9, WEIGHT = header(w="F32 2x3"), header(v="F32 3x3"), header(w="F16 2x3")
WITH_HEAD, WITH_TIED_HEAD = bert("bert__", cls__b="F32 9"), gpt2(lm_head__weight="F32 10x4")
FIRST_SHARD = "model-00001-of-00002.safetensors"
INDEX_FILE = "model.safetensors.index.json"
INDEX = {"weight_map": {"w": "model-00001-of-00002.safetensors", "v": "model-00002-of-00002.safetensors"}}
VAE, UNET = {"_class_name": "SomeVAE"}, {"_class_name": "SomeUNet"}
PIPELINE = {
    "_class_name": "SomePipeline",
    "_diffusers_version": "0.42.1",
    "vae": ["diffusers", "SomeVAE"],
    "unet": ["diffusers", "SomeUNet"],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "safety_checker": [None, None],
    "requires_safety_checker": False,
}
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
    {"idx": 3, "name": "3", "path": "3_Normalize", "type": "sentence_transformers.models.Normalize"},
]
LORA = {"peft_type": "LORA", "r": 2, "target_modules": ["query"]}
LORA_SIZE = 2 * (4 + 4)


def count_files(files: dict[str, Any], base: Any = None) -> Report:
    payload = {"files": files} | ({"base": base} if base else {})
    return count_request(load_envelope({"architecture": payload}), Limits())


def total(report: Report) -> int:
    return report.root.totals.trainable + report.root.totals.frozen


EXACT: list[tuple[str, dict[str, Any], int]] = [
    ("weights", {"model.safetensors": weights(W6)}, 6),
    ("weights in bytes", {"model.safetensors": {"base64": b64encode(in_bytes(W6, data=bytes(24))).decode()}}, 6),
    ("below a folder", {"my model/model.safetensors": weights(W6), "my model/README.md": "# hello"}, 6),
    ("statistics are buffers", {"model.safetensors": weights(NORM)}, 16),
    (
        "shards",
        {
            "model.safetensors.index.json": INDEX,
            "model-00001-of-00002.safetensors": weights(W6),
            "model-00002-of-00002.safetensors": weights(W9),
        },
        15,
    ),
    ("two variants", {"model.safetensors": weights(W6), "model.fp16.safetensors": weights(WEIGHT)}, 6),
    ("only a variant", {"model.fp16.safetensors": weights(WEIGHT)}, 6),
    ("a file of a training", {"model.safetensors": weights(W6), "optimizer.bin": {"base64": "gAJ9"}}, 6),
    ("config alone", {"config.json": BERT}, BERT_SIZE),
    ("config and weights", {"config.json": BERT, "model.safetensors": weights(bert())}, BERT_SIZE),
    ("weights of a head", {"config.json": BERT, "model.safetensors": weights(WITH_HEAD)}, BERT_SIZE),
    ("a tied head that is stored", {"config.json": GPT2, "model.safetensors": weights(WITH_TIED_HEAD)}, GPT2_SIZE),
    (
        "pipeline",
        {
            "model_index.json": PIPELINE,
            "vae/config.json": VAE,
            "vae/diffusion_pytorch_model.safetensors": weights(W6),
            "unet/config.json": UNET,
            "unet/diffusion_pytorch_model.safetensors": weights(W9),
            "scheduler/scheduler_config.json": {"_class_name": "DDIMScheduler"},
        },
        15,
    ),
    (
        "positions that diffusers stores as a buffer",
        {
            "config.json": {"_class_name": "SomeTransformer2DModel"},
            "diffusion_pytorch_model.safetensors": weights(header(pos_embed__pos_embed="F32 1x9x4", w="F32 5")),
        },
        5,
    ),
    (
        "positions that AuraFlow trains",
        {
            "config.json": {"_class_name": "AuraFlowSomeModel"},
            "diffusion_pytorch_model.safetensors": weights(header(pos_embed__pos_embed="F32 1x9x4", w="F32 5")),
        },
        41,
    ),
    (
        "sentence-transformers",
        {
            "modules.json": MODULES,
            "config.json": BERT | {"architectures": ["BertForMaskedLM"]},
            "model.safetensors": weights(bert("bert__", cls__predictions__bias="F32 10")),
            "1_Pooling/config.json": {"word_embedding_dimension": 4},
            "2_Dense/config.json": {"in_features": 4, "out_features": 3},
            "2_Dense/model.safetensors": weights(DENSE),
        },
        BERT_SIZE + 15,
    ),
    ("adapter alone", {"adapter_config.json": LORA, "adapter_model.safetensors": weights(W6)}, 6),
    ("adapter with its base", {"adapter_config.json": LORA, "config.json": BERT}, BERT_SIZE + LORA_SIZE),
    ("a document in bytes", {"m.json": {"base64": b64encode(b'{"parameters": {"w": {"shape": [7]}}}').decode()}}, 7),
    ("a document beside others", {"model.json": {"parameters": {"w": {"shape": [7]}}}, "notes.json": {"a": 1}}, 7),
]  # fmt: skip


@pytest.mark.parametrize(("files", "size"), [row[1:] for row in EXACT], ids=[row[0] for row in EXACT])
def test_exact(files: dict[str, Any], size: int) -> None:
    report = count_files(files)
    assert (total(report), report.exact) == (size, True)
    assert report.convention == "torch"
    assert report.format == "repository"


INEXACT: list[tuple[str, dict[str, Any], str, int]] = [
    ("a shard", {INDEX_FILE: INDEX, FIRST_SHARD: weights(W6)}, "missing_shard", 6),
    ("a component", {"model_index.json": PIPELINE, "vae/model.safetensors": weights(W6)}, "missing_component", 6),
    ("other weights", {"config.json": BERT, "model.safetensors": weights(W6)}, "differs_from_config", 6),
    (
        "weights of a pooling that has some",
        {"modules.json": [{"path": "1_P", "type": "sentence_transformers.models.WeightedLayerPooling"}]},
        "missing_component",
        0,
    ),
    (
        "a module",
        {"modules.json": MODULES, "config.json": BERT, "model.safetensors": weights(bert())},
        "missing_component",
        BERT_SIZE,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("files", "code", "size"), [row[1:] for row in INEXACT], ids=[row[0] for row in INEXACT])
def test_warnings_of_what_is_missing(files: dict[str, Any], code: str, size: int) -> None:
    report = count_files(files)
    assert not report.exact
    assert code in [warning.code for warning in report.warnings if not warning.exact]
    assert total(report) == size


def test_warnings_of_what_is_not_counted() -> None:
    files = {
        "model_index.json": {"vae": ["diffusers", "SomeVAE"]},
        "vae/model.safetensors": weights(W6),
        "vae/model.fp16.safetensors": weights(WEIGHT),
        "all-in-one.safetensors": weights(W9),
        "other/model.safetensors": weights(W9),
    }
    report = count_files(files)
    by_code = {warning.code: warning for warning in report.warnings}
    assert total(report) == 6
    assert by_code["another_form"].path == "vae"
    assert sum(warning.code == "not_counted" for warning in report.warnings) == 2


def test_an_adapter_over_its_base() -> None:
    files = {"adapter_config.json": LORA | {"task_type": "SEQ_CLS"}, "adapter_model.safetensors": weights(W6)}
    report = count_files(files, {**BERT, "architectures": None, "num_labels": 3})
    assert report.exact
    assert total(report) == BERT_SIZE + 2 * 15 + LORA_SIZE  # a classifier of 4 by 3, and PEFT's copy of it
    assert report.root.totals.trainable == LORA_SIZE + 15


REFUSED: list[tuple[str, Any, str]] = [
    ("no files", {"files": {}}, "/architecture/files"),
    ("a path out of the folder", {"files": {"../w.safetensors": weights(W6)}}, "/architecture/files/..~1w.safetensors"),
    ("an absolute path", {"files": {"/w.safetensors": weights(W6)}}, "/architecture/files/~1w.safetensors"),
    ("a repository in itself", {"files": {"a.json": {"files": {"config.json": BERT}}}}, "/architecture/files"),
    ("too many files", {"files": {f"{n}.json": 0 for n in range(10_001)}}, "/architecture/files"),
    ("a deep path", {"files": {"a/" * 40 + "b": 0}}, "/architecture/files"),
    ("no base64", {"files": {"m.safetensors": {"base64": "?"}}}, "/architecture/files/m.safetensors/base64"),
    ("no file", {"files": {"m.safetensors": 7}}, "/architecture/files/m.safetensors"),
    ("two models", {"files": {"a.safetensors": weights(W6), "b.safetensors": weights(W9)}}, "/architecture/files"),
    ("nothing of a model", {"files": {"README.md": "hello"}}, "/architecture/files"),
    (
        "a broken header",
        {"files": {"m.safetensors": weights({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 9]}})}},
        "/architecture/files/m.safetensors/safetensors_header/w",
    ),
    ("no index", {"files": {"model.safetensors.index.json": {}}}, "/architecture/files/model.safetensors.index.json"),
    ("no list of modules", {"files": {"modules.json": {}}}, "/architecture/files/modules.json"),
    ("a module twice", {"files": {"modules.json": MODULES[:1] * 2}}, "/architecture/files/modules.json/1"),
    ("no component", {"files": {"model_index.json": {"vae": [1, 2]}}}, "/architecture/files/model_index.json/vae"),
    ("an unknown member", {"files": {"config.json": BERT}, "bases": 1}, "/architecture/bases"),
    (
        "an adapter of no module",
        {"files": {"adapter_config.json": LORA | {"target_modules": ["nothing"]}}, "base": BERT},
        "/architecture/files/adapter_config.json/target_modules",
    ),
]


@pytest.mark.parametrize(("payload", "pointer"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(payload: Any, pointer: str) -> None:
    with pytest.raises(Problems) as refused:
        count_request(load_envelope({"architecture": payload, "format": "repository"}), Limits())
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


def test_bytes_that_are_missing_are_named() -> None:
    files = {"model.safetensors": {"base64": b64encode(in_bytes(W6)[:20]).decode()}}
    with pytest.raises(Problems) as refused:
        read({"files": files}, detect({"files": files}))
    (problem,) = refused.value.problems
    assert problem.needs == {"file": "model.safetensors", "first": 20, "last": len(in_bytes(W6)) - 1}


def test_an_adapter_is_stated_once() -> None:
    payload = {"files": {"adapter_config.json": LORA}, "base": BERT}
    with pytest.raises(Problems) as refused:
        count_request(load_envelope({"architecture": payload, "adapter": LORA}), Limits())
    assert [problem.pointer for problem in refused.value.problems] == ["/adapter"]


def test_rows_of_components() -> None:
    files = dict(next(files for name, files, _ in EXACT if name == "sentence-transformers"))
    report = count(read({"files": files}, detect({"files": files})))
    assert [(row.name, row.type) for row in report.root.children] == [
        ("0", "Transformer"), ("1", "Pooling"), ("2", "Dense"), ("3", "Normalize")
    ]  # fmt: skip


def test_ties_are_within_a_component() -> None:
    files = {
        "model_index.json": {"text": ["transformers", "GPT2LMHeadModel"]},
        "text/config.json": GPT2,
        "text/model.safetensors": weights(WITH_TIED_HEAD),
    }
    report = count_files(files)
    assert total(report) == GPT2_SIZE
    ties = {tensor.tied_to for row, _ in report.root.walk() for tensor in row.tensors if tensor.tied_to}
    assert ties == {"text.transformer.wte.weight"}

"""Documents that two readers would read in two ways: refused in each format, wherever they come from."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

import paramcount
from paramcount import Report
from paramcount.formats.detect import read
from paramcount.formats.keras.archive import read_config
from paramcount.model.errors import InvalidDocument, Problems
from paramcount.requests.envelope import load_comparison, load_envelope
from paramcount.schema.registry import FORMATS, load_plugins

DENSE = '{"class_name": "Dense", "config": {"name": "d", "units": 4}}'
KERAS = (
    f'{{"class_name": "Sequential", "config": {{"name": "s", "build_input_shape": [null, 3], "layers": [{DENSE}]}}}}'
)
CONV = (
    '{"class_name": "Functional", "config": {"name": "f", "layers": [{"class_name": "InputLayer", '
    '"config": {"name": "i", "batch_shape": [null, 3]}, "inbound_nodes": []}, '
    '{"class_name": "Dense", "config": {"name": "d", "units": 4}, '
    '"name": "d", "inbound_nodes": [{"args": [{"class_name": "__keras_tensor__", "config": {"shape": [null, 3], '
    '"dtype": "float32", "keras_history": ["i", 0, 0]}}], "kwargs": {}}]}], "input_layers": [["i", 0, 0]], '
    '"output_layers": [["d", 0, 0]]}}'
)
NATIVE = '{"framework": "keras", "input_shape": [3], "layers": [{"type": "Dense", "name": "d", "units": 4}]}'
TENSORS = '{"parameters": {"a.w": {"shape": [10]}}}'
HEADER = '{"a.w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "__metadata__": {"format": "pt"}}'
CONFIG = (
    '{"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 64, "intermediate_size": 128, '
    '"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000}'
)

REPEATED = [
    # document, what is there twice, with it, the pointer
    (KERAS, '"units": 4', '"units": 4, "units": 400', "/config/layers/0/config/units"),
    (KERAS, '"units": 4', '"units":4,"un\\u0069ts":4', "/config/layers/0/config/units"),
    (KERAS, '"name": "d"', '"name": "d", "name": "e"', "/config/layers/0/config/name"),
    (KERAS, '"name": "s"', '"name": "s", "name": "t"', "/config/name"),
    (KERAS, '"class_name": "Dense"', '"class_name": "Dropout", "class_name": "Dense"', "/config/layers/0/class_name"),
    (KERAS, '"layers": [', '"layers": [], "layers": [', "/config/layers"),
    (KERAS, '{"class_name": "Seq', '{"config": {}, "class_name": "Seq', "/config"),
    (KERAS, '{"class_name": "Dense', '{"x": {"a": [1, {"b": 1, "b": 2}]}, "class_name": "Dense',
     "/config/layers/0/x/a/1/b"),
    (KERAS, '"units": 4', '"units": 4, "kernel_initializer": {"config": {"seed": 1, "seed": 2}}',
     "/config/layers/0/config/kernel_initializer/config/seed"),
    (KERAS, '"units": 4}', '"units": 4}, "build_config": {"input_shape": [1, 3], "input_shape": [1, 5]}',
     "/config/layers/0/build_config/input_shape"),
    (CONV, '"kwargs": {}', '"kwargs": {}, "kwargs": {}', "/config/layers/1/inbound_nodes/0/kwargs"),
    (CONV, '"shape": [null, 3]', '"shape": [null, 5], "shape": [null, 3]',
     "/config/layers/1/inbound_nodes/0/args/0/config/shape"),
    (CONV, '"inbound_nodes": []', '"inbound_nodes": [], "inbound_nodes": []', "/config/layers/0/inbound_nodes"),
    (CONV, '"name": "d", "inb', '"name": "d", "name": "d", "inb', "/config/layers/1/name"),
    (NATIVE, '"units": 4', '"units": 4, "units": 400', "/layers/0/units"),
    (NATIVE, '"layers"', '"layers": [], "layers"', "/layers"),
    (NATIVE, '"units": 4', '"units": 4, "activation": {"a": ":", "a": 1}', "/layers/0/activation/a"),
    (NATIVE, '"units": 4', '"units": 4, "activation": {"a\\u003a": 0, "b": 2, "b": 1}', "/layers/0/activation/b"),
    (TENSORS, '"a.w": {', '"a.w": {"shape": [3]}, "a.w": {', "/parameters/a.w"),
    (TENSORS, '"shape": [10]', '"shape": [10], "shape": [3]', "/parameters/a.w/shape"),
    (TENSORS, '{"parameters"', '{"parameters": {}, "parameters"', "/parameters"),
    (HEADER, '"a.w": {', '"a.w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "a.w": {', "/a.w"),
    (HEADER, '"format": "pt"', '"format": "pt", "format": "tf"', "/__metadata__/format"),
    (CONFIG, '"hidden_size": 64', '"hidden_size": 64, "hidden_size": 128', "/hidden_size"),
    (CONFIG, '"vocab_size": 1000', '"vocab_size": 1000, "rope_scaling": {"a": 1, "a": 1}', "/rope_scaling/a"),
]  # fmt: skip

SOUND = [
    KERAS, CONV, NATIVE, TENSORS, HEADER, CONFIG,
    KERAS.replace('"units": 4', '"units": 4, "note": "a: b, \\"c\\": d"'),
    KERAS.replace('"d"', '"caf\\u00e9:\\ud83d\\ude00"'),
    KERAS.replace('"name": "s"', '"name": "s", "unread": [1e999, {"a": {"a": {"a": 1}}}]'),
    NATIVE.replace('"keras"', '"keras"  ').replace(",", " ,\n"),
    NATIVE.replace('"d"', '"\\u003a: :"'),
    HEADER.replace('"pt"', '"a: b"'),
]  # fmt: skip


def through_library(text: str) -> Report:
    return paramcount.count(text)


def through_envelope(text: str) -> Report:
    request = load_envelope(b'{"architecture":%b}' % text.encode())
    assert request.source is not None
    return paramcount.count(request.source)


def through_archive(text: str) -> None:
    paramcount.count(_archive({"config.json": text}))


def _archive(members: dict[str, str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return file.getvalue()


def problems_of(reading: Callable[[str], object], text: str) -> set[tuple[str, str]]:
    with pytest.raises(Problems) as raised:
        reading(text)
    return {(problem.pointer, problem.code) for problem in raised.value.problems}


@pytest.mark.parametrize("reading", [through_library, through_envelope])
@pytest.mark.parametrize(("document", "once", "twice", "pointer"), REPEATED)
def test_a_name_that_an_object_has_twice(
    reading: Callable[[str], object], document: str, once: str, twice: str, pointer: str
) -> None:
    assert once in document
    assert problems_of(reading, document.replace(once, twice, 1)) == {(pointer, "duplicate_name")}


@pytest.mark.parametrize(("document", "once", "twice", "pointer"), [row for row in REPEATED if row[0] in (KERAS, CONV)])
def test_a_name_twice_in_an_archive(document: str, once: str, twice: str, pointer: str) -> None:
    assert problems_of(through_archive, document.replace(once, twice, 1)) == {(pointer, "duplicate_name")}


@pytest.mark.parametrize("reading", [through_library, through_envelope])
@pytest.mark.parametrize("document", SOUND)
def test_a_name_that_each_object_has_once(reading: Callable[[str], Report], document: str) -> None:
    assert reading(document).totals["total"] > 0


def test_names_twice_in_many_objects_are_all_reported() -> None:
    layers = ", ".join(['{"type": "Dense", "units": 4, "units": 5}'] * 120)
    problems = problems_of(through_library, f'{{"framework": "keras", "input_shape": [3], "layers": [{layers}]}}')
    assert problems == {(f"/layers/{index}/units", "duplicate_name") for index in range(100)}


def test_a_header_of_many_tensors() -> None:
    entries = {f"h.{i}.w": {"dtype": "F32", "shape": [2], "data_offsets": [8 * i, 8 * i + 8]} for i in range(2000)}
    text = orjson.dumps(entries).decode()
    paramcount.count(text)
    again = text.replace('"h.7.w"', '"h.6.w"')
    assert problems_of(through_library, again) == {("/h.6.w", "duplicate_name")}
    raw = len(again).to_bytes(8, "little") + again.encode()
    with pytest.raises(Problems) as raised:
        read(raw, FORMATS["safetensors"])
    assert [problem.pointer for problem in raised.value.problems] == ["/h.6.w"]


@pytest.mark.parametrize(
    ("envelope", "pointer"),
    [
        ('{"architecture": 1, "architecture": %s}', "/architecture"),
        ('{"architecture":%s,"detail":"totals","detail":"layers"}', "/detail"),
        ('{ "architecture": %s, "trainable": [], "trainable": [{"match": "*", "trainable": false}]}', "/trainable"),
        ('{"architecture": %s, "trainable": [{"match": "*", "match": "d", "trainable": false}]}', "/trainable/0/match"),
        ('{"architecture": %s, "adapter": {"peft_type": "LORA", "r": 8, "r": 16}}', "/adapter/r"),
    ],
)
def test_a_member_of_an_envelope_twice(envelope: str, pointer: str) -> None:
    load_plugins()
    assert problems_of(lambda text: load_envelope(text.encode()), envelope % NATIVE) == {(pointer, "duplicate_name")}


@pytest.mark.parametrize(
    ("comparison", "pointer"),
    [
        ('{"before": {}, "before": {"architecture": %s}, "after": {"architecture": 1}}', "/before"),
        ('{"before": {"architecture": %s, "dtype": "F32", "dtype": "F16"}, "after": {}}', "/before/dtype"),
    ],
)
def test_a_member_of_a_comparison_twice(comparison: str, pointer: str) -> None:
    assert problems_of(lambda text: load_comparison(text.encode()), comparison % NATIVE) == {
        (pointer, "duplicate_name")
    }


def test_files_that_hold_a_name_twice(tmp_path: Path) -> None:
    document, shard = tmp_path / "model.json", tmp_path / "model-00001-of-00001.safetensors"
    document.write_text(NATIVE.replace('"units": 4', '"units": 4, "units": 5'))
    header = HEADER.replace('"format": "pt"', '"format": "pt", "format": "tf"').encode()
    shard.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    assert problems_of(paramcount.count, str(document)) == {("/layers/0/units", "duplicate_name")}
    (pointer, code), *_ = problems_of(paramcount.count, str(shard))
    assert (pointer, code) == ("/model-00001-of-00001.safetensors/__metadata__/format", "duplicate_name")


HALVES = ['"\\ud800"', '"\\udc00\\ud800"', '"a\\uD83D"']


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(
    ("document", "once"),
    [
        (KERAS, '"d"'), (KERAS, '"s"'), (CONV, '"i", 0'), (NATIVE, '"d"'), (TENSORS, '"a.w"'), (HEADER, '"pt"'),
        (CONFIG, '"qwen2"'),
    ],
)  # fmt: skip
def test_half_of_a_surrogate_pair(document: str, once: str, half: str) -> None:
    text = document.replace(once, half + once[len(once.split(",", maxsplit=1)[0]) :], 1)
    for reading in (through_library, through_archive):
        with pytest.raises(Problems):
            reading(text)


@pytest.mark.parametrize(
    ("layers", "pointers"),
    [
        ([("a.b", None), ("a", ["b"])], {"/layers/1/layers/0"}),
        ([("a", ["b.c"]), ("a.b", ["c"])], {"/layers/1/layers/0"}),
        ([("a", ["b"]), ("a.b", None)], {"/layers/1"}),
        ([("a.b", None), ("a", ["c"])], set()),
        ([("a", ["b"]), ("b", ["b"])], set()),
    ],
)
def test_layers_of_one_path(layers: list[tuple[str, list[str] | None]], pointers: set[str]) -> None:
    leaf = {"type": "Dense", "units": 3}
    document = {
        "framework": "keras",
        "input_shape": [3],
        "layers": [
            {"name": name, **leaf}
            if inner is None
            else {"name": name, "type": "Block", "layers": [{"name": each, **leaf} for each in inner]}
            for name, inner in layers
        ],
    }
    if pointers:
        problems = problems_of(lambda _: paramcount.count(document), "")
        assert {pointer for pointer, _ in problems} >= pointers
    else:
        assert paramcount.count(document).totals["total"] == 24  # two of 3·3 + 3


def test_tensors_of_one_path() -> None:
    attention = {"type": "MultiheadAttention", "name": "mha", "embed_dim": 4, "num_heads": 2}
    linear = {"type": "Linear", "name": "mha.out_proj", "in_features": 4, "out_features": 4}
    problems = problems_of(lambda _: paramcount.count({"framework": "torch", "layers": [attention, linear]}), "")
    assert problems == {("/layers/1", "duplicate_name")}


@pytest.mark.parametrize(
    ("archive", "detail"),
    [
        (_archive({"config.json": KERAS}, zipfile.ZIP_LZMA), "packed in a way that is not read"),
        (_archive({"config.json": KERAS}, zipfile.ZIP_BZIP2), "packed in a way that is not read"),
        (_archive({"other.json": KERAS}), "without a config.json"),
        (_archive({"config.json": KERAS}).replace(b"PK\1\2", b"PK\1\3"), "directory is broken"),
        (_archive({"config.json": KERAS})[:-30], "the directory at the archive's end"),
        (_archive({"config.json": KERAS, "config.jsox": "{}"}).replace(b"config.jsox", b"config.json"), "twice"),
        (_archive({"config.json": '{"a": "\\ud800"}'}), "surrogates"),
        (_archive({"config.json": "\udcff".encode(errors="surrogateescape").decode("latin-1")}), "JSON"),
    ],
)
def test_an_archive_that_cannot_be_read(archive: bytes, detail: str) -> None:
    with pytest.raises(InvalidDocument, match=detail):
        read_config(archive)


def test_an_archive_with_any_byte_changed() -> None:
    """It is refused, or what is changed is nothing that is read, as a date."""
    archive = _archive({"metadata.json": "{}", "config.json": KERAS})
    config, refused = read_config(archive), 0
    for position in range(len(archive)):
        for changed in (archive[position] ^ 0xFF, archive[position] ^ 1, 0):
            raw = archive[:position] + bytes([changed]) + archive[position + 1 :]
            try:
                assert read_config(raw) == config
            except (InvalidDocument, Problems):
                refused += 1
    assert refused > len(archive)

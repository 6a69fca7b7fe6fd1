"""Files that Keras 3.15 and tf.keras 2.15 wrote: counts are those of the models that Keras loads from them."""

from __future__ import annotations

import io
import json
import zlib
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.formats.partial_file import PartialFile
from paramcount.model.errors import Incomplete, Problems
from paramcount.model.report import Report
from paramcount.schema.registry import FORMATS

EXAMPLES: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("files.json").read_text())


def unpack(data: str) -> bytes:
    return zlib.decompress(b64decode(data))


def content(name: str) -> bytes:
    return unpack(EXAMPLES[name]["zlib"])


def report_of(data: Any) -> Report:
    assert detect(data).name == "keras"
    return count(read(data, FORMATS["keras"]))


def warnings_of(report: Report) -> dict[str, str]:
    return {warning.code: warning.detail for warning in report.warnings}


def archive(method: int = ZIP_STORED, **replaced: bytes) -> bytes:
    """The classifier's archive, packed by a method, members replaced ("" removes one)."""
    buffer = io.BytesIO()
    with ZipFile(io.BytesIO(content("keras-3 classifier m.keras"))) as old, ZipFile(buffer, "w", method) as new:
        for name in old.namelist():
            if member := replaced.get(name.replace(".", "_"), old.read(name)):
                new.writestr(name, member)
    return buffer.getvalue()


@pytest.mark.parametrize("name", [name for name, example in EXAMPLES.items() if "trainable" in example])
def test_whole_models(name: str) -> None:
    report, example = report_of(content(name)), EXAMPLES[name]
    totals = report.root.totals
    assert report.exact, report.warnings
    assert report.convention == "keras"
    assert totals.trainable == example["trainable"]
    assert totals.trainable + totals.frozen + totals.buffers == example["total"]
    sizes = {row.name: sum(row.totals[:3]) for row in report.root.children}
    assert sizes == {layer: size for layer, size in example["layers"].items() if layer in sizes}
    assert sum(sizes.values()) == example["total"]


@pytest.mark.parametrize(
    "name", [name for name, example in EXAMPLES.items() if "trainable" not in example and "zlib" in example]
)
def test_weights_alone(name: str) -> None:
    report, example = report_of(content(name)), EXAMPLES[name]
    total = sum(report.root.totals[:3])
    assert report.convention == "stored"
    if name == "keras-3 lora m.weights.h5":  # Keras adds A (6 × 2) and B (2 × 5) when it loads it: 22
        assert (total, report.exact) == (example["total"] - 22, False)
    else:
        assert total == example["total"]
    assert report.exact is not bool({"lora_not_stored", "repeated_layer"} & warnings_of(report).keys())
    assert ("repeated_layer" in warnings_of(report)) is (name == "keras-2 shared m.h5 weights")


def test_weights_in_several_files() -> None:
    example = EXAMPLES["keras-3 classifier m.weights.json"]
    assert len(example["shards"]) > 1
    shards = {name: {"base64": b64encode(unpack(data)).decode()} for name, data in example["shards"].items()}
    files = {"m.weights.json": example["index"], **shards}
    report = count(read({"files": files}, FORMATS["repository"]))
    assert sum(report.root.totals[:3]) == example["total"]
    del files["m_00001.weights.h5"]
    assert "missing_shard" in warnings_of(count(read({"files": files}, FORMATS["repository"])))


def test_what_is_stored_beside_the_model() -> None:
    """Adam of 3 trainable tensors of 28 elements keeps 2 × 28, the iteration, and Keras 3 the learning rate, too."""
    for name, optimizer in (("keras-3 classifier m.h5", 58), ("keras-3 classifier m.keras", 58)):
        assert f" {optimizer} elements" in warnings_of(report_of(content(name)))["optimizer"]
    assert " 57 elements" in warnings_of(report_of(content("keras-2 classifier m.keras")))["optimizer"]
    assert " 4 elements" in warnings_of(report_of(content("keras-2 classifier m.keras")))["other_tensors"]  # loss, mae
    assert " 48 elements" in warnings_of(report_of(content("keras-3 series m.keras")))["stored_twice"]  # 2 × 6 × 4


def test_an_archive_whose_members_are_packed() -> None:
    assert report_of(archive(ZIP_DEFLATED)).exact


@pytest.mark.parametrize(
    ("weights", "code", "detail"),
    [
        (content("keras-3 bfloat16 m.keras"), "weights_not_read", "no HDF5 file"),
        (content("keras-3 classifier m.weights.h5")[:-1], "weights_not_read", "not complete"),
        (content("keras-3 shared m.weights.h5"), "weights_differ", "[5, 3]"),
    ],
)
def test_weights_that_do_not_fit_their_config(weights: bytes, code: str, detail: str) -> None:
    report = report_of(archive(model_weights_h5=weights))
    assert not report.exact
    assert detail in warnings_of(report)[code]
    assert sum(report.root.totals[:3]) == EXAMPLES["keras-3 classifier m.keras"]["total"]


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (content("keras-3 classifier m.h5")[:-1], "at least the first"),
        (content("keras-3 classifier m.h5")[:60], "at least the first"),
        (content("keras-3 classifier m.h5").replace(b'{"class_name"', b'["class_name"'), "no JSON"),
    ],
)
def test_refused(data: bytes, detail: str) -> None:
    with pytest.raises(Problems) as refused:
        report_of(data)
    assert detail in refused.value.problems[0].detail


@pytest.mark.parametrize("name", ["keras-3 classifier m.h5", "keras-3 classifier m.keras"])
def test_parts_of_a_file_suffice(name: str) -> None:
    """Bytes are asked for in blocks, until the answer is that to the whole file."""
    whole = content(name)
    file = PartialFile(name, len(whole))
    for _ in range(20):
        try:
            report = report_of(file)
            break
        except (Problems, Incomplete) as raised:
            (error,) = raised.problems if isinstance(raised, Problems) else [raised]
            assert error.needs is not None
            file.add(error.needs["first"], whole[error.needs["first"] : error.needs["last"] + 1])
    assert report == report_of(whole)

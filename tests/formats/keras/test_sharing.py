"""keras: objects that stand in several places of an archive count once."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest

from paramcount.model.errors import Problems
from tools.cases.keras_documents import (
    Document,
    bare,
    count_document,
    dense,
    entry,
    layer,
    numbers,
    sequential,
)
from tools.cases.keras_shared import SAVED, SHARED, one_object


def archive(document: Document) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w") as members:
        members.writestr("config.json", json.dumps(document))
    return file.getvalue()


@pytest.mark.parametrize(("payload", "trainable", "frozen"), [*SHARED.values(), *SAVED.values()], ids=SHARED | SAVED)
def test_an_object_is_counted_once(payload: Document, trainable: int, frozen: int) -> None:
    report = count_document(archive(payload))
    assert numbers(report) == (trainable, frozen)
    assert report.exact


def test_a_mark_of_one_layer_alone() -> None:
    """Keras marks the second place of an object; here nothing before it is like it."""
    report = count_document(
        archive(sequential(entry(), bare(dense("a", units=4)), one_object(bare(dense("b", trainable=True)))))
    )
    assert [warning.code for warning in report.warnings if not warning.exact] == ["shared_object"]


@pytest.mark.parametrize(("payload", "trainable", "frozen"), SHARED.values(), ids=SHARED)
def test_its_config_alone(payload: Document, trainable: int, frozen: int) -> None:
    assert numbers(count_document(payload)) == (trainable, frozen)


def strip_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [strip_ids(item) for item in value]
    if isinstance(value, dict):
        return {name: strip_ids(item) for name, item in value.items() if name != "shared_object_id"}
    return value


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a cell twice in a stack", 288),
        ("a layer, and a sequence that holds it", 55),
        ("a sequence that wrappers share", 100),
        ("a layer in two wrappers", 40),
        ("a shared Bidirectional", 576),
    ],
)
def test_without_marks_each_is_an_object(name: str, expected: int) -> None:
    assert sum(numbers(count_document(strip_ids(SHARED[name][0])))) == expected  # as model_from_json makes copies


def test_later_occurrences_are_tied_to_the_first() -> None:
    report = count_document(SHARED["a layer, and a sequence that holds it"][0])
    ties = {f"{row.path}.{tensor.name}": tensor.tied_to for row, _ in report.root.walk() for tensor in row.tensors}
    assert ties == {
        "d.kernel": "",
        "d.bias": "",
        "sub.d.kernel": "d.kernel",
        "sub.d.bias": "d.bias",
        "sub.e.kernel": "",
        "sub.e.bias": "",
    }
    (row,) = count_document(SHARED["a cell twice in a stack"][0]).root.children
    name = "stack.cell.kernel"
    assert [tensor.tied_to for tensor in row.tensors if tensor.name == name] == ["", f"r.{name}"]


@pytest.mark.parametrize(
    ("payload", "pointer"),
    [
        (  # another class
            sequential(
                entry("x", 5, 4), one_object(bare(dense(units=4))), one_object(bare(layer("GRU", "g", units=2)))
            ),
            "/config/layers/2/shared_object_id",
        ),
        (  # other sizes
            sequential(entry(), one_object(bare(dense("a"))), one_object(bare(dense("b")))),
            "/config/layers/2/shared_object_id",
        ),
    ],
    ids=["another class", "other sizes"],
)
def test_refused(payload: Document, pointer: str) -> None:
    with pytest.raises(Problems) as refused:
        count_document(payload)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


def test_marks_that_are_no_numbers_are_read() -> None:
    strange = [{"a": [1]}, "seven", None, 2**70, 1.5]
    for mark in strange:
        layers = [bare(dense(name, units=4)) | {"shared_object_id": mark} for name in "ab"]
        assert numbers(count_document(sequential(entry(), *layers))) == (20, 0)


def test_an_object_with_its_mark_inside() -> None:
    inner = one_object(sequential(entry("y"), bare(dense()), name="s"))  # Keras makes it first, and then the outer one
    assert numbers(count_document(one_object(sequential(entry(), inner)))) == (15, 0)


@pytest.mark.parametrize(
    "nest",
    [
        lambda inner: {"class_name": "A", "config": {"name": "n", "kernel_initializer": inner}},
        lambda inner: {"a": {"b": inner}},
        lambda inner: [[inner]],
    ],
)
def test_marks_at_any_depth(nest: Any) -> None:
    deep: Any = {"shared_object_id": 1}
    for _ in range(300):
        deep = nest(deep)
    assert numbers(count_document(sequential(entry(), bare(dense(kernel_initializer=deep))))) == (15, 0)

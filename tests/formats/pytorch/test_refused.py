"""pytorch: tensors, objects and archives that are refused."""

from __future__ import annotations

from typing import Any
from zipfile import ZIP_DEFLATED

import pytest

from paramcount.model.errors import Problems
from tests.builders.pickles import Call, Name, Persistent, archive, dtype, dump, module, storage, tensor, zip_files
from tests.formats.pytorch.test_pytorch import HOOKS, META, OPTIMIZER, SPARSE, WEIGHTS, B, W, report_of

BAD_STORAGE = Persistent(("storage", "FloatStorage", "0", "cpu", 4))


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ({}, "holds no tensors"),
        ({"epoch": 3, "names": ["a", "b"]}, "holds no tensors"),
        (OPTIMIZER, "the state of an optimizer, and no tensors of a model"),
        ({"w": tensor("0", 3, 4, size=11)}, "ends beyond its storage of 11 elements"),
        ({"w": tensor("0", 4, offset=1, size=4)}, "ends beyond its storage"),
        ({"w": tensor("0", -3, size=9)}, "sizes from 0"),
        ({"w": tensor("0", 2, stride=(-1,))}, "sizes from 0"),
        ({"w": tensor("0", 2, stride=(1, 1))}, "offset or strides"),
        ({"w": tensor("0", 2, offset=-1, size=9)}, "offset or strides"),
        ({"w": tensor("0", *[1] * 65, stride=(1,) * 65)}, "at most 64 axes"),
        ({"w": Call("torch._utils _rebuild_tensor_v2", (3, 0, (1,), (1,), False, HOOKS))}, "without a storage"),
        ({"w": Call("torch._utils _rebuild_tensor_v2", (storage("0", 4),))}, "arguments that it does not take"),
        ({"w": Call("torch._utils _rebuild_tensor_v2", ())}, "arguments that it does not take"),
        ({"w": Call(META, (dtype("float3"), (1,), (1,), False))}, 'dtype "float3"'),
        ({"w": Call(META, (Name("os float32"), (1,), (1,), False))}, "which is not known"),
        ({"w": Call("torch._utils _rebuild_tensor_v2", (BAD_STORAGE, 0, (4,), (1,), False, HOOKS))}, "without a type"),
        ({"w": Persistent("storage")}, "no storage of torch"),
        (module(parameters=3), "without tables of its tensors"),
        ({"w": Call(SPARSE, (3, (W,)))}, "arguments that it does not take"),
        (
            {"w": Call("numpy._core.multiarray _reconstruct", (), (1, (2,), Call("my dtype"), False, b""))},
            "an array a state",
        ),
        ({"w": Call("torch._utils _rebuild_nested_tensor", ({},))}, "arguments that it does not take"),
        ({"a": {"b": W}, "a.b": B}, 'two tensors of the name "a.b"'),
    ],
)
def test_refused(value: Any, detail: str) -> None:
    with pytest.raises(Problems) as refused:
        report_of(archive(value))
    assert detail in refused.value.problems[0].detail


def test_circles_are_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    doubled: Any = W
    for _ in range(60):
        doubled = [doubled, doubled]
    for value, detail in ((circle, "in themselves"), ({"w": doubled}, "in too many places")):
        with pytest.raises(Problems) as refused:
            report_of(archive(value))
        assert detail in refused.value.problems[0].detail


def test_nothing_nested_is_hashed() -> None:
    """A sparse tensor in a sparse tensor twice, 40 levels deep: its parts have 2^40 paths."""
    part: Any = W
    for _ in range(40):
        part = Call(SPARSE, (0, (part, part, Call("torch Size", ((3, 4),)))))
    assert report_of(archive({"w": part})).root.totals.trainable == 12


def _flip(raw: bytes, name: bytes, offset: int, value: int) -> bytes:
    """An archive with a byte of the local header of a member changed."""
    position = raw.index(name) - 30 + offset
    return raw[:position] + bytes([value]) + raw[position + 1 :]


GOOD = archive(WEIGHTS)


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (zip_files({"a/x.pkl": b""}), "holds data.pkl nowhere"),
        (zip_files({"a/data.pkl": dump(W), "b/data.pkl": dump(W)}), "holds data.pkl several times"),
        (GOOD + GOOD, "whose end contradicts"),
        (b"PK\3\4" + GOOD, "whose end contradicts"),
        (_flip(GOOD, b"archive/data.pkl", 6, 1), "contradict each other"),  # encrypted by its local header only
        (_flip(GOOD, b"archive/data.pkl", 8, 8), "contradict each other"),  # deflated, by it
        (_flip(GOOD, b"archive/data.pkl", 18, 3), "contradict each other"),  # of another size
        (_flip(GOOD, b"archive/data.pkl", 30, 66), "contradict each other"),  # of another name
        (archive(dump(WEIGHTS)), '"archive/data/0", which a tensor lies in, is not there'),
        (archive(dump(WEIGHTS), members={"data/0": bytes(47), "data/1": bytes(12)}), "has 47 bytes instead of 48"),
        (archive(dump(WEIGHTS) + b"N."), "after the end of its pickle"),
        (archive(b"\x80\2" + b"]" * 10**6 + b".", method=ZIP_DEFLATED), "which unpacks to"),
        (dump(0x1950A86A20F9469CFC6C) + dump(1000), "of another protocol"),
    ],
)
def test_refused_archives(raw: bytes, detail: str) -> None:
    with pytest.raises(Problems) as refused:
        report_of(raw)
    assert detail in refused.value.problems[0].detail

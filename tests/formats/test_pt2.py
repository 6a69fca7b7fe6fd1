"""pt2: archives of torch.export, made member by member."""

from __future__ import annotations

import json
from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.formats.partial_file import PartialFile
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.schema.registry import FORMATS
from tests.builders.pickles import archive, parameter, tensor, zip_files


def report_of(raw: Any) -> Report:
    return count(read(raw, FORMATS["pt2"]))


def weight(
    file: int, *shape: int, param: bool = True, grad: bool = True, dtype: int = 7, offset: int = 0, **more: Any
) -> dict[str, Any]:
    meta = {
        "dtype": dtype,
        "sizes": [{"as_int": size} for size in shape],
        "strides": [{"as_int": 1} for _ in shape],
        "storage_offset": {"as_int": offset},
        "requires_grad": grad,
        **more,
    }
    return {"path_name": f"weight_{file}", "is_param": param, "use_pickle": False, "tensor_meta": meta}


def write_pt2(weights: Any, constants: Any = None, model: str = "model", **members: bytes) -> bytes:
    files = {
        "a/data/weights/weight_0": b"",
        f"a/data/weights/{model}_weights_config.json": json.dumps({"config": weights}).encode(),
        f"a/data/constants/{model}_constants_config.json": json.dumps({"config": constants or {}}).encode(),
        "a/archive_format": b"pt2",
        **members,
    }
    return zip_files(files)


@pytest.mark.parametrize(
    ("weights", "totals"),
    [
        ({"w": weight(0, 3, 4), "b": weight(1, 3, grad=False)}, (12, 3, 0)),
        ({"w": weight(0, 3, 4), "m": weight(1, 3, param=False, grad=False)}, (12, 0, 3)),
        ({"w": weight(0, 3, 4), "tied": weight(0, 3, 4)}, (12, 0, 0)),
        ({"w": weight(0, 3), "view": weight(0, 3, offset=3)}, (6, 0, 0)),  # of one storage
        ({"w": weight(0), "half": weight(1, 2, dtype=6), "f8": weight(2, 2, dtype=29)}, (5, 0, 0)),
        ({}, (0, 0, 0)),
    ],
)
def test_counted(weights: Any, totals: tuple[int, int, int]) -> None:
    raw = write_pt2(weights)
    report = report_of(raw)
    actual = report.root.totals
    assert (actual.trainable, actual.frozen, actual.buffers) == totals
    assert (detect(raw).name, report.convention, report.exact) == ("pt2", "torch", True)


def test_constants_are_not_counted() -> None:
    report = report_of(
        write_pt2({"w": weight(0, 3)}, {"scratch": weight(1, 7, param=False), "obj": {"tensor_meta": None}})
    )
    assert report.root.totals.trainable == 3
    assert [warning.detail[:12] for warning in report.warnings] == ["7 elements i"]


@pytest.mark.parametrize("name", ["serialized_state_dict.pt", "a/data/weights/model.pt"])
def test_a_state_dict_of_older_releases(name: str) -> None:
    state = archive({"w": parameter(tensor("0", 3, 4)), "mean": tensor("1", 3)})
    raw = zip_files({name: state, "serialized_exported_program.json": b"{}", "version": b"8.0"})
    totals = report_of(raw).root.totals
    assert (totals.trainable, totals.frozen, totals.buffers) == (12, 0, 3)
    assert detect(raw).name == "pt2"


def test_two_models_are_two_rows() -> None:
    other = json.dumps({"config": {"w": weight(0, 5)}}).encode()
    raw = write_pt2({"w": weight(0, 3)}, model="one", **{"a/data/weights/two_weights_config.json": other})
    assert [(row.name, row.totals.trainable) for row in report_of(raw).root.children] == [("one", 3), ("two", 5)]


def test_the_last_bytes_and_the_description_suffice() -> None:
    raw = write_pt2({"w": weight(0, 3)})
    first = raw.index(b"PK\3\4", 10)
    assert report_of(PartialFile("m.pt2", len(raw), [(first, raw[first:])])).root.totals.trainable == 3
    with pytest.raises(Problems) as refused:
        report_of(PartialFile("m.pt2", len(raw), [(first + 9, raw[first + 9 :])]))
    assert refused.value.problems[0].needs is not None


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (write_pt2(3), "no PayloadConfig"),
        (write_pt2({"w": 3}), 'does not describe "w"'),
        (write_pt2({"w": weight(0, 3, dtype=99)}), "of the type 99"),
        (write_pt2({"w": weight(0, -3)}), "sizes from 0"),
        (write_pt2({"w": weight(0, sizes=[{"as_expr": {}}])}), 'does not describe "w"'),
        (zip_files({"a/archive_format": b"pt2"}), "without the description of weights"),
        (zip_files({"a/archive_format": b"pt2", "a/data/aotinductor/m/x.so": b""}), "AOTInductor"),
        (b"P.PK\5\6" + bytes(9), "the directory at the archive's end"),
        (write_pt2({"w": weight(0, 3)})[:-1], "the directory at the archive's end"),
    ],
)
def test_refused(raw: bytes, detail: str) -> None:
    with pytest.raises(Problems) as refused:
        report_of(raw)
    assert detail in refused.value.problems[0].detail

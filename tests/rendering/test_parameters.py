"""The number of record: its members, its words, and sums over rows that come to it."""

from __future__ import annotations

import csv
import json
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml

import paramcount
from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.formats.huggingface.blueprints import load_index
from paramcount.model.document import FRAMEWORKS
from paramcount.model.report import Report
from paramcount.rendering import RENDERERS
from paramcount.rendering.json import as_json
from paramcount.rendering.parameters import as_line, record, short_bytes, short_count
from paramcount.schema.registry import FORMATS, load_plugins
from tests.builders.safetensors import header
from tools.cases.reports import ALL, dense, model, report

ROOT = Path(__file__).parents[2]
CASES = yaml.load(Path(__file__).with_name("parameters.yaml").read_text(), yaml.CSafeLoader)

load_plugins()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_members(case: dict[str, Any]) -> None:
    document = case["document"] if "document" in case else header(**case["tensors"])
    if "config" in case:
        document = {"header": document, "config": case["config"]}
    shown = paramcount.count(document, **case.get("options", {}))
    recorded = as_json(shown)["parameters"]
    expected = case["parameters"]
    assert {name: recorded[name] for name in expected} == expected
    nulls = {name for name in ("total", "stored", "active", "embedding") if recorded[name] is None}
    assert recorded["unknown"].keys() == nulls
    if "line" in case:
        assert as_line(shown) == case["line"] + "\n"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"), (999, "999"), (1000, "1.00K"), (1234, "1.23K"), (12_345, "12.3K"), (147_800_000, "147.8M"),
        (7_615_616_512, "7.62B"), (8_030_261_248, "8.03B"), (9_994_999, "9.99M"), (9_995_001, "10.0M"),
        (99_960_000, "100.0M"), (999_949_999, "999.9M"), (999_950_001, "1.00B"), (405_853_388_800, "405.9B"),
        (1_026_408_232_448, "1.03T"), (2**53 - 1, "9.01P"),
    ],
)  # fmt: skip
def test_a_number_in_short(number: int, text: str) -> None:
    assert short_count(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (102_546_848, "97.8 MiB"), (16_060_522_496, "15.0 GiB"),
     (10 * 2**30 - 1, "10.0 GiB"), (2**40, "1.00 TiB"), (500 * 2**20, "500 MiB")],
)  # fmt: skip
def test_bytes_in_short(number: int, text: str) -> None:
    assert short_bytes(number) == text


def test_versions() -> None:
    pinned = (ROOT / "tools/oracle/requirements.txt").read_text().split()
    assert FRAMEWORKS["keras"].replace(" ", "==") in pinned
    by = as_json(report(model(dense("a"))))["counted_by"]
    assert by == {"paramcount": by["contract"], "contract": by["contract"], "framework": FRAMEWORKS["keras"]}
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    assert as_json(report(config))["counted_by"]["framework"] == f"transformers {load_index().version}"
    assert as_json(report(header(w="F32 3")))["counted_by"]["framework"] is None
    assert as_json(ALL["wide"])["counted_by"]["framework"] is None


def test_the_record_of_a_table() -> None:
    assert record(report(model(dense("a")))) == ("Parameters", "12", "48 B as F32 (assumed)")
    heading, number, note = record(report(header(q__qweight="I32 8x32", q__scales="F16 2x32")))
    assert (heading, number) == ("Parameters", "unknown")
    assert note.endswith("; 1.12 KiB as I32, F16")


# Sums


def reports() -> dict[str, Report]:
    """Every example, every format's example, and blocks in blocks."""
    shown = dict(ALL)
    for path in sorted((ROOT / "examples").glob("resnet50*")) + sorted((ROOT / "examples").glob("*.json")):
        shown[path.name] = paramcount.count(path)
    for name, document_format in FORMATS.items():
        shown[f"format {name}"] = count(read(document_format.example, document_format))
    layers = [dense("a", 3) | {"repeat": 2}, dense("b", 3)]
    inner = {"type": "Block", "repeat": 3, "layers": layers}
    shown["blocks"] = report(model(inner | {"layers": [*layers, inner]}, dense("c")))
    shown["direct"] = report(
        {"parameters": {f"a.{i}.b.{j}{name}": {"shape": [4]} for i in range(3) for j in range(2)
                        for name in (".w", ".c.w", ".c.0.w", ".c.1.w")}}
    )  # fmt: skip
    return shown


REPORTS = reports()


def leaf_sum(rows: list[dict[str, Any]]) -> int:
    """Return the sum over the leaves, and over the tensors of rows that are none."""
    return sum(
        leaf_sum(row["children"]) + row.get("direct_all", 0) if row["children"] else row["total_all"] for row in rows
    )


def assert_rows_add_up(shown: Report) -> None:
    answer = as_json(shown, "tensors")
    buffers_count = answer["convention"] != "torch"
    direct = sum(
        tensor["size"]
        for tensor in answer["tensors"]
        if "tied_to" not in tensor and (buffers_count or tensor["role"] == "weight")
    )
    if answer["layers"]:
        assert answer.get("direct_all", 0) == direct
    assert leaf_sum(answer["layers"]) + direct == answer["totals"]["total"]
    rows = list(csv.DictReader(StringIO(RENDERERS["text/csv"](shown, "layers", 1000))))
    levels = [int(row["level"]) for row in rows] + [0]
    leaves = [row for row, below in zip(rows, levels[1:], strict=True) if below <= int(row["level"])]
    assert sum(int(row["total_all"]) for row in leaves) == answer["totals"]["total"]
    assert all(int(row["copies"]) % int(row["repeat"]) == 0 for row in rows)


@pytest.mark.parametrize("name", REPORTS)
def test_leaves_add_up(name: str) -> None:
    for convention in ("keras", "torch", "stored"):
        assert_rows_add_up(REPORTS[name]._replace(convention=convention))


def test_leaves_of_every_class_add_up() -> None:
    """Every eighth class of transformers that counts with its defaults; most have folded blocks."""
    counted = 0
    for class_name, model_types in islice(load_index().classes.items(), None, None, 8):
        for model_type in model_types:
            try:
                shown = paramcount.count({"architectures": [class_name], "model_type": model_type})
            except paramcount.Problems:
                continue
            if shown.row_count < 1000:
                assert_rows_add_up(shown)
                counted += 1
    assert counted > 100


def test_copies_of_nested_blocks() -> None:
    rows = {row["path"]: row for row in csv.DictReader(StringIO(RENDERERS["text/csv"](REPORTS["blocks"], "layers", 9)))}
    inner = rows["block.block.dense"] if "block.block.dense" in rows else rows["block.block.a"]
    assert (inner["repeat"], inner["copies"]) == ("2", "18")  # 3 · 3 · 2
    assert int(inner["total_all"]) == 18 * 12


def test_answers_are_json() -> None:
    for shown in REPORTS.values():
        assert json.loads(json.dumps(as_json(shown), allow_nan=False))["totals"] == as_json(shown)["totals"]

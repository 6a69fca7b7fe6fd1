"""gguf: files made byte by byte, valid, invalid and truncated at every byte, in both byte orders."""

from __future__ import annotations

from struct import pack
from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.formats.gguf import read_file
from paramcount.model.errors import Incomplete, Problems
from paramcount.model.report import Report
from paramcount.model.tensors import Tensor
from paramcount.schema.registry import FORMATS
from tests.builders.gguf import Q4_0, Q4_K, Writer, full


def count_document(payload: Any) -> Report:
    return count(read(payload, FORMATS["gguf"]))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [2, 3])
def test_a_file(order: str, version: int) -> None:
    report = count_document(full(order, version).bytes())
    totals = report.root.totals
    # 64·3 + 1 train; the quantised ones, 2·(32·2), do not; 5 integers. Q4_0: 18 bytes for 32.
    assert (totals.trainable, totals.frozen, totals.buffers) == (193, 128, 5)
    assert (totals.bytes, totals.buffer_bytes) == (192 * 4 + 1 * 2 + 4 * 18, 20)
    assert (report.root.name, report.convention, report.exact) == ("little", "stored", True)
    assert report.weights_by_dtype == {"F32": 192, "F16": 1, "Q4_0": 128}
    rows = {row.path: row for row in report.root.children}
    assert rows["blk"].children[0].name == "0-1"
    assert rows["token_embd"].tensors == (Tensor("weight", (3, 64), "weight", "F32"),)


def test_cut_off_at_every_byte() -> None:
    whole = full().bytes()
    for length in range(len(whole)):
        with pytest.raises(Incomplete) as refused:
            read_file(whole[:length])
        assert length < refused.value.needs["last"] + 1 <= len(whole)
    assert read_file(whole).size == 1024 + -(-len(whole) // 64) * 64


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        (b"GGML" + bytes(20), "does not begin with GGUF"),
        (Writer(version=1).bytes(), "version 1"),
        (Writer(version=4).bytes(), "version 4"),
        (Writer(version=0).bytes(), "version 0"),
        (Writer().bytes(tensors=2**63), "250,000 are the most"),
        (Writer().bytes(tensors=1), "ends after 24 bytes, within the tensors' descriptions: at least the first 32"),
        (Writer().bytes(pairs=2**64 - 1), "ends after 24 bytes, within the metadata"),
        (Writer().number("a", 1).number("a", 1).bytes(), '"a" twice'),
        (Writer().pair("a", 13, b"").bytes(), "metadata of type 13"),
        (Writer().pair("a", 9, pack("<IQ", 9, 1) * 20).bytes(), "metadata of type 9"),
        (Writer().pair("a", 9, pack("<IQ", 4, 2**61)).bytes(), "at least the first 9,223,372,036,854,775,857 bytes"),
        (Writer().pair("a", 9, pack("<IQ", 8, 2**61) + pack("<Q", 2**63)).bytes(), "within the metadata"),
        (Writer().pair("a", 8, pack("<Q", 2**62)).bytes(), "a string of"),
        (Writer().tensor(b"\xff", (1,)).bytes(), "not UTF-8"),
        (Writer().tensor("w", (1,)).tensor("w", (1,), at=32).bytes(), "described twice"),
        (Writer().tensor("w", (1,) * 5).bytes(), "at most 4 dimensions"),
        (Writer().tensor("w", (2**63,)).bytes(), "must hold sizes from 0 to"),
        (Writer().tensor("w", (2**40,) * 4).bytes(), "more than"),
        (Writer().tensor("w", (32,), 4).bytes(), "type 4"),
        (Writer().tensor("w", (32,), 2**32 - 1).bytes(), "type 4294967295"),
        (Writer().tensor("w", (33, 32), Q4_0).bytes(), "no whole blocks of 32 (Q4_0)"),
        (Writer().tensor("w", (128, 2), Q4_K).bytes(), "no whole blocks of 256 (Q4_K)"),
        (Writer().tensor("w", (), Q4_0).bytes(), "no whole blocks"),
        (Writer().tensor("w", (1,), at=32).bytes(), "lies at byte 32 of the data, not 0"),
        (Writer().tensor("w", (1,)).tensor("v", (1,)).bytes(), "lies at byte 0 of the data, not 32"),
        (Writer().number("general.alignment", 24).bytes(), "a power of two, not 24"),
        (Writer().number("general.alignment", 0).bytes(), "a power of two, not 0"),
        (Writer().text("general.alignment", "32").bytes(), "a power of two"),
        ({}, "must be the first bytes"),
        ({"a": 1}, "must be the first bytes"),
        ({"a": Writer().tensor("w", (1,)).bytes(), "b": Writer().tensor("w", (1,)).bytes()}, "in two of its files"),
        (None, "must be"),
    ],
)
def test_refused(payload: Any, detail: str) -> None:
    with pytest.raises(Problems) as refused:
        count_document(payload)
    assert any(detail in problem.detail for problem in refused.value.problems), refused.value.problems


@pytest.mark.parametrize(
    ("payload", "code", "exact"),
    [
        (
            Writer().tensor("token_embd.weight", (1,)).tensor("output_norm.weight", (1,), at=32).bytes(),
            "tied_output",
            True,
        ),
        (Writer().number("split.count", 3).tensor("w", (1,)).bytes(), "missing_shard", False),
    ],
)
def test_notices(payload: bytes, code: str, exact: bool) -> None:
    report = count_document(payload)
    assert code in [warning.code for warning in report.warnings]
    assert report.exact is exact


def test_a_split_model_is_one() -> None:
    files = {
        str(number): Writer().number("split.count", 2).tensor(f"blk.{number}.w", (7,)).bytes() for number in range(2)
    }
    report = count_document(files)
    assert (report.root.totals.trainable, report.exact) == (14, True)
    assert detect(files).name == "gguf"


def test_computed_tensors_are_buffers() -> None:
    report = count_document(Writer().tensor("rope_freqs.weight", (8,)).tensor("w", (1,), at=32).bytes())
    assert (report.root.totals.trainable, report.root.totals.buffers) == (1, 8)
    assert detect(Writer().bytes()).name == "gguf"

"""Partial files: any parts, in any order, read as the file's own bytes; what is missing is named."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZIP_STORED, ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramcount.formats.partial_file import PartialFile
from paramcount.model.errors import Incomplete, InvalidDocument

WHOLE = bytes(range(100))


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 30)), max_size=12), st.integers(0, 99), st.integers(1, 40)
)
def test_a_span_is_read_or_its_first_missing_bytes_are_named(
    spans: list[tuple[int, int]], first: int, length: int
) -> None:
    file = PartialFile("f", len(WHOLE), [(start, WHOLE[start : start + size]) for start, size in spans])
    held = {position for start, size in spans for position in range(start, start + size)}
    wanted = range(first, min(first + length, len(WHOLE)))
    missing = [position for position in wanted if position not in held]
    if not missing:
        assert file[first : first + length] == WHOLE[first : first + length]
        return
    with pytest.raises(Incomplete) as refused:
        file.read_at(first, length, "a test")
    last = next(position for position in range(missing[0], 100) if position + 1 in held or position == 99)
    start = next(position for position in range(missing[0], -1, -1) if position - 1 in held or position == 0)
    assert refused.value.needs == {"file": "f", "first": start, "last": last}
    assert refused.value.code == "incomplete"


@pytest.mark.parametrize(
    ("parts", "detail"),
    [
        ([(90, bytes(11))], "has 100 bytes, and a part that ends at 101"),
        ([(0, WHOLE[:10]), (9, b"\0")], "two parts that differ"),
        ([(0, WHOLE[:10]), (20, WHOLE[20:30]), (5, bytes(20))], "two parts that differ"),
    ],
)
def test_parts_that_cannot_be_of_one_file(parts: list[tuple[int, bytes]], detail: str) -> None:
    with pytest.raises(InvalidDocument, match=detail):
        PartialFile("f", 100, parts)


def test_zipfile_reads_a_member_from_the_end_and_the_member_alone() -> None:
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_STORED) as archive:
        archive.writestr("large", bytes(1_000_000))
        archive.writestr("small", b"content")
    whole = buffer.getvalue()
    tail = len(whole) - 500
    with ZipFile(PartialFile("f", len(whole), [(tail, whole[tail:])])) as archive:
        assert archive.read("small") == b"content"
        with pytest.raises(Incomplete) as refused:
            archive.read("large")
    assert refused.value.needs["first"] == 0

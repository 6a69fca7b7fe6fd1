"""Problems: what they ask for can be written as JSON."""

from __future__ import annotations

import orjson
import pytest

from paramcount.model.errors import Incomplete


@pytest.mark.parametrize(
    ("end", "last"), [(11, 10), (2**64, 2**64 - 1), (2**64 + 12, 2**64 - 1), (10**4000, 2**64 - 1)]
)
def test_the_bytes_that_are_needed_are_a_number_of_json(end: int, last: int) -> None:
    needs = Incomplete(4, end, "a message").needs
    assert orjson.loads(orjson.dumps(needs)) == {"file": "", "first": 4, "last": last}

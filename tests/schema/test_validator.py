"""The validator: what it says of what a schema forbids, and no more than an answer holds."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.model.errors import MAX_PROBLEMS
from paramcount.schema.validator import Validator

VALIDATOR = Validator(
    {
        "type": "object",
        "properties": {"units": {"type": "integer", "minimum": 1}, "name": {"type": "string"}},
        "required": ["units"],
        "additionalProperties": False,
    }
)


@pytest.mark.parametrize(
    ("instance", "problems"),
    [
        ({"units": 3}, []),
        ({"units": 3.0}, ["/x/units must be an integer, not 3.0"]),
        ({"units": 0}, ["/x/units must be at least 1"]),
        ({}, ["/x/units is required"]),
        ({"units": 3, "unit": 4}, ['/x/unit is an unknown member; did you mean "units"?']),
        ({"units": 3, "a/b": 4}, ["/x/a~1b is an unknown member"]),
        ([], ["/x must be an object, not []"]),
    ],
)
def test_a_violation_has_its_pointer_and_what_is_wrong(instance: Any, problems: list[str]) -> None:
    assert [f"{error.pointer} {error.detail}" for error in VALIDATOR.problems(instance, "/x")] == problems


def test_there_are_no_more_problems_than_an_answer_holds() -> None:
    members = {f"unknown_{number}": 1 for number in range(3 * MAX_PROBLEMS)}
    problems = VALIDATOR.problems({"units": 3} | members)
    assert [error.pointer for error in problems] == [f"/{name}" for name in members][:MAX_PROBLEMS]

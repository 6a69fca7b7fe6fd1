"""A check that a framework refuses a config for what is wrong with it, and not because the replay is broken."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence

from tools.cases.layers import Case

REFUSALS = (TypeError, ValueError, LookupError, ArithmeticError, AssertionError, RuntimeError)
"""The errors of layers for a config or an input that they cannot take (NotImplementedError is a RuntimeError)."""
FRAMEWORKS = ("keras", "torch", "numpy", "tensorflow")


def check_refusal(build: Callable[[Case], object], case: Case, accepted: Sequence[Case]) -> str:
    """Build a refused case; return what contradicts the table, or ''.

    `accepted` are the cases that this replay was seen to build: without one of the same type a refusal says nothing.
    """
    if not any(one.type == case.type for one in accepted):
        return f"no case of {case.type} builds, so its refusal says nothing"
    try:
        build(case)
    except REFUSALS as error:
        return "" if _is_raised_by_framework(error) else f"the replay breaks, before the framework is asked: {error!r}"
    except Exception as error:  # noqa: BLE001 # a class of errors that no layer raises
        return f"breaks with an error that is no refusal: {error!r:.300}"
    return f"the framework takes what must be refused: {case.error}"


def _is_raised_by_framework(error: Exception) -> bool:
    """Return whether an error comes from a framework's code, or from the signature of one of its constructors."""
    frame, _ = list(traceback.walk_tb(error.__traceback__))[-1]
    module = str(frame.f_globals.get("__name__", ""))
    return module.partition(".")[0] in FRAMEWORKS or (isinstance(error, TypeError) and "argument" in str(error))

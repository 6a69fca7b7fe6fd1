"""The bound on numbers of features whose divisors are looked for."""

from __future__ import annotations

from paramcount import require
from paramcount.adapters.modules import Module

MAX_WIDTH = 2**32
"""The most features whose divisors are looked for; it takes time with their square root."""


def require_divisible_width(module: Module, width: int) -> None:
    """Refuse a module with more features than any model has. Raises InvalidConfig."""
    detail = f"hits {module.path}, with more than {MAX_WIDTH:,} features to divide"
    require(width <= MAX_WIDTH, detail, "target_modules")

"""What training takes, as JSON-able data and as text."""

from __future__ import annotations

from typing import Any

from paramcount.analysis.training_memory import NOT_INCLUDED, TrainingMemory


def training_memory_as_json(cost: TrainingMemory) -> dict[str, Any]:
    """The bill; its items add up to `total`, in bytes."""
    return {
        "optimizer": cost.optimizer,
        "precision": cost.precision,
        "total": cost.total,
        "items": [item._asdict() for item in cost.items],
        "source": cost.source,
        "not_included": list(NOT_INCLUDED),
    }


def training_memory_as_text(cost: TrainingMemory) -> str:
    """The bill, a line an item."""
    lines = [f"Bytes to train with {cost.optimizer} in {cost.precision} ({cost.source})"]
    lines += [f"{item.name:28}{item.bytes:>24,}  {item.formula}" for item in cost.items]
    lines.append(f"{'total':28}{cost.total:>24,}")
    return "\n".join((*lines, "not included: " + "; ".join(NOT_INCLUDED))) + "\n"

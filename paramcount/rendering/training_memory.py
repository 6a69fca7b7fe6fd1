"""The memory that training takes, as JSON-able data and as text."""

from __future__ import annotations

from typing import Any

from paramcount.analysis.training_memory import NOT_INCLUDED, TrainingMemory


def as_json(memory: TrainingMemory) -> dict[str, Any]:
    """Return the items, and their sum `total`, in bytes."""
    return {
        "optimizer": memory.optimizer,
        "precision": memory.precision,
        "total": memory.total,
        "items": [item._asdict() for item in memory.items],
        "source": memory.source,
        "not_included": list(NOT_INCLUDED),
    }


def as_text(memory: TrainingMemory) -> str:
    """Render a line an item, and their sum."""
    lines = [f"Bytes to train with {memory.optimizer} in {memory.precision} ({memory.source})"]
    lines += [f"{item.name:28}{item.bytes:>24,}  {item.formula}" for item in memory.items]
    lines.append(f"{'total':28}{memory.total:>24,}")
    return "\n".join((*lines, "not included: " + "; ".join(NOT_INCLUDED))) + "\n"

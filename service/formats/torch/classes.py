"""Classes of libraries, by what their source proves of them."""

from __future__ import annotations

OWNS_NOTHING = frozenset(("ResNet", "Bottleneck", "BasicBlock"))
OWNS_BUFFERS: frozenset[str] = frozenset()
ALIASES: dict[str, str] = {}

"""Documents with any JSON in any place, for Hypothesis."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just("Dense"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["class_name", "config", "a"]), inner),
    max_leaves=8,
)


def paths(item: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
    return [at, *(path for key, value in inner for path in paths(value, (*at, key)))]


@st.composite
def altered(draw: st.DrawFn, payloads: list[Any]) -> Any:
    """One of the documents, with any JSON in any place."""
    payload = json.loads(json.dumps(draw(st.sampled_from(payloads))))
    *way, last = draw(st.sampled_from(paths(payload)[1:]))
    container = payload
    for step in way:
        container = container[step]
    container[last] = draw(JSON)
    return payload

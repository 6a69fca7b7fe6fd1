"""Documents in which any value is replaced by any JSON, for Hypothesis."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just("Dense"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["class_name", "config", "a"]), inner),
    max_leaves=8,
)


def list_paths(item: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of a value, and of every value inside it, as keys and indices."""
    inner = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
    return [path, *(nested for key, value in inner for nested in list_paths(value, (*path, key)))]


@st.composite
def altered(draw: st.DrawFn, payloads: list[Any]) -> Any:
    """Draw one of the documents, with one value replaced by any JSON."""
    payload = json.loads(json.dumps(draw(st.sampled_from(payloads))))
    *way, last = draw(st.sampled_from(list_paths(payload)[1:]))
    container = payload
    for step in way:
        container = container[step]
    container[last] = draw(JSON)
    return payload

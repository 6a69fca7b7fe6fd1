"""No number makes work of its size: every integer of a layer, an adapter method and a config at its maximum."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from functools import partial
from types import FrameType
from typing import Any

import pytest

from paramcount.adapters.registry import METHODS
from paramcount.counting.count import count
from paramcount.formats.huggingface.blueprints import iterate_classes, load_blueprint
from paramcount.model.budget import Limits, set_request_bytes
from paramcount.model.errors import Problems
from paramcount.requests.count import count_request
from paramcount.requests.envelope import load_envelope
from paramcount.schema.registry import LAYERS
from paramcount.schema.signature import MAX_DIMENSION
from tests.layers.test_layers import CASES, document

MAX_LINES = 700_000
"""The lines of Python that one document may take; most take some thousands, 10,000 embeddings of CANINE take most."""

REQUEST_BYTES = 300
"""The length of a request with one of these documents."""

LARGE_PRIME = 2**32 - 5
"""The width that takes longest where divisors are looked for."""


class TooManyLines(BaseException):
    """The computation takes far more than MAX_LINES."""


def count_lines(compute: Callable[[], object]) -> int:
    """Return the lines of Python that it takes to compute something, or to refuse it, up to twice MAX_LINES."""
    lines = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        if lines > 2 * MAX_LINES:
            raise TooManyLines
        return trace

    def compute_in_short_request() -> None:
        set_request_bytes(REQUEST_BYTES)
        compute()

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        copy_context().run(compute_in_short_request)
    except Problems:
        pass
    finally:
        sys.settrace(before)
    return lines


def largest(schema: Mapping[str, Any], value: Any) -> Any:
    """Return the largest value of a schema, like `value` in form; None where it holds no integer."""
    options = schema.get("anyOf", (schema,))
    if isinstance(value, list):
        items = [option.get("items", {}) for option in options if "items" in option]
        return next(([item["maximum"]] * len(value) for item in items if "maximum" in item), None)
    return next(
        (option["maximum"] for option in options if option.get("type") == "integer" and "maximum" in option), None
    )


def list_largest(schema: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a config with each of its integers at its maximum, then all of them."""
    values = {name: largest(part, config.get(name)) for name, part in schema["properties"].items()}
    values = {name: value for name, value in values.items() if value is not None}
    for name, value in values.items():
        yield {**config, name: value}
    yield {**config, **{name: value for name, value in values.items() if name in config}}
    yield {**config, **values}


@pytest.mark.parametrize("name", sorted({case.type for case in CASES}))
def test_a_layer(name: str) -> None:
    schema = LAYERS[name].signature.json_schema
    case = max((case for case in CASES if case.type == name and not case.error), key=lambda case: len(case.config))
    for config in list_largest(schema, case.config):
        counted = type(case)(**{**vars(case), "config": config})
        assert count_lines(partial(count, document(counted))) <= MAX_LINES


def envelope(adapter: Mapping[str, Any], width: int, **more: Any) -> Callable[[], object]:
    """Return the count of an adapter in a model of one block and one embedding, of some width."""
    layers = [
        {"type": "Linear", "name": "q", "in_features": width, "out_features": width},
        {"type": "Conv2d", "name": "conv", "in_channels": width, "out_channels": width, "kernel_size": [width, 1]},
        {"type": "Embedding", "name": "emb", "num_embeddings": width, "embedding_dim": width},
    ]
    block = {"type": "Block", "name": "layers", "layers": layers}
    return lambda: count_request(
        load_envelope({"architecture": {"framework": "torch", "layers": [block]}, "adapter": adapter, **more}), Limits()
    )


@pytest.mark.parametrize("width", [8, LARGE_PRIME, MAX_DIMENSION])
@pytest.mark.parametrize("name", sorted(METHODS))
def test_an_adapter_method(name: str, width: int) -> None:
    method = METHODS[name]
    base: dict[str, Any] = {"peft_type": name, **({"target_modules": ["q", "conv"]} if method.kinds else {})}
    for config in list_largest(method.signature.json_schema, {}):
        for targets in (["q"], ["conv"], ["emb"]):
            members = {**base, **config, **({"target_modules": targets} if method.kinds else {})}
            assert count_lines(envelope(members, width)) <= MAX_LINES


@pytest.mark.parametrize(
    "members",
    [
        {"layers_to_transform": MAX_DIMENSION},
        {"layers_to_transform": [MAX_DIMENSION, -MAX_DIMENSION]},
        {"trainable_token_indices": [MAX_DIMENSION]},
        {"layer_replication": [[0, MAX_DIMENSION]]},
        {"layer_replication": [[MAX_DIMENSION, 2**63 - 1]] * 10},
        {"rank_pattern": {"q": MAX_DIMENSION}},
    ],
)
def test_a_member_of_any_adapter(members: Mapping[str, Any]) -> None:
    assert count_lines(envelope({"peft_type": "LORA", "target_modules": ["q"], **members}, 8)) <= MAX_LINES


CLASSES = sorted(iterate_classes())[::15]


@pytest.mark.parametrize(("model_type", "name"), CLASSES)
def test_a_config(model_type: str, name: str) -> None:
    config = {"model_type": model_type, "architectures": [name]}
    defaults = load_blueprint(model_type, name).family.defaults
    fields = [field for field, value in defaults.items() if type(value) is int]
    for largest_fields in (*([field] for field in fields[:12]), fields):
        for value in (MAX_DIMENSION, 10_000):
            document_config = {**config, **dict.fromkeys(largest_fields, value)}
            request = load_envelope({"architecture": document_config})
            assert count_lines(partial(count_request, request, Limits())) <= MAX_LINES

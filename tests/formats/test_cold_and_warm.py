"""Answers do not depend on what was counted before: with empty caches and full ones they are alike."""

from __future__ import annotations

import marshal
import sys
from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import _lru_cache_wrapper
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paramcount.formats.source import NotJSON
from paramcount.model.budget import Limits
from paramcount.model.cache import Cache
from paramcount.model.errors import Problems
from paramcount.rendering import JSON
from paramcount.requests.count import count_request, render
from paramcount.requests.envelope import load_envelope
from paramcount.schema.registry import FORMATS
from tests.builders.adapters import LLAMA, MANIFEST
from tools.fuzz.alterations import Pick, alter_json, encode_json

T = TypeVar("T")

_KEPT = ("registry", "schema", "validator", "blueprints")
"""Modules whose caches hold nothing of a request: tables and schemas, which take long to load."""


def _graph() -> dict[str, Any]:
    """Return the first layers of ResNet-50, each twice: the second one finds the first in the caches."""
    model: dict[str, Any] = orjson.loads((Path(__file__).parents[2] / "examples/resnet50-keras.json").read_bytes())
    config = model["config"]
    config["layers"] = config["layers"][:5]
    config["output_layers"] = [[config["layers"][-1]["name"], 0, 0]]
    return model


def _named_as_dtypes() -> dict[str, Any]:
    """Return a model whose layers are called as dtypes are."""
    policy = {"class_name": "DTypePolicy", "config": {"name": "float16"}, "module": "keras", "registered_name": None}
    layer = {"name": "float32", "units": 4, "dtype": policy, "trainable": True}
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 3], "name": "i"}, "module": "keras.layers"},
        {"class_name": "Dense", "config": layer, "module": "keras.layers", "name": "float32", "registered_name": None},
    ]
    return {"class_name": "Sequential", "config": {"name": "s", "layers": layers}, "module": "keras"}


ENVELOPES: dict[str, dict[str, Any]] = {
    name: {"architecture": each.example, "format": name, "detail": "tensors"}
    for name, each in FORMATS.items()
    if isinstance(each.example, dict)
} | {
    "graph": {"architecture": _graph(), "detail": "layers"},
    "dtypes": {"architecture": _named_as_dtypes(), "detail": "tensors"},
    "adapter": {"architecture": LLAMA, "adapter": {"peft_type": "LORA", "target_modules": r"(?!.*\.1\.).*q_proj"}},
    "rules": {"architecture": MANIFEST, "trainable": [{"match": "blocks.0.*", "trainable": False}]},
}


def find_caches(kind: type[T]) -> Iterator[T]:
    """Yield the caches of one kind that hold something of requests."""
    for name, module in list(sys.modules.items()):
        if name.startswith("paramcount.") and name.rpartition(".")[2] not in _KEPT:
            yield from (value for value in vars(module).values() if isinstance(value, kind))


def empty_caches() -> None:
    """Forget all that was kept of requests."""
    for cache in find_caches(Cache):
        cache.clear()
    for cached in find_caches(_lru_cache_wrapper):
        cached.cache_clear()


def answer(body: bytes) -> Any:
    """Return the report, or the problems."""
    try:
        request = load_envelope(body)
        return render(count_request(request, Limits()), request, Limits(), JSON)
    except NotJSON as error:
        return str(error)
    except Problems as problems:
        return [(problem.pointer, problem.code, problem.detail) for problem in problems.problems]


def shuffle(random: Random, value: Any) -> Any:
    """Return a value with the members of its objects in another order."""
    if isinstance(value, dict):
        names = random.sample(list(value), len(value))
        return {name: shuffle(random, value[name]) for name in names}
    return [shuffle(random, item) for item in value] if isinstance(value, list) else value


def alter(pick: Pick, random: Random, envelope: dict[str, Any], *, is_altered: bool) -> bytes:
    """Return the JSON of an envelope whose document is altered, if it is, and whose members are shuffled."""
    altered = alter_json(pick, envelope["architecture"]) if is_altered else deepcopy(envelope["architecture"])
    return encode_json(shuffle(random, {**envelope, "architecture": altered}))


@pytest.mark.parametrize("name", ENVELOPES)
@given(data=st.data())
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
def test_what_came_before_changes_no_answer(name: str, data: st.DataObject) -> None:
    random = Random(data.draw(st.integers(0, 99)))

    def pick(items: Sequence[T]) -> T:
        return data.draw(st.sampled_from(items))

    bodies = [alter(pick, random, ENVELOPES[name], is_altered=altered) for altered in (False, True, True)]
    cold = []
    for body in bodies:
        empty_caches()
        cold.append(answer(body))
    for _ in range(2):  # caches take what comes for the second time
        assert [answer(body) for body in bodies] == cold


def test_no_key_is_longer_than_4_kib() -> None:
    empty_caches()
    long = "x" * 5_000
    shapes = [{"type": "Dense", "units": 3, "name": f"d{index}", "inputs": ["input"]} for index in range(500)]
    merged = {"type": "Add", "name": "sum", "inputs": [f"d{index}" for index in range(500)]}
    documents: list[Any] = [
        {
            "framework": "keras",
            "input_shape": [3],
            "layers": [*shapes, merged, {"type": "Dense", "units": 3, "name": long}],
        },
        orjson.loads(orjson.dumps(_graph()).replace(b'"conv1_conv"', b'"%b"' % long.encode())),
        {"model_type": long, "architectures": ["LlamaForCausalLM"]},
        {**LLAMA, "hidden_size": 72, "note": long},
    ]
    for document in documents:
        for _ in range(3):
            answer(encode_json({"architecture": document}))
    adapter = {"peft_type": "LORA", "target_modules": f"(?!{long[:1500]}).*q_proj"}
    answer(encode_json({"architecture": LLAMA, "adapter": adapter}))
    keys: list[Any] = [key for cache in find_caches(Cache) for key in cache]
    assert keys
    assert max(len(marshal.dumps(key)) for key in keys) < 4_200  # of marshal

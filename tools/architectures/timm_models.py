"""timm: the builds of each architecture that tell what its arguments change."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from tools.architectures.building import Builds, Built, build, skip_initialisation, torch
from tools.architectures.fitting import LARGE, LARGER

import timm  # isort: skip # after what makes torchvision's operators
from timm.models._registry import _model_to_module

LIBRARY, VERSION = "timm", str(timm.__version__)
POOLS = ("", "avg", "max", "avgmax", "catavgmax", "token", "map")
"""The values of global_pool that are tried."""

_NO_CLASSES = LARGE | {"num_classes": 0}


_TRUNKS = frozenset(
    (
        "convnext_tiny", "convnext_small", "convnext_base", "convnext_large", "convnext_xlarge", "convnext_xxlarge",
        "swin_base_patch4_window7_224", "vit_relpos_medium_patch16_cls_224", "vit_medium_patch16_gap_256",
        "vitamin_small_224", "vitamin_base_224", "vitamin_large_224", "vitamin_large_256", "vitamin_large_336",
        "vitamin_large_384", "vitamin_large2_224", "vitamin_large2_256", "vitamin_large2_336", "vitamin_large2_384",
        "vitamin_xlarge_256", "vitamin_xlarge_336", "vitamin_xlarge_384",
    )
)  # fmt: skip
"""The models that open_clip's own configs put a projection behind, of the width num_features."""


def names() -> list[str]:
    return list(timm.list_models())


def family(name: str) -> str:
    return str(_model_to_module[name])


def learn(name: str) -> Builds:
    """An architecture with numbers of classes and channels that are primes, without classes, with each global_pool."""
    first = build(timm.create_model, name, **LARGE)
    if family(name) == "vision_transformer" and not isinstance(first, str) and first[1][""] == "VisionTransformer":
        return _learn_vision_transformer(name, first)
    builds = {"A": first, "B": build(timm.create_model, name, **LARGER)}
    builds["Z"] = build(timm.create_model, name, **_NO_CLASSES)
    for pool in POOLS:
        pooled = builds[f"A:{pool}"] = build(timm.create_model, name, global_pool=pool, **LARGE)
        if pooled == first:
            builds[f"Z:{pool}"] = builds["Z"]
        elif not isinstance(pooled, str):
            builds[f"Z:{pool}"] = build(timm.create_model, name, global_pool=pool, **_NO_CLASSES)
    return builds


def _learn_vision_transformer(name: str, first: Built) -> Builds:
    """The same with half of the builds: half of all architectures are of this class.

    Its num_classes decides about `head` alone, avg, max and avgmax decide alike, and so do token, which needs a class
    token, and no pool (timm.models.vision_transformer.VisionTransformer). 57 architectures were built in full as well.
    """
    builds: Builds = {"A": first, "B": build(timm.create_model, name, **LARGER)}
    for pool in ("", "avg", "map"):
        builds[f"A:{pool}"] = build(timm.create_model, name, global_pool=pool, **LARGE)
    builds["A:max"] = builds["A:avgmax"] = builds["A:avg"]
    if "cls_token" in first[0]:
        builds["A:token"] = builds["A:"]
    for key, built in list(builds.items()):
        if key[0] == "A" and not isinstance(built, str):
            tensors = {tensor: what for tensor, what in built[0].items() if not tensor.startswith("head.")}
            builds[f"Z{key[1:]}"] = tensors, built[1]
    return builds


def create(name: str, **arguments: Any) -> Any:
    return timm.create_model(name, **arguments)


def draw(_: str, chance: random.Random) -> dict[str, Any]:
    """Random arguments."""
    arguments: dict[str, Any] = {}
    if chance.random() < 0.7:
        arguments["num_classes"] = chance.choice([0, 1, 2, 10, 37, 100, 1000, 21843])
    if chance.random() < 0.6:
        arguments["in_chans"] = chance.choice([1, 2, 3, 4, 6, 13])
    if chance.random() < 0.6:
        arguments["global_pool"] = chance.choice(POOLS)
    return arguments


def defaults(name: str, _: Builds) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the default arguments of an architecture under "", and those of each of its checkpoints that differ."""
    cfg = timm.models.get_pretrained_cfg(name)
    first = _arguments(cfg)
    yield "", first | ({"num_features": _count_features(name)} if name in _TRUNKS else {})
    tags = timm.list_pretrained(name + ".*") if cfg is not None else []
    for tag in tags:
        arguments = _arguments(timm.models.get_pretrained_cfg(tag))
        yield tag.partition(".")[2], {key: value for key, value in arguments.items() if first.get(key) != value}


def _arguments(cfg: Any) -> dict[str, Any]:
    if cfg is None:
        return {"num_classes": 1000, "in_chans": 3}
    arguments: dict[str, Any] = {"num_classes": cfg.num_classes, "in_chans": cfg.input_size[0]}
    if cfg.fixed_input_size:
        height, width = cfg.input_size[1:]
        arguments["img_size"] = height if height == width else f"{height}x{width}"
    return arguments


def _count_features(name: str) -> int:
    """The width of a model's features without its classifier, taken away as open_clip does."""
    with torch.device("meta"):
        model, bare = timm.create_model(name), timm.create_model(name, num_classes=0)
    model.reset_classifier(0)
    shapes = [{name: one.shape for name, one in built.named_parameters()} for built in (model, bare)]
    assert shapes[0] == shapes[1], name
    return int(model.num_features)


def prepare() -> None:
    skip_initialisation("timm")

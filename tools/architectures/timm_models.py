"""timm: the builds of each architecture that tell what its arguments change."""

from __future__ import annotations

import inspect
import random
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from paramcount.formats.architectures.tables import load_family, load_index
from paramcount.model.layers import Layer
from tools.architectures.building import Builds, Built, build, skip_initialisation, torch
from tools.architectures.counting import count_architecture
from tools.architectures.fitting import LARGE, LARGER, Fit, Inexact, Shapes, write_architecture
from tools.architectures.trees import Definitions, Dimension

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


_SIZED = ("Eva", "VisionTransformer")
"""The classes whose positions are those of the patches of an image, whatever its size."""

_PATCHES = (3, 5)


def learn(name: str, known: Builds) -> Builds:
    """The builds that are not known yet: for an image of another size too, where that is learned."""
    builds = known or _learn(name)
    first = builds["A"]
    if "sized" in builds or isinstance(first, str) or first[1][""] not in _SIZED:
        return builds
    patch = first[0].get("patch_embed.proj.weight")
    if patch is None or "img_size" not in _arguments(timm.models.get_pretrained_cfg(name)):
        return builds
    size = tuple(count * side for count, side in zip(_PATCHES, patch[0][2:], strict=True))
    return builds | {"sized": build(timm.create_model, name, img_size=size, **LARGE)}


def _learn(name: str) -> Builds:
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


def read_key(key: str) -> dict[str, Any] | None:
    """The arguments that a build was made with; None where its key does not tell them."""
    kind, _, pool = key.partition(":")
    sizes = {"A": LARGE, "B": LARGER, "Z": _NO_CLASSES}.get(kind)
    if sizes is None:
        return None
    return {**sizes, "global_pool": pool} if ":" in key else dict(sizes)


def write(name: str, builds: Builds, definitions: Definitions) -> list[str]:
    return write_architecture(name, _Fit(builds, definitions), POOLS)


class _Fit(Fit):
    """The builds of an architecture, whose positions are those of the patches of an image."""

    def fit_shapes(self) -> Shapes:
        shapes = dict(super().fit_shapes())
        sized = self.builds.get("sized", "")
        if isinstance(sized, str):
            return shapes
        if {name: rest for name, (_, *rest) in sized[0].items()} != {
            n: rest for n, (_, *rest) in self.first[0].items()
        }:
            raise Inexact("other tensors for another size of images")
        patch = sized[0]["patch_embed.proj.weight"][0][2:]
        for name, (shape, kind, _) in sized[0].items():
            if not kind.startswith("n:"):
                before = self.first[0][name][0]
                shapes[name] = tuple(map(partial(_fit_patches, patch), shapes[name], before, shape))
        return shapes


def _fit_patches(patch: tuple[int, ...], fitted: Dimension, length: int, sized: int) -> Dimension:
    """The length as an expression of the sides of an image. Raises Inexact."""
    if length == sized:
        return fitted
    others = sized - _PATCHES[0] * _PATCHES[1]
    if others < 0:
        raise Inexact(f"a length of {length} becomes {sized}")
    return f"(rows//{patch[0]})*(cols//{patch[1]})" + (f"+{others}" if others else "")


def create(name: str, **arguments: Any) -> Any:
    return timm.create_model(name, **arguments)


def count(name: str, arguments: Mapping[str, Any]) -> Layer:
    return count_architecture(LIBRARY, name, arguments)


def draw(name: str, chance: random.Random) -> dict[str, Any]:
    """Random arguments."""
    arguments: dict[str, Any] = {}
    if chance.random() < 0.7:
        arguments["num_classes"] = chance.choice([0, 1, 2, 10, 37, 100, 1000, 21843])
    if chance.random() < 0.6:
        arguments["in_chans"] = chance.choice([1, 2, 3, 4, 6, 13])
    if chance.random() < 0.6:
        arguments["global_pool"] = chance.choice(POOLS)
    entry = load_index(LIBRARY).entry(name)
    is_sized = "img_size" in entry.defaults and load_family(LIBRARY, entry.family).architecture(name).is_sized_by_image
    if is_sized and chance.random() < 0.4:
        sides = [chance.randint(32, 600) for _ in range(2)]
        arguments["img_size"] = chance.choice([sides, sides[0], 448])
    return arguments


def defaults(name: str, _: Builds) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the default arguments of an architecture under "", and those of each of its checkpoints that differ."""
    cfg = timm.models.get_pretrained_cfg(name)
    first = _arguments(cfg)
    features = {"num_features": _count_features(name)} if name in _TRUNKS else {}
    size = _read_unfixed_size(name) if "img_size" in first else ""
    yield "", first | features | ({"unfixed_img_size": size} if size != first.get("img_size", "") else {})
    tags = timm.list_pretrained(name + ".*") if cfg is not None else []
    for tag in tags:
        arguments = _arguments(timm.models.get_pretrained_cfg(tag))
        yield tag.partition(".")[2], {key: value for key, value in arguments.items() if first.get(key) != value}


class _Called(Exception):
    """The class of a model, and the arguments that its function makes it with."""


def _read_unfixed_size(name: str) -> Any:
    """The size of images of an architecture whose config fixes none: that of its function, or of its class."""

    def note(cls: Any, *_: Any, **named: Any) -> Any:
        signatures = [inspect.signature(one.__init__).parameters for one in cls.__mro__]
        default = next((one["img_size"].default for one in signatures if "img_size" in one), None)
        raise _Called(named.get("img_size", default))

    module: Any = sys.modules[f"timm.models.{family(name)}"]
    build_model, module.build_model_with_cfg = module.build_model_with_cfg, note
    try:
        timm.models.model_entrypoint(name)()
    except _Called as called:
        (size,) = called.args
    finally:
        module.build_model_with_cfg = build_model
    return _write_size(*size) if isinstance(size, tuple | list) else size


def _write_size(height: int, width: int) -> int | str:
    return height if height == width else f"{height}x{width}"


def _arguments(cfg: Any) -> dict[str, Any]:
    if cfg is None:
        return {"num_classes": 1000, "in_chans": 3}
    arguments: dict[str, Any] = {"num_classes": cfg.num_classes, "in_chans": cfg.input_size[0]}
    if cfg.fixed_input_size:
        arguments["img_size"] = _write_size(*cfg.input_size[1:])
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

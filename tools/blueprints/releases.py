"""Later releases of transformers: which shipped classes they build otherwise than the release that was compiled."""

from __future__ import annotations

from collections.abc import Iterator

from paramcount.formats.huggingface.blueprints import Blueprint, iterate_classes, load_blueprint
from tools.blueprints import gate
from tools.blueprints.framework import config_class, model_class
from tools.blueprints.raw import fields_of, payload, write_in_full
from tools.blueprints.runs import build
from tools.blueprints.seeds import SEEDS

_SECONDS = 60


def find_changed() -> Iterator[tuple[str, str]]:
    """Yield the shipped classes that the installed release builds otherwise, each with what differs."""
    for model_type, name in iterate_classes():
        if why := _compare(load_blueprint(model_type, name)):
            yield name, why


def _compare(shipped: Blueprint) -> str:
    """Return how the installed release builds a class's own config otherwise; '' where it does not, or not at all."""
    model_type = shipped.family.model_type
    try:
        config_cls, model_cls = config_class(model_type), model_class(model_type, shipped.name)
        start = payload(fields_of(config_cls), SEEDS.get(shipped.name, SEEDS.get(model_type, {})))
        truth = build(config_cls, model_cls, start, _SECONDS)
        whole = write_in_full(config_cls, model_type, start)
    except Exception as error:  # noqa: BLE001 - whatever transformers raises: it has the class no more, or not so
        return f"is not built: {type(error).__name__}: {error}"
    return gate.difference(shipped, start, truth) or gate.difference(shipped, whole, truth)

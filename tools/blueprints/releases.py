"""Later releases of transformers: which shipped classes they build otherwise than the release that was compiled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from paramcount.formats.huggingface.blueprints import Blueprint, iterate_classes, load_blueprint
from tools.blueprints import gate
from tools.blueprints.files import INDEX, read_index, to_text
from tools.blueprints.framework import VERSION, config_class, model_class
from tools.blueprints.raw import fields_of, payload, write_in_full
from tools.blueprints.runs import build
from tools.blueprints.seeds import SEEDS

_SECONDS = 60


def compare_release(data: Path) -> Iterator[str]:
    """Compare what ships with the release that is installed, and write into the index which classes differ.

    Yields each with what differs.
    """
    index, changed = read_index(data), set()
    for model_type, name in iterate_classes():
        if why := _compare(load_blueprint(model_type, name)):
            changed.add(name)
            yield f"{model_type} {name}: {why}"
    later = {} if index["transformers"] == VERSION else {"later": {"transformers": VERSION, "changed": sorted(changed)}}
    index = (
        {"transformers": index["transformers"]}
        | later
        | {name: content for name, content in index.items() if name != "later"}
    )
    (data / f"{INDEX}.json").write_text(to_text(index))


def _compare(shipped: Blueprint) -> str:
    """Return how the installed release builds a class's own config otherwise; '' where it does not, or not at all."""
    model_type = shipped.family.model_type
    try:
        config_cls, model_cls = config_class(model_type), model_class(model_type, shipped.name)
        start = payload(fields_of(config_cls), SEEDS.get(shipped.name, SEEDS.get(model_type, {})))
        truth = build(config_cls, model_cls, start, _SECONDS)
        whole = write_in_full(config_cls, model_type, start)
    except Exception:  # noqa: BLE001 - whatever transformers raises: it has the class no more, or not of the defaults
        return ""
    differences = (gate.difference(shipped, start, truth), gate.difference(shipped, whole, truth))
    return next(filter(gate.is_wrong, differences), "")

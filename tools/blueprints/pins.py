"""Lists that a class reads, and that the compiler did not vary: what must hold of them for the count to be right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint
from tools.blueprints import gate
from tools.blueprints.forms import RAISES, Trial
from tools.blueprints.framework import config_class
from tools.blueprints.raw import RATE, fields_of, is_part

_NO_LISTS = ("token_id", "id2label", "label2id", "architectures", "keys_to_ignore_at_inference")


def find_pins(shipped: Blueprint) -> list[str]:
    """The assumptions about lists without which a shipped class is counted otherwise than transformers builds it."""
    fields = fields_of(config_class(shipped.family.model_type))
    paths = [
        path for path, annotation in fields.annotations.items()
        if ("list" in annotation or "tuple" in annotation) and path not in shipped.fields
        and not RATE.search(path) and not path.endswith(_NO_LISTS) and fields.defaults.get(path) is not None
        and not is_part(fields.defaults[path])
    ]  # fmt: skip
    trial = Trial(shipped) if paths else None
    pins = []
    for path in paths:
        default = fields.defaults[path]
        if trial and any(map(_is_miscounted, (trial.ask({path: value}) for value in _others(default)))):
            pins.append(f"len({path}) == {len(default)}" if isinstance(default, list) else f"not is_list({path})")
    return pins


def _is_miscounted(difference: str) -> bool:
    """Return whether a config is counted otherwise than it is built, and not one that transformers refuses."""
    return gate.is_wrong(difference) and RAISES not in difference


def _others(default: Any) -> Iterator[Any]:
    """Yield a list where the default is a value, longer and shorter ones where it is a list."""
    if not isinstance(default, list):
        yield from ([default], [default, default])
    elif default:
        yield from ([*default, default[-1]], default[:-1])

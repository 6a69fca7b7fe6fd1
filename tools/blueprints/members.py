"""The members of records that are found of what ships: models inside, other forms of fields, lists that matter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint, iterate_classes, load_blueprint
from tools.blueprints.backbones import find_slots
from tools.blueprints.forms import find_forms
from tools.blueprints.library import LIBRARY
from tools.blueprints.pins import find_pins
from tools.blueprints.results import MEMBERS
from tools.blueprints.store import Cache
from tools.blueprints.workers import Pair, spread

_FIND: Mapping[str, Callable[[Blueprint], Any]] = {"within": find_slots, "forms": find_forms, "pins": find_pins}
assert _FIND.keys() == set(MEMBERS)


def find_members(wanted: Iterable[Pair], cache: Cache, jobs: int, *members: str) -> None:
    """Look for members of the records of the classes that ship, but for those that were looked into already."""
    shipped = set(iterate_classes(LIBRARY))
    waiting = [
        pair for pair in wanted if pair in shipped and any(cache.get_member(*pair, one) is None for one in members)
    ]
    spread("members", waiting, jobs, _find_into, cache, members)


def _find_into(model_type: str, names: list[str], cache: Cache, members: tuple[str, ...]) -> list[str]:
    lines = []
    for name in names:
        contents = {}
        for member in members:
            if cache.get_member(model_type, name, member) is None:
                contents[member] = _FIND[member](load_blueprint(model_type, name, LIBRARY))
                cache.put_member(model_type, name, member, contents[member])
        lines.append(f"{model_type} {name}: {contents}")
    return lines

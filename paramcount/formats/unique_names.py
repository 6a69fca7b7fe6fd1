"""Names that an object of JSON has twice: one reader takes the first value, another the last, so they are refused.

The decoders take the last in silence. A colon follows each name, so that equal numbers of colons and of decoded names
prove that none was lost; only where they differ is each object looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import orjson

from paramcount.model.errors import InvalidDocument, Problems, TooLarge, raise_problems, token

_COLON = b":"
_ESCAPED_COLON = b"\\u003"  # and its neighbours

_MANY_NAMES = 1_000
"""In a document of more names most are those of tensors, near the top: they are counted there."""

_TOP_LEVELS = 4


def check(raw: bytes, value: Any) -> None:
    """Refuse JSON in which an object has a name twice; `value` is what it was decoded to. Raises Problems."""
    if count_names(raw, value) is None:
        check_each_object(raw)


def check_undecoded(raw: bytes) -> None:
    """Refuse the same, and lone surrogates, in JSON that is not decoded whole: it may hold 1e999. Raises Problems."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        check_each_object(raw)
    else:
        check(raw, value)


def count_names(raw: bytes, value: Any) -> int | None:
    """Return the number of colons in JSON if each name in it is in `value`, too; None where that is not proven."""
    colons = raw.count(_COLON)
    if colons < 2 or (colons > _MANY_NAMES and _count_top_names(value, colons) == colons):
        return colons
    if b"\\" in raw and _ESCAPED_COLON in raw:
        return None
    try:
        return colons if orjson.dumps(value).count(_COLON) == colons else None
    except TypeError:  # nested too deeply
        return None


def _count_top_names(value: Any, max_names: int) -> int:
    """Return the number of names on the first levels of a value; the levels below `max_names` are not looked at."""
    count, level = 0, [value]
    for _ in range(_TOP_LEVELS):
        objects = [each for each in level if type(each) is dict]
        count += sum(map(len, objects))
        if count >= max_names:
            break
        lists = [each for each in level if type(each) is list]
        level = [*chain.from_iterable(map(dict.values, objects)), *chain.from_iterable(lists)]
    return count


def check_each_object(raw: bytes) -> None:
    """Refuse JSON in which an object has a name twice, with the place of each such name. Raises Problems."""
    repeated: dict[int, list[str]] = {}  # by the id of the object
    objects: list[Any] = []  # they keep their ids

    def find_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            seen: set[str] = set()
            repeated[id(members)] = [name for name, _ in pairs if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
            objects.append(members)
        return members

    try:
        value = json.loads(
            raw, object_pairs_hook=find_repeated, parse_int=_ignore, parse_float=_ignore, parse_constant=_ignore
        )
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError:
        return  # who reads it says so
    except RecursionError:
        raise Problems([TooLarge("is nested too deeply")]) from None
    except UnicodeEncodeError:
        raise Problems([InvalidDocument("holds half of a surrogate pair", code="not_json")]) from None
    if repeated:
        raise_problems(
            InvalidDocument(f'has the name "{name[:100]}" twice', pointer + token(name), "duplicate_name")
            for pointer, names in _locate(value, repeated)
            for name in dict.fromkeys(names)
        )


def _ignore(_: str) -> None:
    """Stand for a number."""


def _locate(value: Any, repeated: dict[int, list[str]]) -> Iterator[tuple[str, list[str]]]:
    """Yield the pointer to each object that has names twice, with these names, in the order of the document."""
    pending: list[tuple[Any, _Path]] = [(value, None)]
    while pending:
        container, path = pending.pop()
        if id(container) in repeated:
            yield _make_pointer(path), repeated[id(container)]
        steps = container.items() if isinstance(container, dict) else enumerate(container)
        inner = [(item, (path, step)) for step, item in steps if isinstance(item, dict | list)]
        pending += reversed(inner)


_Path = tuple[Any, str | int] | None
"""The path of a container, and the step to a value in it; None: the whole document."""


def _make_pointer(path: _Path) -> str:
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(token(step))
    return "".join(reversed(steps))

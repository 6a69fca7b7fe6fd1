"""Changes of an OpenAPI document that break clients of the old one: requests refused, or unexpected answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

Document = Mapping[str, Any]
Direction = Literal["sent", "got"]

_LOWER = ("minimum", "minLength", "minItems", "minProperties", "exclusiveMinimum")
_UPPER = ("maximum", "maxLength", "maxItems", "maxProperties", "exclusiveMaximum")


def breaks(old: Document, new: Document) -> Iterator[str]:
    """Every break, as a line that says where and what."""
    for path, operations in old["paths"].items():
        for method, before in operations.items():
            where = f"{method.upper()} {path}"
            after = new["paths"].get(path, {}).get(method)
            if after is None:
                yield f"{where}: is gone"
            else:
                yield from _Comparison(old, new).operation(before, after, where)
    schemas = new["components"]["schemas"]
    for name, schema in old["components"]["schemas"].items():
        if "." in name:  # a layer type's config, which no operation names
            if name in schemas:
                yield from _Comparison(old, new).schema(schema, schemas[name], name, "sent")
            else:
                yield f"{name}: is gone"


class _Comparison:
    """Two documents, schema by schema; a pair that is being compared already is not compared again."""

    def __init__(self, old: Document, new: Document) -> None:
        self.old, self.new = old, new
        self.seen: set[tuple[str, str, str]] = set()

    def operation(self, before: Document, after: Document, where: str) -> Iterator[str]:
        yield from self.parameters(before.get("parameters", ()), after.get("parameters", ()), where)
        body, now = before.get("requestBody", {}), after.get("requestBody", {})
        if now.get("required") and not body.get("required"):
            yield f"{where}: a body is required now"
        yield from self.content(body, now, f"{where} request", "sent")
        for status, answer in before["responses"].items():
            position = f"{where} {status}"
            if status not in after["responses"]:
                yield f"{position}: is no answer any more"
            else:
                yield from self.content(answer, after["responses"][status], position, "got")

    def parameters(self, before: Any, after: Any, where: str) -> Iterator[str]:
        old = {(p["in"], p["name"]): p for p in before}
        new = {(p["in"], p["name"]): p for p in after}
        for key, parameter in old.items():
            position = f"{where} parameter {key[1]}"
            if key not in new:
                yield f"{position}: is gone"
            else:
                yield from self.schema(parameter["schema"], new[key]["schema"], position, "sent")
        for key, parameter in new.items():
            if parameter.get("required") and not old.get(key, {}).get("required"):
                yield f"{where} parameter {key[1]}: is required now"

    def content(self, before: Document, after: Document, where: str, direction: Direction) -> Iterator[str]:
        for media, entry in before.get("content", {}).items():
            if media not in after.get("content", {}):
                yield f"{where} {media}: is gone"
            else:
                yield from self.schema(entry["schema"], after["content"][media]["schema"], where, direction)

    def schema(self, before: Any, after: Any, where: str, direction: Direction) -> Iterator[str]:
        """Yield what is wrong with `after` in place of `before`."""
        pair = (before.get("$ref", ""), after.get("$ref", ""), direction)
        if all(pair[:2]):
            if pair in self.seen:
                return
            self.seen.add(pair)
        before, after = _resolve(before, self.old), _resolve(after, self.new)
        yield from _types(before, after, where, direction)
        yield from _enums(before, after, where, direction)
        yield from _bounds(before, after, where, direction)
        yield from self.members(before, after, where, direction)
        if "items" in before and "items" in after:
            yield from self.schema(before["items"], after["items"], f"{where}[]", direction)
        yield from self.options(before, after, where, direction)

    def members(self, before: Document, after: Document, where: str, direction: Direction) -> Iterator[str]:
        old, new = before.get("properties", {}), after.get("properties", {})
        for name, schema in old.items():
            position = f"{where}.{name}"
            if name in new:
                yield from self.schema(schema, new[name], position, direction)
            elif direction == "got" or after.get("additionalProperties") is False:
                yield f"{position}: is gone"
        needed, need = set(before.get("required", ())), set(after.get("required", ()))
        for name in sorted(need - needed if direction == "sent" else (needed - need) & new.keys()):
            yield f"{where}.{name}: is {'required now' if direction == 'sent' else 'not always there any more'}"
        if (
            direction == "sent"
            and after.get("additionalProperties") is False
            and before.get("additionalProperties", True)
        ):
            yield f"{where}: members of other names are refused now"

    def options(self, before: Document, after: Document, where: str, direction: Direction) -> Iterator[str]:
        """anyOf: each option sent must still be taken by one, each option got must have been one."""
        old, new = before.get("anyOf"), after.get("anyOf")
        if direction == "got":
            old, new = new, old
        for option in old or ():
            if new is not None and not any(self.fits(option, other, direction) for other in new):
                yield f"{where}: {option.get('type', 'an option')} is {'refused now' if direction == 'sent' else 'new'}"

    def fits(self, option: Any, other: Any, direction: Direction) -> bool:
        if direction == "got":
            return not list(_Comparison(self.old, self.new).schema(other, option, "", direction))
        return not list(_Comparison(self.old, self.new).schema(option, other, "", direction))


def _resolve(schema: Document, document: Document) -> Document:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _kinds(schema: Document) -> set[str]:
    kinds = schema.get("type", ())
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _types(before: Document, after: Document, where: str, direction: Direction) -> Iterator[str]:
    old, new = _kinds(before), _kinds(after)
    narrow, wide = (new, old) if direction == "sent" else (old, new)
    if narrow and (not wide or wide - narrow - ({"integer"} if "number" in narrow else set())):
        yield f"{where}: was {_list_types(old)}, is {_list_types(new)}"


def _list_types(kinds: set[str]) -> str:
    return " or ".join(sorted(kinds)) or "anything"


def _enums(before: Document, after: Document, where: str, direction: Direction) -> Iterator[str]:
    old, new = before.get("enum"), after.get("enum")
    narrow, wide = (new, old) if direction == "sent" else (old, new)
    if narrow is None:
        return
    for value in [value for value in wide if value not in narrow] if wide is not None else ["anything else"]:
        yield f"{where}: {value} is {'refused now' if direction == 'sent' else 'a new value'}"


def _bounds(before: Document, after: Document, where: str, direction: Direction) -> Iterator[str]:
    """Only what is sent can be refused by a bound."""
    if direction == "got":
        return
    for keyword in _LOWER:
        if after.get(keyword, float("-inf")) > before.get(keyword, float("-inf")):
            yield f"{where}: {keyword} is {after[keyword]} now"
    for keyword in _UPPER:
        if after.get(keyword, float("inf")) < before.get(keyword, float("inf")):
            yield f"{where}: {keyword} is {after[keyword]} now"
    if after.get("pattern", before.get("pattern")) != before.get("pattern"):
        yield f"{where}: must match {after['pattern']} now"

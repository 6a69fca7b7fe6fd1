"""Other forms of a field that a class takes: lists that stand for one value, each held against transformers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint
from paramcount.formats.huggingface.configs import resolve_fields
from paramcount.formats.huggingface.forms import EACH, JOINED, ONE, PAIR, REPEATED
from paramcount.model.errors import ArchitectureError, Problems
from tools.blueprints import gate, moves
from tools.blueprints.framework import config_class, model_class
from tools.blueprints.phases import BuiltTensor
from tools.blueprints.raw import fields_of, payload, stated_fields, write_in_full
from tools.blueprints.runs import build
from tools.blueprints.seeds import SEEDS

_SECONDS = 30
_SEPARATOR = re.compile(r"parts\((?:lower\()?(?P<path>[\w.]+)\)?, '(?P<separator>.)'\)")
_WORDS = re.compile(r"only\((?P<path>[\w.]+), \[(?P<words>[^\]]*)\]\)")
_MAX_DEPTHS = 6
_FEW_LAYERS = 3

MIN_FORMS = 1
"""Values in another form that must have been counted, and none otherwise."""


def find_forms(shipped: Blueprint) -> dict[str, str]:
    """The fields of a shipped class that it takes in another form too, as its record says them."""
    model_type = shipped.family.model_type
    annotations = fields_of(config_class(model_type)).annotations
    paths = [path for path in shipped.fields if "list" in annotations.get(path, "")]
    trial = Trial(shipped) if paths else None
    forms: dict[str, str] = {}
    for path in paths:
        candidates = _candidates(shipped, path, annotations[path])
        forms |= next(({path: form} for form in candidates if trial and trial.holds(path, form)), {})
    return forms


def _candidates(shipped: Blueprint, path: str, annotation: str) -> Iterator[str]:
    default, kinds = shipped.family.defaults.get(path), shipped.fields[path]
    if "s" in kinds:
        yield from (f"{JOINED} {separator}" for separator in _find(_SEPARATOR, "separator", path, _texts(shipped)))
    elif "i" in kinds and type(default) is int:
        yield from (PAIR, ONE)
        depths = [other for other in shipped.fields if other != path and moves.counts_layers(other)]
        yield from (f"{EACH} {other}" for other in depths[:_MAX_DEPTHS])
    elif (
        "I" in kinds
        and isinstance(default, list)
        and re.search(r"\bint\b(?!\])", re.sub(r"\[[^\]]*\]", "", annotation))
    ):
        yield f"{REPEATED} {len(default)}"
        yield f"{REPEATED} 1"


def _texts(shipped: Blueprint) -> list[str]:
    """The rules and assumptions of a class, which say how a text is split and of which words it is."""
    return [rule.value.text for rule in shipped.rules] + [one.text for one in shipped.derived_assumptions]


def _find(pattern: re.Pattern[str], group: str, path: str, texts: list[str]) -> list[str]:
    matches = (match for text in texts for match in pattern.finditer(text))
    return list(dict.fromkeys(match[group] for match in matches if match["path"] == path))


RAISES = "transformers raises"


class Trial:
    """The trial of values of one class's fields, in few layers."""

    def __init__(self, shipped: Blueprint, *, shallow: bool = True) -> None:
        self.shipped, model_type = shipped, shipped.family.model_type
        self.config_cls, self.model_cls = config_class(model_type), model_class(model_type, shipped.name)
        self.fields = fields_of(self.config_cls)
        self.start = dict(SEEDS.get(shipped.name, SEEDS.get(model_type, {})))
        if shallow:
            self.go_shallow()

    def go_shallow(self) -> None:
        """Start from few layers from now on, where the class is counted so."""
        shallow = {**self.start, **dict(self._few_layers())}
        if not self.ask(shallow):
            self.start = shallow

    def _few_layers(self) -> Iterator[tuple[str, int]]:
        """Yield the numbers of layers, made small and unlike: what is built of a form shows in few layers."""
        paths = [path for path in self.shipped.fields if moves.counts_layers(path)]
        for few, path in enumerate(paths, _FEW_LAYERS):
            default = self.shipped.family.defaults.get(path)
            if type(default) is int and default > few:
                yield path, few

    def holds(self, path: str, form: str) -> bool:
        """Return whether transformers builds what is counted of a form, and nothing is counted that it refuses."""
        shipped = replace(self.shipped, forms={path: form})
        counted = 0
        for value in self._values(path, form):
            why = self.ask({path: value}, shipped)
            if gate.is_wrong(why):
                return False
            counted += not why
        return counted >= MIN_FORMS

    def _values(self, path: str, form: str) -> Iterator[Any]:
        default: Any = self.shipped.family.defaults.get(path)
        kind, _, argument = form.partition(" ")
        if kind == JOINED:
            words = [word for text in _find(_WORDS, "words", path, _texts(self.shipped)) for word in _unquote(text)]
            yield from (words, words[::-1], *([word] for word in words))
        elif kind == REPEATED:
            yield from (default[0], 2 * default[0])
        else:
            length = {PAIR: 2, ONE: 1}.get(kind) or self._number(argument)
            yield from ([number] * length for number in (default, 2 * default, default + 1))
            yield [default, *[2 * default] * (length - 1)]
            yield from ([default] * (length + more) for more in (1, -1) if kind == EACH)

    def _number(self, path: str) -> int:
        number = self.start.get(path, self.shipped.family.defaults.get(path))
        return number if isinstance(number, int) else 0

    def ask(self, changes: Mapping[str, Any], shipped: Blueprint | None = None) -> str:
        """Return '' where a config is counted as it is built, sparse and in full; else the reason why not."""
        shipped, config = shipped or self.shipped, payload(self.fields, {**self.start, **changes})
        try:
            truth = build(self.config_cls, self.model_cls, config, _SECONDS)
            whole = write_in_full(self.config_cls, shipped.family.model_type, config)
        except Exception as error:  # noqa: BLE001 - whatever transformers raises
            return f"is counted; {RAISES} {error}" if _is_counted(config, shipped) else gate.REFUSED
        return gate.difference(shipped, config, truth) or gate.difference(shipped, whole, truth)

    def build_default(self) -> tuple[dict[str, Any], dict[str, BuiltTensor]]:
        """Return the class's own config, and what the framework builds of it. Raises whatever that raises."""
        config = payload(self.fields, self.start)
        try:
            return config, build(self.config_cls, self.model_cls, config, 2 * _SECONDS)
        except Exception:  # noqa: BLE001 - what is written out may build where the bare defaults do not
            full = write_in_full(self.config_cls, self.shipped.family.model_type, config)
            self.start = stated_fields(self.fields, full)
            config = payload(self.fields, self.start)
            return config, build(self.config_cls, self.model_cls, config, 2 * _SECONDS)

    def ask_default(self, config: dict[str, Any], truth: Mapping[str, BuiltTensor]) -> str:
        """Return '' where the class's own config is counted as it is built, sparse and in full."""
        whole = write_in_full(self.config_cls, self.shipped.family.model_type, config)
        return gate.difference(self.shipped, config, truth) or gate.difference(self.shipped, whole, truth)


def _is_counted(config: Mapping[str, Any], shipped: Blueprint) -> bool:
    try:
        resolve_fields(config, shipped)
    except (Problems, ArchitectureError):
        return False
    return True


def _unquote(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)

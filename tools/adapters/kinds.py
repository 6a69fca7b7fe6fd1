"""The kinds of modules that a class of transformers is built of, where names and shapes do not tell them."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from transformers.pytorch_utils import Conv1D

from paramcount.adapters.modules import guess_kind
from paramcount.adapters.prompt_encoder import SIZE_FIELDS
from paramcount.formats.huggingface.blueprints import Blueprint, load_blueprint, load_record
from paramcount.formats.huggingface.configs import resolve_fields
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor
from tools.blueprints.framework import config_class, limit, model_class, torch
from tools.blueprints.raw import fields_of, payload
from tools.blueprints.runs import part_for
from tools.blueprints.seeds import SEEDS

_INDEX = re.compile(r"(?<![^.])(?:\d+|\{\w\})(?![^.])")
_WORD = re.compile(r"'([\w-]+)'")
_SECONDS = 10

Record = dict[str, Any]


def record(model_type: str, name: str) -> Record | None:
    """What is to be known of a class, by paths with # for every index; None where it does not build from its defaults.

    The kinds of modules other than service guesses, modules that no config brought, those that are another one, and
    experts that are multiplied from the left.
    """
    known = load_blueprint(model_type, name)
    seen = _Seen(_modules_of(known))
    seeds = dict(SEEDS.get(model_type, {}))
    if not seen.add(model_type, name, seeds):
        return None
    seen.unlike = _unlike(model_type, known, seeds)
    started = time.monotonic()
    for path, value in _alternatives(known):
        if seen.wanted <= seen.kinds.keys() or time.monotonic() > started + _SECONDS:
            break
        seen.add(model_type, name, {**seeds, path: value})
    return seen.told()


def _unlike(model_type: str, known: Blueprint, changes: Mapping[str, Any]) -> list[str]:
    """The fields that size a prompt, of which the service does not know what the class makes of them."""
    cls = config_class(model_type)
    given = payload(fields_of(cls), changes)
    theirs = cls.from_dict(given).to_dict()
    theirs = theirs.get("text_config") or theirs
    ours = resolve_fields({**given, "model_type": model_type, "architectures": [known.name]}, known)
    part = "text_config." if any(path.startswith("text_config.") for path in ours) else ""
    return [name for name in SIZE_FIELDS if theirs.get(name) != ours.get(part + name)]


def _alternatives(known: Blueprint) -> Iterator[tuple[str, Any]]:
    """Other values of fields that may bring modules which the defaults leave out."""
    words = sorted(set(_WORD.findall(" ".join(_record_of(known)["tensors"] + _texts(known)))))
    for path in known.fields:
        default = known.family.defaults.get(path)
        if isinstance(default, bool):
            yield path, not default
        elif isinstance(default, str):
            yield from ((path, word) for word in words if word != default)
        elif default is None or isinstance(default, int):
            yield from ((path, value) for value in (None, 1, 2, 4, 64, True) if value != default)


def _texts(known: Blueprint) -> list[str]:
    found = _record_of(known)
    return [*found["given"], *found["assumed"], *found["rules"]]


def _record_of(known: Blueprint) -> Record:
    return dict(load_record(known.family.model_type)["classes"][known.name])


class _Seen:
    """The kinds of modules in all that was built of a class."""

    def __init__(self, wanted: set[str]) -> None:
        self.wanted = wanted
        self.kinds: dict[str, dict[str, str]] = defaultdict(dict)  # template -> name -> kind
        self.guesses: dict[str, str] = {}
        self.shared: set[str] = set()
        self.transposed: set[str] = set()
        self.embeddings: dict[str, str] = {}
        self.unlike: list[str] = []  # fields that the class derives, and that no shape depends on

    def add(self, model_type: str, name: str, changes: Mapping[str, Any]) -> bool:
        """Whether the class builds with these changes; if so, its modules are seen."""
        try:
            with limit(_SECONDS):
                model = _built(model_type, name, changes)
        except Exception:  # noqa: BLE001 # whatever a constructor raises: there is nothing to see
            return False
        self._look(model)
        return True

    def _look(self, model: Any) -> None:
        names: dict[int, str] = {}
        for name, module in model.named_modules(remove_duplicate=False):
            if names.setdefault(id(module), name) != name:
                self.shared.add(template(name))
            if getattr(module, "is_transposed", False):
                self.transposed.add(template(name))
            if name and next(module.parameters(), None) is not None and name not in self.guesses:
                self.kinds[template(name)][name] = kind(module)
                self.guesses[name] = guess_kind(_layer(name, module))
        if not self.embeddings:
            self.embeddings = {
                "input": _name_of(model, "get_input_embeddings", names),
                "output": _name_of(model, "get_output_embeddings", names),
            }

    def told(self) -> Record:
        kinds: dict[str, list[str]] = defaultdict(list)
        for pattern, members in self.kinds.items():
            wrong = {one for one, which in members.items() if self.guesses[one] != which}
            if len(set(members.values())) == 1 and wrong:
                kinds[next(iter(members.values()))].append(pattern)
            else:
                for one in wrong:
                    kinds[members[one]].append(one)
        return {
            "kinds": {which: sorted(patterns) for which, patterns in sorted(kinds.items())},
            "unseen": sorted(self.wanted - self.kinds.keys()),
            "shared": sorted(self.shared),
            "transposed": sorted(self.transposed),
            "unlike": self.unlike,
            **self.embeddings,
        }


def _built(model_type: str, name: str, changes: Mapping[str, Any]) -> Any:
    cls, built = config_class(model_type), model_class(model_type, name)
    config = cls.from_dict(payload(fields_of(cls), changes))
    with torch.device("meta"):
        return built(part_for(built, config))


def template(name: str) -> str:
    """A path with every index as #."""
    return _INDEX.sub("#", name)


def _layer(name: str, module: Any) -> Layer:
    """A module as a blueprint shows it: names and shapes."""
    tensors = tuple(Tensor(own, tuple(one.shape)) for own, one in module.named_parameters(recurse=False))
    children = tuple(
        Layer(below, "") for below, one in module.named_children() if next(one.parameters(), None) is not None
    )
    return Layer(name.rpartition(".")[2], "", tensors=tensors, children=children)


def _modules_of(known: Blueprint) -> set[str]:
    found = set()
    for entry in known.entries:
        steps = template(entry.name).split(".")[:-1]
        found |= {".".join(steps[: end + 1]) for end in range(len(steps))}
    return found


def kind(module: Any) -> str:
    """What PEFT's isinstance makes of a module."""
    nn = torch.nn
    for base in (nn.MultiheadAttention, nn.Linear, nn.Embedding, Conv1D):
        if isinstance(module, base):
            return str(base.__name__)
    for base in (nn.Conv1d, nn.Conv2d, nn.Conv3d):
        if type(module) is base:
            return _convolution(module, base.__name__)
    if isinstance(module, nn.ModuleList | nn.ModuleDict | nn.ParameterDict | nn.ParameterList):
        return "ModuleList"
    return "other"


def _convolution(module: Any, name: str) -> str:
    """Its groups, and a dilation, since neither is in the shape of its weight."""
    groups, dilated = module.groups, any(step != 1 for step in module.dilation)
    each = groups == module.in_channels == module.out_channels
    return name + ("" if groups == 1 else " depthwise" if each else " grouped") + " dilated" * dilated


def _name_of(model: Any, getter: str, names: Mapping[int, str]) -> str:
    try:
        return names.get(id(getattr(model, getter)()), "")
    except (AttributeError, NotImplementedError, TypeError):
        return ""

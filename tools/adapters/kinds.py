"""Records the kinds of modules that a class of transformers is built of, where names and shapes do not show them."""

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
from paramcount.formats.huggingface.submodels import fit_blueprint
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor
from tools.adapters.alternatives import ALTERNATIVES
from tools.blueprints.framework import config_class, limit, model_class, part_for, torch
from tools.blueprints.raw import fields_of, payload
from tools.blueprints.seeds import SEEDS

_INDEX = re.compile(r"(?<![^.])(?:\d+|\{\w\})(?![^.])")
_WORD = re.compile(r"'([\w-]+)'")
MAX_SECONDS = 10
"""For one model, and for all alternatives of a class."""

Record = dict[str, Any]


def record_class(model_type: str, class_name: str) -> Record | None:
    """Return the members of a ClassRecord of paramcount/adapters; None where the class does not build from defaults."""
    compiled = fit_blueprint(load_blueprint(model_type, class_name), {})
    modules = _SeenModules(_list_modules(compiled), has_ties=any(entry.tied for entry in compiled.entries))
    seeds = dict(SEEDS.get(model_type, {}))
    if not modules.build(model_type, class_name, seeds):
        return None
    underived = _find_underived_fields(model_type, compiled, seeds)
    for changes in ALTERNATIVES.get(model_type, ()):
        modules.build(model_type, class_name, {**seeds, **changes})
    started = time.monotonic()
    for path, value in _alternative_values(compiled):
        if modules.are_complete or time.monotonic() > started + MAX_SECONDS:
            break
        modules.build(model_type, class_name, {**seeds, path: value})
    return modules.to_record(underived)


def _find_underived_fields(model_type: str, compiled: Blueprint, changes: Mapping[str, Any]) -> list[str]:
    """List the fields that size a prompt and that the blueprint derives otherwise than the class does."""
    cls = config_class(model_type)
    stated = payload(fields_of(cls), changes)
    actual = cls.from_dict(stated).to_dict()
    actual = actual.get("text_config") or actual
    derived = resolve_fields({**stated, "model_type": model_type, "architectures": [compiled.name]}, compiled)
    prefix = "text_config." if any(path.startswith("text_config.") for path in derived) else ""
    return [name for name in SIZE_FIELDS if actual.get(name) != derived.get(prefix + name)]


def _alternative_values(compiled: Blueprint) -> Iterator[tuple[str, Any]]:
    """Yield other values of fields, which may bring modules that the defaults leave out."""
    record = load_record(compiled.family.model_type)["classes"][compiled.name]
    texts = [*record["tensors"], *record["given"], *record["assumed"], *record["rules"]]
    words = sorted(set(_WORD.findall(" ".join(texts))))
    for path in compiled.fields:
        default = compiled.family.defaults.get(path)
        if isinstance(default, bool):
            yield path, not default
        elif isinstance(default, str):
            yield from ((path, word) for word in words if word != default)
        elif default is None or isinstance(default, int):
            yield from ((path, value) for value in (None, 1, 2, 4, 64, True) if value != default)


class _SeenModules:
    """The modules of all models that were built of a class."""

    def __init__(self, expected: set[str], *, has_ties: bool) -> None:
        self._expected, self._has_ties = expected, has_ties
        self._lists_ties = True
        self._kinds: dict[str, dict[str, str]] = defaultdict(dict)  # path with # for indices -> path -> kind
        self._guesses: dict[str, str] = {}  # path -> kind
        self._shared: set[str] = set()
        self._transposed: set[str] = set()
        self._embeddings: dict[str, str] = {}

    @property
    def are_complete(self) -> bool:
        """True once every expected module was seen."""
        return self._expected <= self._kinds.keys()

    def build(self, model_type: str, class_name: str, changes: Mapping[str, Any]) -> bool:
        """Build the class with changes of its config, and look at its modules; return whether it builds."""
        try:
            with limit(MAX_SECONDS):
                model = build_model(model_type, class_name, changes)
        except Exception:  # noqa: BLE001 # whatever a constructor raises: there is nothing to see
            return False
        self._add(model)
        return True

    def _add(self, model: Any) -> None:
        names: dict[int, str] = {}
        self._lists_ties = isinstance(getattr(model, "_tied_weights_keys", None), dict)
        for name, module in model.named_modules(remove_duplicate=False):
            masked = mask_indices(name)
            if names.setdefault(id(module), name) != name:
                self._shared.add(masked)
            if getattr(module, "is_transposed", False):
                self._transposed.add(masked)
            if name and next(module.parameters(), None) is not None and name not in self._guesses:
                self._kinds[masked][name] = find_kind(module)
                self._guesses[name] = guess_kind(_to_layer(name, module))
        if not self._embeddings:
            self._embeddings = {
                "input_embedding": _find_name(model, "get_input_embeddings", names),
                "output_embedding": _find_name(model, "get_output_embeddings", names),
            }

    def to_record(self, underived_fields: list[str]) -> Record:
        """Return the record: the kinds that guess_kind does not find, and what else was seen."""
        paths: dict[str, list[str]] = defaultdict(list)  # by kind
        for masked, kinds in self._kinds.items():
            wrong = [name for name, kind in kinds.items() if self._guesses[name] != kind]
            if len(set(kinds.values())) == 1 and wrong:
                paths[next(iter(kinds.values()))].append(masked)
            else:
                for name in wrong:
                    paths[kinds[name]].append(name)
        return {
            "kinds": {kind: sorted(names) for kind, names in sorted(paths.items())},
            "unseen": sorted(self._expected - self._kinds.keys()),
            "shared": sorted(self._shared),
            "transposed": sorted(self._transposed),
            "underived_fields": underived_fields,
            **self._embeddings,
            **({"unlisted_ties": True} if self._has_ties and not self._lists_ties else {}),
        }


def build_model(model_type: str, class_name: str, changes: Mapping[str, Any]) -> Any:
    """Build a class with changes of its default config, without memory."""
    cls, built_class = config_class(model_type), model_class(model_type, class_name)
    config = cls.from_dict(payload(fields_of(cls), changes))
    with torch.device("meta"):
        return built_class(part_for(built_class, config))


def mask_indices(name: str) -> str:
    """Return a path, of a module or in a blueprint, with # for every index."""
    return _INDEX.sub("#", name)


def _to_layer(name: str, module: Any) -> Layer:
    """Return a module as a blueprint shows it: names and shapes."""
    tensors = tuple(Tensor(tensor, tuple(one.shape)) for tensor, one in module.named_parameters(recurse=False))
    children = tuple(
        Layer(child, "") for child, one in module.named_children() if next(one.parameters(), None) is not None
    )
    return Layer(name.rpartition(".")[2], "", tensors=tensors, children=children)


def _list_modules(compiled: Blueprint) -> set[str]:
    """List the paths of all modules that a blueprint names."""
    paths = set()
    for entry in compiled.entries:
        steps = mask_indices(entry.name).split(".")[:-1]
        paths |= {".".join(steps[: end + 1]) for end in range(len(steps))}
    return paths


def find_kind(module: Any) -> str:
    """Return the kind of a module, as PEFT's isinstance decides it."""
    nn = torch.nn
    for base in (nn.MultiheadAttention, nn.Linear, nn.Embedding, Conv1D):
        if isinstance(module, base):
            return str(base.__name__)
    for base in (nn.Conv1d, nn.Conv2d, nn.Conv3d):
        if type(module) is base:
            return _mark_convolution(module, base.__name__)
    if isinstance(module, nn.ModuleList | nn.ModuleDict | nn.ParameterDict | nn.ParameterList):
        return "ModuleList"
    return "other"


def _mark_convolution(module: Any, name: str) -> str:
    """Return a convolution's kind with marks for groups and a dilation, which the shape of its weight does not show."""
    groups, is_dilated = module.groups, any(step != 1 for step in module.dilation)
    is_depthwise = groups == module.in_channels == module.out_channels
    return name + ("" if groups == 1 else " depthwise" if is_depthwise else " grouped") + " dilated" * is_dilated


def _find_name(model: Any, getter: str, names: Mapping[int, str]) -> str:
    try:
        return names.get(id(getattr(model, getter)()), "")
    except (AttributeError, NotImplementedError, TypeError):
        return ""

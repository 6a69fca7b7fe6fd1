"""Modules that share a weight with the input embedding: what PEFT does to all of them when an adapter names some."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from paramcount.adapters.base_model import BaseModel
from paramcount.adapters.configs import load_tables
from paramcount.adapters.matchers import Components
from paramcount.adapters.patterns import Pattern
from paramcount.adapters.targets import find_input_embedding
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer

MIN_TIED_MODULES = 2
"""The fewest modules that can be tied to each other."""

_EMBEDDINGS = frozenset(("embed_tokens", "lm_head"))
"""The names by which PEFT knows a module that may be tied (EMBEDDING_LAYER_NAMES)."""


class TiedConfig(NamedTuple):
    """A config as ensure_weight_tying changes it, and the tied modules that follow the embedding."""

    members: Mapping[str, Any]
    adapted: tuple[str, ...] = ()  # paths
    saved: tuple[str, ...] = ()  # paths


def tie_modules(config: Mapping[str, Any], base: BaseModel, root: Layer) -> TiedConfig:
    """Return what ensure_weight_tying makes of a config (_check_tied_modules). Raises InvalidDocument."""
    if not config.get("ensure_weight_tying"):
        return TiedConfig(config)
    if not (base.config and base.is_recorded):
        detail = "is not counted without the model's config, which tells what is tied"
        raise InvalidDocument(detail, "/ensure_weight_tying", "unsupported")
    is_tied = base.config.get("tie_word_embeddings")
    saved, targets = config.get("modules_to_save") or (), config.get("target_modules") or ()
    saves_embedding = _names_embedding(saved)
    if is_tied is False or base.unlisted_ties or not (saves_embedding or _names_embedding(targets)):
        return TiedConfig(config)
    if is_tied is None:
        detail = "is not counted for a model whose config does not say tie_word_embeddings"
        raise InvalidDocument(detail, "/ensure_weight_tying", "unsupported")
    tied = sorted(_find_tied(base, dict(_list_ties(root, ""))))
    if not tied:
        return TiedConfig(config)
    if saves_embedding:
        return TiedConfig({**config, "modules_to_save": _tie_saved(saved, tied, base)}, saved=tuple(tied))
    return TiedConfig({**config, "target_modules": _tie_targets(config, targets, tied, base)}, adapted=tuple(tied))


def _tie_saved(saved: Sequence[str], tied: Iterable[str], base: BaseModel) -> list[str]:
    """Return modules_to_save with the embedding, and without the modules that are tied to it."""
    kept = _replace_tied(saved, tied, base.input_embedding, "/modules_to_save")
    if not _ends_with(kept, base.input_embedding):
        detail = f"drops {base.input_embedding}, which is tied to another module itself"
        raise InvalidDocument(detail, "/modules_to_save", "conflict")
    return kept


def _tie_targets(
    config: Mapping[str, Any], targets: str | Sequence[str], tied: Iterable[str], base: BaseModel
) -> str | list[str]:
    """Return target_modules with the embedding, and without the modules that are tied to it."""
    if config.get("rank_pattern") or base.model_type in load_tables()["experts"]:
        detail = "is not counted for tied targets together with rank_pattern, or with experts that PEFT renames"
        raise InvalidDocument(detail, "/ensure_weight_tying", "unsupported")
    if isinstance(targets, str):
        return f"(?:{targets}|^{re.escape(base.input_embedding)}$)"
    return _replace_tied(targets, tied, base.input_embedding, "/target_modules")


def _names_embedding(stated: str | Sequence[str]) -> bool:
    if isinstance(stated, str):
        pattern = Pattern(stated, "/target_modules")
        return any(map(pattern.matches, _EMBEDDINGS))
    return not _EMBEDDINGS.isdisjoint(name.rpartition(".")[2] for name in stated)


def _replace_tied(names: Sequence[str], tied: Iterable[str], embedding: str, pointer: str) -> list[str]:
    """Return names without those of the tied modules, and with the embedding's."""
    kept = list(dict.fromkeys((*names, embedding)))
    for path in tied:
        matching = [name for name in kept if Components([name], pointer).matches(path)]
        if len(matching) > 1 and pointer == "/target_modules":  # a set: PEFT drops any one of them
            detail = f"names {path} by {' and '.join(matching)}, and only one of these is dropped where it is tied"
            raise InvalidDocument(detail, pointer, "conflict")
        kept = [name for name in kept if name not in matching[:1]]
    return kept


def find_token_indices(config: Mapping[str, Any], base: BaseModel, root: Layer) -> dict[str, list[int]]:
    """Return the tokens whose rows train, by the ending of their module's path. Raises InvalidDocument.

    Modules that are tied to the input embedding and have its tokens are left out: they use the embedding's rows.
    """
    stated = config.get("trainable_token_indices")
    if stated is None:
        return {}
    if not isinstance(stated, dict):
        return {find_input_embedding(base, "trainable_token_indices"): stated}
    names = list(stated)
    if len(names) < MIN_TIED_MODULES:
        return stated
    ties = dict(_list_ties(root, ""))
    if not base.config and any(_ends_with(names, path) and _ends_with(names, source) for path, source in ties.items()):
        detail = "names modules that are tied: only the model's config tells whether PEFT trains their rows once"
        raise InvalidDocument(detail, "/trainable_token_indices", "unsupported")
    if not base.config.get("tie_word_embeddings"):
        return stated
    embedding, tied = find_input_embedding(base, "trainable_token_indices"), _find_tied(base, ties)
    among_tied = [name for name in names if embedding.endswith(name) or _is_one_of(name, tied)]
    if any(stated[name] != stated[among_tied[0]] for name in among_tied):
        if config.get("ensure_weight_tying"):
            detail = f"must have the same tokens for tied modules: {', '.join(among_tied)}"
            raise InvalidDocument(detail, "/trainable_token_indices", "conflict")
        return stated
    left_out = tied.intersection(among_tied) if len(among_tied) >= MIN_TIED_MODULES else ()
    return {name: tokens for name, tokens in stated.items() if name not in left_out}


def _find_tied(base: BaseModel, ties: Mapping[str, str]) -> set[str]:
    """Return the paths of the modules with the embedding's weight, but for the one that owns it."""
    owner = ties.get(base.input_embedding, base.input_embedding)
    return set() if base.unlisted_ties else {path for path, source in ties.items() if source == owner}


def _ends_with(names: Iterable[str], path: str) -> bool:
    return path.endswith(tuple(names))


def _is_one_of(name: str, modules: set[str]) -> bool:
    return any(module.endswith(name) or name in module.split(".") for module in modules)


def _list_ties(layer: Layer, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path of each module with a weight that is another module's, and the path of that one."""
    for tensor in layer.tensors:
        if tensor.tied_to and tensor.name == "weight":
            yield path, tensor.tied_to.rpartition(".")[0]
    for child in layer.children:
        yield from _list_ties(child, f"{path}.{child.name}" if path else child.name)

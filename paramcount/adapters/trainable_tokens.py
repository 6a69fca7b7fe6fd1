"""trainable_token_indices: the modules of which some rows train; tied ones share these rows (utils/other.py)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from paramcount.adapters.base_model import BaseModel
from paramcount.adapters.targets import find_input_embedding
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer

MIN_TIED_MODULES = 2
"""The fewest modules that can be tied to each other."""


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
    ties = list(_list_ties(root, ""))
    if not base.config and any(_ends_with(names, path) and _ends_with(names, source) for path, source in ties):
        detail = "names modules that are tied: only the model's config tells whether PEFT trains their rows once"
        raise InvalidDocument(detail, "/trainable_token_indices", "unsupported")
    if not base.config.get("tie_word_embeddings"):
        return stated
    embedding = find_input_embedding(base, "trainable_token_indices")
    tied = {path for path, source in ties if source == embedding}
    among_tied = [name for name in names if embedding.endswith(name) or _is_one_of(name, tied)]
    if any(stated[name] != stated[among_tied[0]] for name in among_tied):
        return stated
    left_out = tied.intersection(among_tied) if len(among_tied) >= MIN_TIED_MODULES else ()
    return {name: tokens for name, tokens in stated.items() if name not in left_out}


def _ends_with(names: Iterable[str], path: str) -> bool:
    return any(path.endswith(name) for name in names)


def _is_one_of(name: str, modules: set[str]) -> bool:
    return any(module.endswith(name) or name in module.split(".") for module in modules)


def _list_ties(layer: Layer, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path of each module with a weight that is another module's, and the path of that one."""
    for tensor in layer.tensors:
        if tensor.tied_to and tensor.name == "weight":
            yield path, tensor.tied_to.rpartition(".")[0]
    for child in layer.children:
        yield from _list_ties(child, f"{path}.{child.name}" if path else child.name)

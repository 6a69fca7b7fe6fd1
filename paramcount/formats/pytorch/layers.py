"""Layers of what a file of torch holds: ties between tensors, roles, and the tree of modules with their classes."""

from __future__ import annotations

from collections.abc import Mapping

from paramcount.formats.named_tensors.checkpoint import (
    STATISTIC_NAMES,
    checkpoint_tensor,
    may_hold_statistics,
)
from paramcount.formats.named_tensors.tree import build_tree, is_index, name_layers
from paramcount.formats.pytorch.contents import Contents, Module
from paramcount.formats.pytorch.tensors import PickledTensor, Role
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_RANKS = {"weight": 0, "buffer": 1, "": 2}
"""Of several names of one tensor, that one owns it whose role comes first."""


def identity(tensor: PickledTensor) -> object:
    """Return what only the same tensor has, by its storage, or by the object that it is."""
    return id(tensor) if tensor.identity is None else tensor.identity


def named_tensors(contents: Contents) -> dict[str, Tensor]:
    """Return the model's tensors by name; one that is another's under a further name is tied to it.

    A tensor that is in a module and in a state dict beside it counts where it is in the module.
    """
    tensors = contents.tensors
    owners: dict[object, str] = {}
    if len({tensor.role for tensor in tensors.values()}) > 1:
        for name, tensor in sorted(tensors.items(), key=lambda item: _RANKS[item[1].role]):
            owners.setdefault(identity(tensor.tensor), name)
    with_flags = contents.containers_of_parameters if contents.states_what_trains else frozenset()
    statistics = may_hold_statistics(tensors)
    kinds: dict[object, Tensor] = {}  # equal tensors are one object
    named: dict[str, Tensor] = {}
    for name, (pickled, known_role, container) in tensors.items():
        # Beside parameters, what is none is a buffer.
        role: Role = "buffer" if not known_role and container in with_flags else known_role
        statistic = statistics and not role and name.rpartition(".")[2] in STATISTIC_NAMES
        kind = pickled.shape, pickled.dtype, role, pickled.requires_grad, statistic
        if (made := kinds.get(kind)) is None:
            made = kinds[kind] = _tensor(name, pickled, role)
        owner = owners.setdefault(identity(pickled), name)
        named[name] = made if owner == name else made._replace(tied_to=owner)
    return named


def _tensor(name: str, pickled: PickledTensor, role: Role) -> Tensor:
    """Return a tensor, without its name, in its role; where that is not known, as in any checkpoint."""
    is_quantized = pickled.dtype[0] == "Q"
    if role:
        is_trainable = pickled.requires_grad and role == "weight"
        return Tensor("", pickled.shape, role, pickled.dtype, trainable=is_trainable)
    return checkpoint_tensor(name, pickled.shape, pickled.dtype)._replace(trainable=not is_quantized)


def build_layers(contents: Contents, tensors: Mapping[str, Tensor]) -> Layer:
    """Return the layers: modules with their classes; of other tensors the tree that their names make."""
    if not contents.modules:
        return build_tree(tensors)
    interned: dict[object, Layer] = {}
    layers = {module.path: _layer(module, tensors, interned) for module in contents.modules}
    if (root := layers.get("")) is not None:
        return root._replace(name=root.type)
    in_modules = {name for module in contents.modules for name in _names(module)}
    tree = build_tree({name: tensor for name, tensor in tensors.items() if name not in in_modules})
    for path, layer in layers.items():
        tree = _insert(tree, path.split("."), layer)
    return tree


def _names(module: Module) -> list[str]:
    return [*module.tensors, *(name for child in module.children for name in _names(child))]


def _layer(module: Module, tensors: Mapping[str, Tensor], interned: dict[object, Layer]) -> Layer:
    """Return the layer of a module, without a name. Equal modules make one object, and equal blocks one layer."""
    prefix_length = len(module.path) + 1 if module.path else 0
    held = tuple([tensors[name].with_name(name[prefix_length:]) for name in module.tensors])
    groups: dict[tuple[int, str], list[str]] = {}
    layers: dict[int, Layer] = {}
    for child in module.children:
        layer = _layer(child, tensors, interned)
        layers[id(layer)] = layer
        groups.setdefault((id(layer), "" if is_index(child.name) else child.name), []).append(child.name)
    key = module.class_name, held, tuple([(layer_id, *names) for (layer_id, _), names in groups.items()])
    if (made := interned.get(key)) is None:
        taken = {child.name for child in module.children}
        children = [
            layer for (layer_id, _), names in groups.items() for layer in name_layers(names, layers[layer_id], taken)
        ]
        made = interned[key] = Layer("", module.class_name, tensors=held, children=tuple(children))
    return made


def _insert(tree: Layer, path: list[str], layer: Layer) -> Layer:
    """Return a tree with a layer at a path in it."""
    name, *rest = path
    if not rest:
        return tree._replace(children=(*tree.children, layer._replace(name=name)))
    for index, child in enumerate(tree.children):
        if child.name == name and child.repeat == 1:
            inserted = _insert(child, rest, layer)
            return tree._replace(children=(*tree.children[:index], inserted, *tree.children[index + 1 :]))
    return tree._replace(children=(*tree.children, _insert(Layer(name, ""), rest, layer)))

"""Puts an adapter into a model: wraps what is adapted or saved, freezes the rest, and folds blocks that stay alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from time import monotonic
from typing import Any

from paramcount.adapters.bases import Base
from paramcount.adapters.configs import saved_modules
from paramcount.adapters.matching import Endings, Matcher, Names, Values, begins
from paramcount.adapters.modules import Module, template
from paramcount.adapters.patterns import Pattern
from paramcount.adapters.registry import Method
from paramcount.adapters.targets import Targets, default, embedding, targets_of
from paramcount.model import block_ranges
from paramcount.model.budget import Limits
from paramcount.model.errors import ArchitectureError, InvalidDocument, Problems, TooLarge
from paramcount.model.layers import Layer
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor
from paramcount.schema.validator import MAX_PROBLEMS

_LORAS = frozenset(("LORA", "ADALORA", "RANDLORA"))
_MAMBAS = frozenset(("falcon_h1", "mamba", "mamba2", "falcon_mamba", "nemotron_h"))
"""Models whose kernels read weights past their modules (_check_lora_target_modules_mamba)."""
_GUESSED = "is taken for a module of the commonest kind with these shapes; of another, the adapter would differ in size"
_EXPERTS = "holds experts in one tensor: PEFT renames targets in these by the model's type, which is not known"
_FORMS = {"rank_pattern": r"(.*\.)?({})$", "n_frequency_pattern": r".*\.{}$", "block_size_pattern": r".*\.{}$"}


class Injection:
    """One adapter, put into one model. Raises Problems."""

    def __init__(self, config: Mapping[str, Any], method: Method, base: Base, root: Layer, limits: Limits) -> None:
        self.config, self.method, self.base, self.root, self.limits = config, method, base, root, limits
        self.visited, self.deadline = 0, limits.deadline
        self.problems: dict[tuple[str, str], ArchitectureError] = {}
        self.warnings: list[ReportWarning] = []
        self.hits = 0
        self.thawed: set[str] = set()  # tensors that train where something tied to them does
        self.found: set[str] = set()  # of the modules with tokens that train
        self.widest = (0, 0)
        self.bias = config.get("bias", "none")
        left_alone, saved = saved_modules(config)
        self.saved = Endings(saved)
        self.values = {
            argument: Values(config.get(member) or {}, _FORMS[member], f"/{member}")
            for argument, member in method.patterns.items()
        }
        self.arguments = method.signature.chosen({k: v for k, v in config.items() if v is not None})
        self.feedforward = self._feedforward()
        self.tokens = self._tokens()
        self.blind = True  # whether the copies of a block are alike to the adapter
        self._notice(Matcher(config, [], left_alone), self.saved, *self.values.values(), Names(self.tokens))
        if self.feedforward is not None:
            self._notice(self.feedforward)
        self.targets = targets_of(config, base, left_alone, self._modules) if method.kinds else Targets([])
        for name, times in self.targets.fused.items():
            pattern = begins(rf"(.*\.)?(.*\.{name})$", "/rank_pattern")
            self.values["r"].append(pattern, config.get("r", 8) * times)
        self.matcher = Matcher(config, self.targets.modules, left_alone)
        self.parameters = Names(self.targets.parameters)
        self._notice(self.matcher, self.parameters)

    def _notice(self, *parts: Matcher | Endings | Names | Values | Pattern) -> None:
        self.blind = self.blind and all(part.blind for part in parts) and not self.base.told_apart

    def _feedforward(self) -> Endings | Pattern | None:
        if self.method.name != "IA3":
            return None
        stated = self.config.get("feedforward_modules")
        if stated is None:
            stated = default("feedforward_modules", "IA3 feedforward", self.base)
        return Pattern(stated, "/feedforward_modules") if isinstance(stated, str) else Endings(stated)

    def _tokens(self) -> dict[str, list[int]]:
        """Modules of which some rows are trained, by the ending of their path."""
        stated = self.config.get("trainable_token_indices")
        if stated is None:
            return {}
        return stated if isinstance(stated, dict) else {embedding(self.base, "trainable_token_indices"): stated}

    # What there is

    def _modules(self, *, apart: bool) -> Iterator[tuple[str, Module, tuple[str, ...]]]:
        """Every module; with `apart`, or where blocks are told apart anyway, each copy of a block by itself."""
        waiting = [(self.root, "")]
        while waiting:
            layer, path = waiting.pop()
            self._visit()
            if path and template(path) not in self.base.shared:
                own = tuple(tensor.name for tensor in layer.tensors if tensor.role == "weight")
                yield path, self.base.module(path, _thin(layer)), own
            prefix = f"{path}." if path else ""
            for child in reversed(layer.children):
                names = self._copies(child) if apart or not self.blind else [child.name]
                waiting += [(child, prefix + name) for name in names]

    def _visit(self) -> None:
        self.visited += 1
        if self.visited > self.limits.max_layers:
            raise TooLarge(f"is held against more than {self.limits.max_layers:,} modules")
        if self.visited % 64 == 0 and monotonic() > self.deadline:
            raise TooLarge(f"takes more than the {self.limits.max_seconds} seconds that one request may take")

    def _copies(self, layer: Layer) -> list[str]:
        """The names of a block's copies."""
        if layer.repeat == 1:
            return [layer.name]
        names = block_ranges.expand(layer.name, self.limits.max_copies)
        if len(names) != layer.repeat:
            detail = f"tells blocks apart, of which there may be {self.limits.max_copies:,}, not {layer.repeat:,}"
            raise TooLarge(detail, "/target_modules")
        return names

    # What becomes of it

    def run(self) -> Layer:
        """The model with the adapter in it."""
        children = self._children(self.root, "", "", self.bias)
        if self.method.kinds:
            own = tuple(self._fate(tensor, self.bias) for tensor in self.root.tensors)
            if not self.hits and not self.problems:
                self._blame(InvalidDocument("hits no module that is left to adapt", "/target_modules", "no_match"))
        else:
            own = self.root.tensors  # PEFT freezes what stands in the model's children (_setup_prompt_encoder)
        for name in self.tokens.keys() - self.found:
            detail = f'names "{name[:100]}", and no module is called so'
            self._blame(InvalidDocument(detail, "/trainable_token_indices", "no_match"))
        if self.problems:
            raise Problems(self.problems.values())
        if self.method.shared is not None:
            own = (*own, *self._shared())
        found = self.root._replace(config=None, tensors=own, children=children)
        return _thawed(found, "", self.thawed) if self.thawed else found

    def _shared(self) -> Iterable[Tensor]:
        assert self.method.shared is not None
        taken = self.method.shared.__annotations__.keys() & self.arguments.keys()
        return self.method.shared(*self.widest, **{name: self.arguments[name] for name in taken})

    def _children(self, layer: Layer, path: str, inside: str, bias: str) -> tuple[Layer, ...]:
        prefix = f"{path}." if path else ""
        found: list[Layer] = []
        for child in layer.children:
            if self.blind or child.repeat == 1:
                made = self._layer(child, prefix + child.name, inside, bias)
                found.append(made._replace(name=child.name, repeat=child.repeat))
                continue
            alike: dict[Layer, list[int]] = {}
            for name in self._copies(child):
                made = self._layer(child, prefix + name, inside, bias)._replace(name="", repeat=1)
                alike.setdefault(made, []).append(int(name))
            found += [
                made._replace(name=block_ranges.format(which), repeat=len(which)) for made, which in alike.items()
            ]
        return tuple(found)

    def _layer(self, layer: Layer, path: str, inside: str, bias: str) -> Layer:
        """What becomes of the layer at `path`; `inside` is what is wrapped around it already."""
        self._visit()
        if self.method.name == "LORA" and not self.base.known and any(t.name == "gate_up_proj" for t in layer.tensors):
            self.warnings.append(ReportWarning("fused_experts", path, _EXPERTS, exact=False))
        shared = template(path) in self.base.shared
        adapted = bool(self.method.kinds) and not shared and self.matcher.adapts(path)
        saved = self.saved.matches(path)
        names = [name for name in self.tokens if path.endswith(name)]
        tokens = self.tokens[names[0]] if names else None
        self.found.update(names)
        parameters = () if shared else self._parameters(layer, path)
        means = [adapted, saved, tokens is not None, bool(parameters)]
        if sum(means) > 1 or (any(means) and inside):
            where = inside if any(means) and inside else path
            detail = f"would wrap {path} inside {where}, which is wrapped already" if inside else f"wraps {path} twice"
            self._blame(InvalidDocument(detail, "/modules_to_save" if saved else "/target_modules", "conflict"))
        if adapted:
            return self._adapted(layer, path, bias)
        if saved:
            return self._saved(layer, path)
        plain = self._plain(layer, path, path if any(means) else inside, bias)
        if tokens is not None:
            return self._with_tokens(plain, layer, path, tokens)
        for number, parameter in enumerate(parameters):
            plain = self._with_parameter(plain, parameter, path, len(parameters) - number - 1)
        return plain

    def _plain(self, layer: Layer, path: str, inside: str, bias: str) -> Layer:
        """A layer that keeps its place, frozen."""
        children = self._children(layer, path, inside, bias)
        return layer._replace(
            config=None, tensors=tuple(self._fate(tensor, bias) for tensor in layer.tensors), children=children
        )

    @staticmethod
    def _fate(tensor: Tensor, bias: str) -> Tensor:
        """A tensor of the model: frozen, but for the biases that the adapter asks for."""
        return tensor._replace(trainable=tensor.role == "weight" and bias == "all" and tensor.name == "bias")

    # Modules that are adapted

    def _adapted(self, layer: Layer, path: str, bias: str) -> Layer:
        """The module, frozen, with what the method adds beside it."""
        module = self.base.module(path, _thin(layer))
        only = bias.endswith("_only")  # lora_only: the biases of what is adapted
        attention = only and module.kind == "MultiheadAttention"
        plain = self._plain(layer, path, path, "all" if attention else bias)
        own = tuple(self._fate(tensor, "all" if only else bias) for tensor in layer.tensors)
        self.thawed |= {tensor.tied_to for tensor in own if tensor.trainable and tensor.tied_to}
        kind = module.kind if module.kind in self.method.kinds else layer.type or "module"
        plain = plain._replace(type=f"{self.method.name.lower()}.{kind}", tensors=own)
        self.hits += 1
        if self.method.copies:
            return self._with_copy(plain, layer, path, self.method.copies)
        return plain._replace(tensors=(*own, *self._formula(module)))

    def _formula(self, module: Module) -> tuple[Tensor, ...]:
        """What the method adds to a module."""
        try:
            found = self._tensors(module)
        except ArchitectureError as error:
            self._blame(error)
            return ()
        for other in module.alternatives():
            try:
                if _size(self._tensors(other)) != _size(found):
                    self.warnings.append(ReportWarning("guessed_module", module.path, _GUESSED, exact=False))
            except ArchitectureError:  # PEFT would refuse it, and so it is no such module
                continue
        if module.weight:
            self.widest = max(self.widest[0], module.in_features), max(self.widest[1], module.out_features)
        return found

    def _tensors(self, module: Module) -> tuple[Tensor, ...]:
        if module.kind not in self.method.kinds:
            kinds = ", ".join(sorted(self.method.kinds))
            what = "none of these" if module.kind in ("other", "ModuleList") else module.kind
            detail = f"hits {module.path}, which is {what}: {self.method.name} adapts {kinds}"
            raise InvalidDocument(detail, "/target_modules", "unsupported_module")
        last = module.path.rpartition(".")[2]
        if self.method.name in _LORAS and self.base.model_type in _MAMBAS and last in ("out_proj", "conv1d"):
            detail = f"hits {module.path}, which PEFT does not adapt in a model of type {self.base.model_type}"
            raise InvalidDocument(detail, "/target_modules", "unsupported_module")
        if not module.weight:
            detail = f"hits {module.path}, whose weight is not known"
            raise InvalidDocument(detail, "/target_modules", "unsupported_module")
        arguments = dict(self.arguments)
        for name, values in self.values.items():
            if (value := values.get(module.path, None)) is not None:
                arguments[name] = value
        if self.feedforward is not None:
            arguments["is_feedforward"] = self.feedforward.matches(module.path)
        return tuple(self.method.formula(module, **arguments))

    # Modules that are trained in full, or by some of their rows

    def _saved(self, layer: Layer, path: str) -> Layer:
        if self.base.module(path, _thin(layer)).kind == "ModuleList":
            detail = f"hits {path}, which is a list of modules and cannot be saved as one"
            self._blame(InvalidDocument(detail, "/modules_to_save", "unsupported_module"))
        plain = self._plain(layer, path, path, "none")._replace(type="ModulesToSaveWrapper")
        return self._with_copy(plain, layer, path, "modules_to_save")

    def _with_copy(self, plain: Layer, layer: Layer, path: str, where: str) -> Layer:
        """A module beside which a copy stands that trains instead of it."""
        copy = self._copied(layer, path, f"{path}.{where}.default")._replace(name="default", repeat=1)
        return plain._replace(children=(*plain.children, Layer(where, "ModuleDict", children=(copy,))))

    def _copied(self, layer: Layer, path: str, there: str) -> Layer:
        """A copy of all beneath `path`, which trains: what was tied to something outside of it no longer is."""
        self._visit()
        tensors = tuple(_trained(tensor, path, there) for tensor in layer.tensors)
        children = tuple(self._copied(child, path, there) for child in layer.children)
        return layer._replace(config=None, tensors=tensors, children=children)

    def _with_tokens(self, plain: Layer, layer: Layer, path: str, tokens: list[int]) -> Layer:
        """An embedding of which the rows of some tokens train (TrainableTokensWrapper)."""
        module = self.base.module(path, _thin(layer))
        rows = module.weight[0] if module.weight else 0
        if len(module.weight) != 2 or not all(-rows <= token < rows for token in tokens):  # a matrix
            detail = f"must be rows of {path}, which has {rows:,}"
            self._blame(InvalidDocument(detail, "/trainable_token_indices", "maximum"))
            return plain
        delta = Tensor("token_adapter.trainable_tokens_delta.default", (len(tokens), module.weight[1]))
        return plain._replace(type="TrainableTokensWrapper", tensors=(*plain.tensors, delta))

    # Parameters that are adapted by themselves

    def _parameters(self, layer: Layer, path: str) -> tuple[Tensor, ...]:
        if not self.parameters.names:
            return ()
        return tuple(
            tensor
            for tensor in layer.tensors
            if tensor.role == "weight" and self.parameters.matches(f"{path}.{tensor.name}")
        )

    def _with_parameter(self, plain: Layer, parameter: Tensor, path: str, depth: int) -> Layer:
        """LoRA on one parameter, be it a matrix for each expert (ParamWrapper); `depth` others stand around it."""
        self.hits += 1
        as_drawn = self.config.get("init_lora_weights") in (None, True, False, "gaussian")
        wrong = [name for name in ("lora_dropout", "fan_in_fan_out", "lora_bias", "use_dora") if self.config.get(name)]
        for member in wrong + ["init_lora_weights"] * (not as_drawn):
            self._blame(InvalidDocument("does not go with target_parameters", f"/{member}", "conflict"))
        if len(parameter.shape) not in (2, 3):
            detail = f"hits {path}.{parameter.name}, which has {len(parameter.shape)} axes, not 2 or 3"
            self._blame(InvalidDocument(detail, "/target_parameters", "unsupported_module"))
            return plain
        experts, height, width = (1, *parameter.shape)[-3:]
        if len(parameter.shape) == 3 and template(path) in self.base.transposed:  # a stack of matrices
            height, width = width, height
        rank = self.values["r"].get(f"{path}.{parameter.name}", self.config.get("r", 8)) * experts
        prefix = "base_layer." * depth
        pair = (
            Tensor(f"{prefix}lora_A.default.weight", (rank, width)),
            Tensor(f"{prefix}lora_B.default.weight", (height, rank)),
        )
        return plain._replace(type="lora.ParamWrapper", tensors=(*plain.tensors, *pair))

    def _blame(self, error: ArchitectureError) -> None:
        self.problems.setdefault((error.pointer, error.detail), error)
        if len(self.problems) >= MAX_PROBLEMS:
            raise Problems(self.problems.values())


def _thawed(layer: Layer, path: str, names: set[str]) -> Layer:
    """A layer in which the tensors of these names train."""
    prefix = f"{path}." if path else ""
    tensors = tuple(
        tensor._replace(trainable=True) if prefix + tensor.name in names else tensor for tensor in layer.tensors
    )
    children = tuple(_thawed(child, prefix + child.name, names) for child in layer.children)
    return layer._replace(tensors=tensors, children=children)


def _thin(layer: Layer) -> Layer:
    """A layer, and of its children those that own something."""
    return layer._replace(children=tuple(child for child in layer.children if _owns(child)))


def _owns(layer: Layer) -> bool:
    return any(tensor.role == "weight" for tensor in layer.tensors) or any(map(_owns, layer.children))


def _trained(tensor: Tensor, path: str, there: str) -> Tensor:
    tied = tensor.tied_to
    if tied:
        tied = there + tied.removeprefix(path) if tied.startswith(f"{path}.") else ""
    return tensor._replace(trainable=tensor.role == "weight", tied_to=tied)


def _size(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.size for tensor in tensors if tensor.role == "weight")

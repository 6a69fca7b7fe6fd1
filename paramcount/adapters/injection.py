"""Puts an adapter into a model: wraps what is adapted or saved, freezes the rest, and folds blocks that stay equal."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from time import monotonic
from typing import Any

from paramcount.adapters.base_model import BaseModel
from paramcount.adapters.configs import list_saved_modules
from paramcount.adapters.layer_edits import (
    count_weights,
    drop_weightless_children,
    freeze,
    holds_ties,
    make_trainable_copy,
    unfreeze,
)
from paramcount.adapters.matchers import Endings, IndexUse, Names, Overrides, TargetMatcher
from paramcount.adapters.modules import Module, mask_indices
from paramcount.adapters.patterns import Pattern
from paramcount.adapters.registry import Method
from paramcount.adapters.targets import ListedModule, Targets, find_default, find_targets
from paramcount.adapters.tied_modules import find_token_indices, tie_modules
from paramcount.model import block_ranges
from paramcount.model.budget import Limits, scale_to_request
from paramcount.model.errors import MAX_PROBLEMS, ArchitectureError, InvalidDocument, Problems, TooLarge
from paramcount.model.layers import Layer
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor

DEFAULT_RANK = 8
"""The r of a LORA that states none."""

_MIN_VISITS, _VISITS_PER_BYTE = 12_000, 50
_CHARS_PER_VISIT, _ENDINGS_PER_VISIT = 200, 50
"""The modules that are looked at: copies of blocks one by one, where they are told apart. A long path, and many
endings that it is compared with, count for several."""

_LORAS = frozenset(("LORA", "ADALORA", "RANDLORA"))
_MAMBAS = frozenset(("falcon_h1", "mamba", "mamba2", "falcon_mamba", "nemotron_h"))
"""Models whose kernels read weights past their modules (_check_lora_target_modules_mamba)."""
_GUESSED = "is taken for a module of the commonest kind with these shapes; of another, the adapter would differ in size"
_EXPERTS = "holds experts in one tensor: PEFT renames targets in these by the model's type, which is not known"
_KEY = r"(.*\.)?({})$"
"""The expression that PEFT makes of a key of rank_pattern and the like (get_pattern_key)."""
_KEYS_OF_OTHERS = {"FOURIERFT": r".*\.{}$", "C3A": r".*\.{}$"}
"""The expression of methods that make another."""


class Injection:
    """One adapter, put into one model. Raises Problems."""

    def __init__(self, config: Mapping[str, Any], method: Method, base: BaseModel, root: Layer, limits: Limits) -> None:
        tied = tie_modules(config, base, root)
        self.config, self.method, self.base, self.root, self.limits = tied.members, method, base, root, limits
        self.warnings: list[ReportWarning] = []
        self._deadline, self._visited = limits.deadline, 0
        self._max_visits = scale_to_request(limits.max_layers, _MIN_VISITS, _VISITS_PER_BYTE)
        self._problems: dict[tuple[str, str], ArchitectureError] = {}
        self._match_numbers: dict[tuple[Hashable, ...], int] = {}
        self._adapted_modules = 0
        self._trainable_ties: set[str] = set()  # tensors that train because a tensor tied to them does
        self._matched_token_modules: set[str] = set()
        self._widest = (0, 0)  # the largest in_features and out_features of the adapted modules
        config, self._bias = tied.members, config.get("bias", "none")
        saved = list_saved_modules(config)
        self._saved = Endings(saved.saved)
        self._tied_saved, self._tied_targets = Endings(tied.saved), Names(tied.adapted)
        key = _KEYS_OF_OTHERS.get(method.name, _KEY)
        self._overrides = {
            argument: Overrides(config.get(member) or {}, key, f"/{member}")
            for argument, member in method.overrides.items()
        }
        self._arguments = method.signature.select({k: v for k, v in config.items() if v is not None})
        self._feedforward = self._match_feedforward()
        self._tokens = find_token_indices(config, base, root)
        endings = (*self._tokens, *saved.saved, *(config.get("feedforward_modules") or ()))
        self._ending_visits = len(endings) // _ENDINGS_PER_VISIT
        self._ignores_block_index = not base.blocks_differ  # all copies of a block stay equal
        untargeted = TargetMatcher(config, [], saved.unadapted)
        parameters = Names(config.get("target_parameters") or ())
        self._note_index_use(untargeted, self._saved, parameters, *self._overrides.values(), Names(self._tokens))
        self._note_index_use(self._tied_saved, self._tied_targets)
        if self._feedforward is not None:
            self._note_index_use(self._feedforward)
        targets = Targets([]) if method.is_prompt else find_targets(config, base, saved.unadapted, self._list_modules)
        for name, matrices in targets.fused.items():
            pattern = Pattern(rf"(.*\.)?(.*\.{name})$", "/rank_pattern", is_prefix=True)
            self._overrides["r"].add(pattern, self._arguments.get("r", DEFAULT_RANK) * matrices)
        self._targets = TargetMatcher(config, targets.modules, saved.unadapted)
        if tied.adapted and not (base.input_embedding in tied.adapted or self._targets.matches(base.input_embedding)):
            detail = f"needs {base.input_embedding} to be adapted, which is left out"
            raise InvalidDocument(detail, "/ensure_weight_tying", "conflict")
        self._parameters = Names(targets.parameters)
        self._note_index_use(self._targets, self._parameters)

    def _note_index_use(self, *parts: IndexUse) -> None:
        self._ignores_block_index = self._ignores_block_index and all(part.ignores_block_index for part in parts)

    def _match_feedforward(self) -> Endings | Pattern | None:
        """Return what matches IA3's feedforward modules; None for other methods."""
        if self.method.name != "IA3":
            return None
        stated = self.config.get("feedforward_modules")
        if stated is None:
            stated = find_default("feedforward_modules", "IA3 feedforward", self.base)
        return Pattern(stated, "/feedforward_modules") if isinstance(stated, str) else Endings(stated)

    # The modules of the model

    def _list_modules(self, *, split_blocks: bool) -> Iterator[ListedModule]:
        """Yield every module; each copy of a block by itself with `split_blocks`, or where the copies differ anyway."""
        pending = [(self.root, "")]
        while pending:
            layer, path = pending.pop()
            self._count_visit(path)
            if path and mask_indices(path) not in self.base.shared:
                parameters = tuple(tensor.name for tensor in layer.tensors if tensor.role == "weight")
                yield ListedModule(self._read_module(layer, path), parameters)
            prefix = f"{path}." if path else ""
            for child in reversed(layer.children):
                split = split_blocks or not self._ignores_block_index
                names = self._list_copies(child) if split else [child.name]
                pending += [(child, prefix + name) for name in names]

    def _read_module(self, layer: Layer, path: str) -> Module:
        return self.base.read_module(path, drop_weightless_children(layer))

    def _count_visit(self, path: str = "") -> None:
        """Count one more layer that is looked at; several, for a long path or many endings. Raises TooLarge."""
        self._visited += 1 + self._ending_visits + len(path) // _CHARS_PER_VISIT
        if self._visited > self._max_visits:
            raise TooLarge(f"is held against more than {self._max_visits:,} modules")
        if monotonic() > self._deadline:
            raise TooLarge(f"takes more than the {self.limits.max_seconds} seconds that one request may take")

    def _list_copies(self, layer: Layer) -> list[str]:
        """Return the names of a block's copies. Raises TooLarge."""
        if layer.repeat == 1:
            return [layer.name]
        names = block_ranges.expand(layer.name, self.limits.max_copies)
        if len(names) != layer.repeat:
            detail = f"tells blocks apart, of which there may be {self.limits.max_copies:,}, not {layer.repeat:,}"
            raise TooLarge(detail, "/target_modules")
        return names

    # The model with the adapter

    def run(self) -> Layer:
        """Return the model with the adapter in it. Raises Problems."""
        children = self._inject_children(self.root, "", "", self._bias)
        if self.method.is_prompt:
            tensors = self.root.tensors  # PEFT freezes what the model's children own (_setup_prompt_encoder)
        else:
            tensors = freeze(self.root.tensors, self._bias)
            if not self._adapted_modules and not self._problems:
                detail = "hits no module that is left to adapt"
                self._add_problem(InvalidDocument(detail, "/target_modules", "no_match"))
        for name in self._tokens.keys() - self._matched_token_modules:
            detail = f'names "{name[:100]}", and no module is called so'
            self._add_problem(InvalidDocument(detail, "/trainable_token_indices", "no_match"))
        if self._problems:
            raise Problems(self._problems.values())
        root = self.root._replace(config=None, tensors=(*tensors, *self._shared_tensors()), children=children)
        return unfreeze(root, "", self._trainable_ties) if self._trainable_ties else root

    def _shared_tensors(self) -> Iterable[Tensor]:
        """Return the tensors that all adapted modules share."""
        shared = self.method.shared
        if shared is None:
            return ()
        names = shared.__annotations__.keys() & self._arguments.keys()
        return shared(*self._widest, **{name: self._arguments[name] for name in names})

    def _inject_children(self, layer: Layer, path: str, inside: str, bias: str) -> tuple[Layer, ...]:
        """Return a layer's children with the adapter in them; copies of a block that stay equal are one layer."""
        prefix = f"{path}." if path else ""
        children: list[Layer] = []
        for child in layer.children:
            if self._ignores_block_index or child.repeat == 1:
                injected = self._inject(child, prefix + child.name, inside, bias)
                children.append(injected._replace(name=child.name, repeat=child.repeat))
                continue
            groups: dict[int, list[str]] = {}  # copies in which the adapter matches the same
            for name in self._list_copies(child):
                groups.setdefault(self._number_matches(child, prefix + name), []).append(name)
            copies: dict[Layer, list[int]] = {}  # equal blocks -> their indices
            for name, *others in groups.values():
                injected = self._inject(child, prefix + name, inside, bias)._replace(name="", repeat=1)
                copies.setdefault(injected, []).extend(map(int, (name, *others)))
            children += [
                block._replace(name=block_ranges.format(sorted(indices)), repeat=len(indices))
                for block, indices in copies.items()
            ]
        return tuple(children)

    def _number_matches(self, layer: Layer, path: str) -> int:
        """Return a number of what the adapter matches in the layer at `path`: copies of one number stay equal."""
        self._count_visit(path)
        is_target = self._tied_targets.matches(path) or self._targets.matches(path)
        is_saved, is_tied = self._saved.matches(path), self._tied_saved.matches(path)
        matches: list[Hashable] = [is_target, is_saved, is_tied, self.base.kinds.get(path)]
        matches += [name for name in self._tokens if path.endswith(name)]
        if (is_saved or is_tied or self.method.copies_to) and holds_ties(layer):
            matches.append(path)  # the copy that trains has ties to its own tensors
        if is_target:
            matches += [overrides.get(path) for overrides in self._overrides.values()]
            matches.append(self._feedforward is not None and self._feedforward.matches(path))
        for parameter in self._match_parameters(layer, path):
            matches += (parameter.name, self._overrides["r"].get(f"{path}.{parameter.name}"))
        for child in layer.children:
            matches += [self._number_matches(child, f"{path}.{name}") for name in self._list_copies(child)]
        return self._match_numbers.setdefault(tuple(matches), len(self._match_numbers))

    def _inject(self, layer: Layer, path: str, inside: str, bias: str) -> Layer:
        """Return the layer at `path` with the adapter in it; `inside` is the path of the wrapper around it, if any."""
        self._count_visit(path)
        holds_experts = any(tensor.name == "gate_up_proj" for tensor in layer.tensors)
        if self.method.name == "LORA" and not self.base.is_recorded and holds_experts:
            self.warnings.append(ReportWarning("fused_experts", path, _EXPERTS, exact=False))
        is_shared = mask_indices(path) in self.base.shared
        is_target = self._tied_targets.matches(path) or self._targets.matches(path)
        is_adapted = is_target and not self.method.is_prompt and not is_shared
        is_saved, is_tied = self._saved.matches(path), self._tied_saved.matches(path)
        token_modules = [name for name in self._tokens if path.endswith(name)]
        self._matched_token_modules.update(token_modules)
        parameters = () if is_shared else self._match_parameters(layer, path)
        wrappers = sum([is_adapted, is_saved or is_tied, bool(token_modules), bool(parameters)])
        if wrappers > 1 or (wrappers and inside):
            detail = f"would wrap {path} inside {inside}, which is wrapped already" if inside else f"wraps {path} twice"
            pointer = "/modules_to_save" if is_saved or is_tied else "/target_modules"
            self._add_problem(InvalidDocument(detail, pointer, "conflict"))
        if is_adapted:
            return self._adapt(layer, path, bias)
        if is_saved:
            return self._save(layer, path)
        if is_tied:
            return self._save_tied(layer, path, bias)
        frozen = self._freeze_layer(layer, path, path if wrappers else inside, bias)
        if token_modules:
            return self._add_token_rows(frozen, layer, path, self._tokens[token_modules[0]])
        if parameters and bias.endswith("_only"):  # lora_only: the biases of what is adapted
            frozen = frozen._replace(tensors=self._thaw_biases(layer))
        for number, parameter in enumerate(parameters):
            frozen = self._adapt_parameter(frozen, parameter, path, len(parameters) - number - 1)
        return frozen

    def _freeze_layer(self, layer: Layer, path: str, inside: str, bias: str) -> Layer:
        """Return a layer that is not adapted, with the adapter in its children."""
        children = self._inject_children(layer, path, inside, bias)
        return layer._replace(config=None, tensors=freeze(layer.tensors, bias), children=children)

    # Modules that are adapted

    def _adapt(self, layer: Layer, path: str, bias: str) -> Layer:
        """Return the module at `path`, frozen, with the tensors of the method beside its own."""
        module = self._read_module(layer, path)
        adapted_biases = bias.endswith("_only")  # lora_only: the biases of what is adapted
        inner_bias = "all" if adapted_biases and module.kind == "MultiheadAttention" else bias
        frozen = self._freeze_layer(layer, path, path, inner_bias)
        tensors = self._thaw_biases(layer) if adapted_biases else freeze(layer.tensors, bias)
        kind = module.kind if module.kind in self.method.kinds else layer.type or "module"
        frozen = frozen._replace(type=f"{self.method.name.lower()}.{kind}", tensors=tensors)
        self._adapted_modules += 1
        if self.method.copies_to:
            return self._add_copy(frozen, layer, path, self.method.copies_to)
        return frozen._replace(tensors=(*tensors, *self._adapter_tensors(module)))

    def _thaw_biases(self, layer: Layer) -> tuple[Tensor, ...]:
        """Return a layer's own tensors, of which the bias trains, and with it those that it is tied to."""
        tensors = freeze(layer.tensors, "all")
        self._trainable_ties |= {tensor.tied_to for tensor in tensors if tensor.trainable and tensor.tied_to}
        return tensors

    def _adapter_tensors(self, module: Module) -> tuple[Tensor, ...]:
        """Return the tensors that the method adds to a module; () where it cannot, which is a problem."""
        try:
            tensors = self._evaluate_formula(module)
        except ArchitectureError as error:
            self._add_problem(error)
            return ()
        for other in module.alternatives():
            try:
                if count_weights(self._evaluate_formula(other)) != count_weights(tensors):
                    self.warnings.append(ReportWarning("guessed_module", module.path, _GUESSED, exact=False))
            except ArchitectureError:  # PEFT would refuse it, and so it is no such module
                continue
        if module.weight:
            self._widest = max(self._widest[0], module.in_features), max(self._widest[1], module.out_features)
        return tensors

    def _evaluate_formula(self, module: Module) -> tuple[Tensor, ...]:
        """Return the tensors of the method's formula for a module. Raises ArchitectureError."""
        if module.kind not in self.method.kinds:
            kinds = ", ".join(sorted(self.method.kinds))
            what = "none of these" if module.kind in ("other", "ModuleList") else module.kind
            raise _unsupported_target(f"hits {module.path}, which is {what}: {self.method.name} adapts {kinds}")
        is_read_past = module.path.rpartition(".")[2] in ("out_proj", "conv1d")
        if is_read_past and self.method.name in _LORAS and self.base.model_type in _MAMBAS:
            detail = f"hits {module.path}, which PEFT does not adapt in a model of type {self.base.model_type}"
            raise _unsupported_target(detail)
        if not module.weight:
            raise _unsupported_target(f"hits {module.path}, whose weight is not known")
        arguments = dict(self._arguments)
        for name, overrides in self._overrides.items():
            if (value := overrides.get(module.path)) is not None:
                arguments[name] = value
        if self._feedforward is not None:
            arguments["is_feedforward"] = self._feedforward.matches(module.path)
        return tuple(self.method.formula(module, **arguments))

    # Modules that are trained in full, or by some of their rows

    def _save(self, layer: Layer, path: str) -> Layer:
        """Return the module at `path`, frozen, beside a copy of it that trains (ModulesToSaveWrapper)."""
        if self._read_module(layer, path).kind == "ModuleList":
            detail = f"hits {path}, which is a list of modules and cannot be saved as one"
            self._add_problem(InvalidDocument(detail, "/modules_to_save", "unsupported_module"))
        frozen = self._freeze_layer(layer, path, path, "none")._replace(type="ModulesToSaveWrapper")
        return self._add_copy(frozen, layer, path, "modules_to_save")

    def _save_tied(self, layer: Layer, path: str, bias: str) -> Layer:
        """Return the module at `path`, frozen, beside a Linear with the weight of the embedding's copy that trains."""
        frozen = self._freeze_layer(layer, path, path, bias)._replace(type="ModulesToSaveWrapper")
        source = f"{self.base.input_embedding}.modules_to_save.default.weight"
        weight = next(tensor for tensor in layer.tensors if tensor.name == "weight")
        copy = Layer("default", "Linear", tensors=(weight._replace(tied_to=source, trainable=True),))
        return frozen._replace(children=(*frozen.children, Layer("modules_to_save", "ModuleDict", children=(copy,))))

    def _add_copy(self, frozen: Layer, layer: Layer, path: str, name: str) -> Layer:
        """Return a module with a copy of itself, under a name, that trains instead of it."""
        copy = make_trainable_copy(layer, path, f"{path}.{name}.default", self._count_visit)
        holder = Layer(name, "ModuleDict", children=(copy._replace(name="default", repeat=1),))
        return frozen._replace(children=(*frozen.children, holder))

    def _add_token_rows(self, frozen: Layer, layer: Layer, path: str, tokens: list[int]) -> Layer:
        """Return an embedding of which the rows of some tokens train (TrainableTokensWrapper)."""
        module = self._read_module(layer, path)
        rows = module.weight[0] if module.weight else 0
        if len(module.weight) != 2 or not all(-rows <= token < rows for token in tokens):  # a matrix
            detail = f"must be rows of {path}, which has {rows:,}"
            self._add_problem(InvalidDocument(detail, "/trainable_token_indices", "maximum"))
            return frozen
        delta = Tensor("token_adapter.trainable_tokens_delta.default", (len(tokens), module.weight[1]))
        return frozen._replace(type="TrainableTokensWrapper", tensors=(*frozen.tensors, delta))

    # Parameters that are adapted by themselves

    def _match_parameters(self, layer: Layer, path: str) -> tuple[Tensor, ...]:
        """Return the layer's own weights that target_parameters names."""
        if not self._parameters.names:
            return ()
        return tuple(
            tensor
            for tensor in layer.tensors
            if tensor.role == "weight" and self._parameters.matches(f"{path}.{tensor.name}")
        )

    def _adapt_parameter(self, frozen: Layer, parameter: Tensor, path: str, depth: int) -> Layer:
        """Return a module with LoRA on one parameter, be it a matrix for each expert (ParamWrapper).

        The wrappers of `depth` other parameters stand around it.
        """
        self._adapted_modules += 1
        self._check_parameter_members()
        if len(parameter.shape) not in (2, 3):
            detail = f"hits {path}.{parameter.name}, which has {len(parameter.shape)} axes, not 2 or 3"
            self._add_problem(InvalidDocument(detail, "/target_parameters", "unsupported_module"))
            return frozen
        experts, height, width = (1, *parameter.shape)[-3:]
        if len(parameter.shape) == 3 and mask_indices(path) in self.base.transposed:  # a stack of matrices
            height, width = width, height
        override = self._overrides["r"].get(f"{path}.{parameter.name}")
        rank = (self._arguments.get("r", DEFAULT_RANK) if override is None else override) * experts
        prefix = "base_layer." * depth
        pair = (
            Tensor(f"{prefix}lora_A.default.weight", (rank, width)),
            Tensor(f"{prefix}lora_B.default.weight", (height, rank)),
        )
        return frozen._replace(type="lora.ParamWrapper", tensors=(*frozen.tensors, *pair))

    def _check_parameter_members(self) -> None:
        """Add a problem for each member that does not go with target_parameters."""
        members = ("lora_dropout", "fan_in_fan_out", "lora_bias", "use_dora")
        conflicts = [name for name in members if self.config.get(name)]
        for member in conflicts:
            self._add_problem(InvalidDocument("does not go with target_parameters", f"/{member}", "conflict"))
        if self.config.get("init_lora_weights") not in (None, True, False, "gaussian"):
            detail = "is not counted together with target_parameters"
            self._add_problem(InvalidDocument(detail, "/init_lora_weights", "unsupported"))

    def _add_problem(self, error: ArchitectureError) -> None:
        self._problems.setdefault((error.pointer, error.detail), error)
        if len(self._problems) >= MAX_PROBLEMS:
            raise Problems(self._problems.values())


def _unsupported_target(detail: str) -> InvalidDocument:
    return InvalidDocument(detail, "/target_modules", "unsupported_module")

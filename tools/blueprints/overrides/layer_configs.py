"""Clauses for models whose layers may each have a config of their own (`per_layer_config`), as Gemma 4's attention.

Source: transformers.PreTrainedConfig.per_layer_config, and Gemma4TextAttention. The compiler cannot vary that field: it
is an object of objects, and transformers derives one of its own where a config has none. Without it, layers that attend
to all tokens take `global_head_dim`; with it, each layer takes what its own config says, or else the config around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tools.blueprints.overrides.changes import Append, Change, Config, Replace, SetFields

PER_LAYER_CONFIG = "per_layer_config"
DEFAULTS: Config = {PER_LAYER_CONFIG: None}
GEMMA4_REASON = (
    "Gemma4TextAttention is sized by the config of its layer. Gemma4TextConfig gives the layers that attend to all "
    "tokens global_head_dim and num_global_key_value_heads, unless per_layer_config is stated: then a layer takes what "
    "that says of it, or else head_dim and num_key_value_heads. The compiler cannot vary that field."
)
_ALTERNATING = ("sliding_attention", "full_attention") * 3
SMALL: dict[str, Any] = {
    "hidden_size": 64, "intermediate_size": 48, "num_hidden_layers": 6, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "global_head_dim": 32, "vocab_size": 96,
}  # fmt: skip
_ATTENTION = r"layers\.\{i\}\.self_attn\.([qkvo]_proj\.(weight|bias)|[qk]_norm\.weight) .*"


@dataclass(frozen=True, slots=True)
class Attention:
    """The attention of one class: where its tensors and its fields are, and which layers have keys and values."""

    tensors: str
    """The prefix of its tensors' names, up to `layers.`."""
    fields: str
    """The prefix of its fields' paths: "" or "text_config."."""
    heads: str
    """The number of key and value heads of a layer, where no layer has a config of its own."""
    keys: str = ""
    """The layers that have keys; '': all."""
    values: str = ""
    """The layers that have values; '': all."""

    def changes(self, overridable: tuple[str, ...] = ("head_dim", "num_key_value_heads")) -> tuple[Change, ...]:
        """Return the changes of the record: the field, what its layers may state, and the tensors that it sizes."""
        name = self.tensors.replace(".", r"\.")
        return (*allow(self.fields, overridable), Replace("tensors", name + _ATTENTION, tuple(self._clauses())))

    def _clauses(self) -> list[str]:
        p = self.fields
        hidden = f"{p}hidden_size"
        head_dim = self._of_layer(
            "head_dim", f"{p}head_dim if {p}layer_types[i] == 'sliding_attention' else {p}global_head_dim"
        )
        queries = f"{p}num_attention_heads * {head_dim}"
        pairs = f"{self._of_layer('num_key_value_heads', self.heads)} * {head_dim}"
        bias = f"{p}attention_bias"
        return [
            self._clause("q_proj.weight", f"{queries}; {hidden}"),
            self._clause("q_proj.bias", queries, bias),
            self._clause("q_norm.weight", head_dim),
            self._clause("k_norm.weight", head_dim, self.keys),
            self._clause("k_proj.weight", f"{pairs}; {hidden}", self.keys),
            self._clause("k_proj.bias", pairs, bias, self.keys),
            self._clause("v_proj.weight", f"{pairs}; {hidden}", self.values),
            self._clause("v_proj.bias", pairs, bias, self.values),
            self._clause("o_proj.weight", f"{hidden}; {queries}"),
            self._clause("o_proj.bias", hidden, bias),
        ]

    def _of_layer(self, field: str, otherwise: str) -> str:
        """Return what the config of a layer says of a field; `otherwise` where no layer has one."""
        layers = f"{self.fields}{PER_LAYER_CONFIG}"
        return f"(own({layers}, i, {field!r}, {self.fields}{field}) if not {layers} is None else {otherwise})"

    def _clause(self, tensor: str, shape: str, *conditions: str) -> str:
        where = " and ".join(filter(None, conditions))
        clause = f"{self.tensors}layers.{{i}}.self_attn.{tensor} [{shape}] for {self.fields}num_hidden_layers"
        return f"{clause} where {where}" if where else clause


def allow(fields: str, overridable: tuple[str, ...]) -> tuple[Change, ...]:
    """Return the changes that let layers have configs of their own, which state some fields only."""
    path = f"{fields}{PER_LAYER_CONFIG}"
    only = f"{path} is None or only(overridden({path}), {list(overridable)!r})"
    return SetFields({path: "nd"}), Append("given", (only,))


def gemma4(tensors: str, fields: str) -> Attention:
    """Return the attention of Gemma 4: its last layers share keys and values; some layers have keys for values."""
    global_heads = f"{fields}num_global_key_value_heads"
    full = f"{fields}layer_types[i] == 'full_attention' and {fields}attention_k_eq_v and not {global_heads} is None"
    keys = f"i < {fields}num_hidden_layers - {fields}num_kv_shared_layers"
    return Attention(
        tensors,
        fields,
        heads=f"{global_heads} if {full} else {fields}num_key_value_heads",
        keys=keys,
        values=f"{keys} and ({fields}layer_types[i] == 'sliding_attention' or not {fields}attention_k_eq_v)",
    )


def proofs(*, shared: bool = True) -> tuple[Config, ...]:
    """Return the configs that prove `Attention`; `shared`: with layers that share keys and values, too.

    transformers builds only layers of one type that have one config.
    """
    biased = SMALL | {"attention_bias": True, "layer_types": list(_ALTERNATING)}
    sharing = biased | {"attention_k_eq_v": True, "num_kv_shared_layers": 2, "num_global_key_value_heads": 1}
    bases = [biased, *((sharing, sharing | {"num_global_key_value_heads": None}) if shared else ())]
    sliding = {index: {"head_dim": 8} for index in _indices("sliding_attention")}
    full = {index: {"head_dim": 48, "num_key_value_heads": 1} for index in _indices("full_attention")}
    layers: tuple[Config, ...] = ({}, sliding, full, sliding | full)
    by_default = (SMALL, SMALL | {PER_LAYER_CONFIG: {}}, SMALL | {PER_LAYER_CONFIG: {"5": {"head_dim": 24}}})
    return (*by_default, *bases, *(base | {PER_LAYER_CONFIG: one} for base in bases for one in layers))


def _indices(layer_type: str) -> list[str]:
    return [str(index) for index, other in enumerate(_ALTERNATING) if other == layer_type]


def list_refused() -> tuple[Config, ...]:
    """Return configs that nothing proves: layers that state another field, or no integer."""
    layers: tuple[Config, ...] = ({"1": {"intermediate_size": 24}}, {"1": {"head_dim": "8"}}, {"1": {"skip": ["mlp"]}})
    return tuple(SMALL | {PER_LAYER_CONFIG: one} for one in layers)


def within(part: str, configs: Sequence[Config]) -> tuple[Config, ...]:
    """Return configs that hold these as a part."""
    return tuple({part: config} for config in configs)


def remove_layer_configs(config: Config) -> dict[str, Any]:
    """Return a config without the configs of its layers, at any depth: what the compiler can learn from."""
    return {
        name: remove_layer_configs(value) if isinstance(value, dict) else value
        for name, value in config.items()
        if name != PER_LAYER_CONFIG
    }

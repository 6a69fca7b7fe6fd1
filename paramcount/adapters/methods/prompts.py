"""Methods that learn tokens before the text, and leave the model's modules alone: their prompt encoders."""

from __future__ import annotations

from paramcount import Anything, Dim, Flag, Text, require
from paramcount.adapters.registry import Tensors, method
from paramcount.model.tensors import Tensor


@method("PROMPT_TUNING")
def prompt_tuning(
    num_virtual_tokens: Dim,
    token_dim: Dim,
    num_transformer_submodules: Dim = 1,
) -> Tensors:
    """An embedding for each virtual token (tuners/prompt_tuning/model.py)."""
    yield Tensor("embedding.weight", (num_virtual_tokens * num_transformer_submodules, token_dim))


@method("MULTITASK_PROMPT_TUNING")
def multitask_prompt_tuning(
    num_virtual_tokens: Dim,
    token_dim: Dim,
    num_transformer_submodules: Dim = 1,
    num_ranks: Dim = 1,
    num_tasks: Dim = 1,
) -> Tensors:
    """A prompt for all tasks, and for each a change of low rank (tuners/multitask_prompt_tuning/model.py)."""
    tokens = num_virtual_tokens * num_transformer_submodules
    yield Tensor("embedding.weight", (tokens, token_dim))
    yield Tensor("prefix_task_cols", (num_tasks, tokens, num_ranks))
    yield Tensor("prefix_task_rows", (num_tasks, num_ranks, token_dim))


@method("PREFIX_TUNING")
def prefix_tuning(
    num_virtual_tokens: Dim,
    token_dim: Dim,
    num_layers: Dim,
    encoder_hidden_size: Dim | None = None,
    prefix_projection: Flag = False,
) -> Tensors:
    """A key and a value for each layer, straight or out of two linear layers (tuners/prefix_tuning/model.py)."""
    flat = num_layers * 2 * token_dim
    if not prefix_projection:
        yield Tensor("embedding.weight", (num_virtual_tokens, flat))
        return
    hidden = encoder_hidden_size or token_dim
    yield Tensor("embedding.weight", (num_virtual_tokens, token_dim))
    yield from _linear("transform.0", token_dim, hidden)
    yield from _linear("transform.2", hidden, flat)


@method("P_TUNING")
def p_tuning(
    num_virtual_tokens: Dim,
    token_dim: Dim,
    num_transformer_submodules: Dim = 1,
    encoder_reparameterization_type: Text = "MLP",
    encoder_hidden_size: Dim | None = None,
    encoder_num_layers: Dim = 2,
) -> Tensors:
    """Embeddings that an MLP, or an LSTM and an MLP, encode (tuners/p_tuning/model.py)."""
    kinds = ("MLP", "LSTM")
    require(encoder_reparameterization_type in kinds, "must be MLP or LSTM", "encoder_reparameterization_type")
    hidden = encoder_hidden_size or token_dim
    yield Tensor("embedding.weight", (num_virtual_tokens * num_transformer_submodules, token_dim))
    if encoder_reparameterization_type == "MLP":
        yield from _linear("mlp_head.0", token_dim, hidden)
        yield from _linear("mlp_head.2", hidden, hidden)
        yield from _linear("mlp_head.4", hidden, token_dim)
        return
    require(encoder_num_layers <= 1000, "must be at most 1000", "encoder_num_layers")
    for layer in range(encoder_num_layers):
        for direction in ("", "_reverse"):
            width = token_dim if layer == 0 else 2 * hidden
            yield Tensor(f"lstm_head.weight_ih_l{layer}{direction}", (4 * hidden, width))
            yield Tensor(f"lstm_head.weight_hh_l{layer}{direction}", (4 * hidden, hidden))
            yield Tensor(f"lstm_head.bias_ih_l{layer}{direction}", (4 * hidden,))
            yield Tensor(f"lstm_head.bias_hh_l{layer}{direction}", (4 * hidden,))
    yield from _linear("mlp_head.0", 2 * hidden, 2 * hidden)
    yield from _linear("mlp_head.2", 2 * hidden, token_dim)


@method("CPT")
def cpt(token_dim: Dim, cpt_token_ids: Anything = None) -> Tensors:
    """Frozen embeddings of some tokens, and what is learned on top of each (tuners/cpt/model.py)."""
    is_list = cpt_token_ids is None or (isinstance(cpt_token_ids, list) and bool(cpt_token_ids))
    require(is_list, "must be a list of tokens", "cpt_token_ids")
    tokens = 1 if cpt_token_ids is None else len(cpt_token_ids)
    yield Tensor("embedding.weight", (tokens, token_dim), trainable=False)
    yield Tensor("delta_embedding.weight", (tokens, token_dim))


def _linear(name: str, width: int, height: int) -> Tensors:
    yield Tensor(f"{name}.weight", (height, width))
    yield Tensor(f"{name}.bias", (height,))

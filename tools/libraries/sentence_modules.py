"""python -m tools.libraries.sentence_modules: modules of sentence-transformers, of random configs, tensor by tensor."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from paramcount.formats.sentence_transformers.modules import MODULES
from tools.architectures.building import torch

RANDOM = 60
_PACKAGES = {
    "CNN": "sentence_transformer.modules.cnn",
    "Dense": "base.modules.dense",
    "LSTM": "sentence_transformer.modules.lstm",
    "LayerNorm": "sentence_transformer.modules.layer_norm",
    "SparseAutoEncoder": "sparse_encoder.modules.sparse_auto_encoder",
    "WeightedLayerPooling": "sentence_transformer.modules.weighted_layer_pooling",
}


def main() -> int:
    """Exit status 1 where a module is counted otherwise than sentence-transformers builds it."""
    chance = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    checked = wrong = 0
    for _ in range(RANDOM):
        for name, config in _draw(chance):
            module = getattr(import_module(f"sentence_transformers.{_PACKAGES[name]}"), name)(**config)
            truth = {one: tuple(tensor.shape) for one, tensor in (*module.named_parameters(), *module.named_buffers())}
            counted = {one.name: one.shape for one in MODULES[name].tensors(config) if not one.tied_to}
            checked += 1
            if truth != counted:
                wrong += 1
                print(f"{name} {config}: {truth}, not {counted}", flush=True)
    print(f"{checked} modules, {wrong} wrong (torch {torch.__version__})")
    return int(wrong > 0)


def _draw(chance: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a random config of each class."""

    def size(least: int = 1, most: int = 9) -> int:
        return chance.randint(least, most)

    def flag() -> bool:
        return chance.random() < 0.5

    yield "Dense", {"in_features": size(), "out_features": size(), "bias": flag(), "use_residual": flag()}
    kernels = [size(1, 5) for _ in range(size(1, 4))]
    strides = {"stride_sizes": [1] * size(1, 5)} if flag() else {}
    yield "CNN", {"in_embedding_dimension": size(), "out_channels": size(), "kernel_sizes": kernels, **strides}
    layers = {"num_layers": size(1, 4), "bidirectional": flag()}
    yield "LSTM", {"embedding_dimension": size(), "hidden_dim": size(), **layers}
    yield "LayerNorm", {"dimension": size()}
    hidden = size(1, 14)
    start = {"num_hidden_layers": hidden, "layer_start": size(0, hidden + 1)}
    yield "WeightedLayerPooling", {"embedding_dimension": size(), **start}
    yield "SparseAutoEncoder", {"input_dim": size(), "hidden_dim": size()}


if __name__ == "__main__":
    sys.exit(main())

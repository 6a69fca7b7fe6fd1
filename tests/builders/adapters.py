"""Models that the tests put adapters into."""

from __future__ import annotations

from typing import Any

from paramcount.model.budget import Limits
from paramcount.model.report import Report
from paramcount.requests.count import count_request
from paramcount.requests.envelope import load_envelope

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 112,
    "num_attention_heads": 4,
    "num_hidden_layers": 4,
    "num_key_value_heads": 2,
    "vocab_size": 300,
}

MANIFEST: dict[str, Any] = {
    "parameters": {
        "embed.weight": {"shape": [100, 8]},
        "blocks.0.q.weight": {"shape": [8, 8]},
        "blocks.0.q.bias": {"shape": [8]},
        "blocks.0.up.weight": {"shape": [16, 8]},
        "blocks.1.q.weight": {"shape": [8, 8]},
        "blocks.1.q.bias": {"shape": [8]},
        "blocks.1.up.weight": {"shape": [16, 8]},
        "head.weight": {"shape": [100, 8]},
    },
    "tied": [["embed.weight", "head.weight"]],
}

PRINTED = """\
Net(
  (stem): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), groups=1)
  (depthwise): Conv2d(8, 8, kernel_size=(3, 3), stride=(1, 1), groups=8)
  (blocks): ModuleList(
    (0-3): 4 x Sequential(
      (0): Linear(in_features=8, out_features=8, bias=True)
      (1): ReLU()
    )
  )
  (classifier): Linear(in_features=8, out_features=5, bias=True)
)"""


def count_adapted(architecture: Any, adapter: Any, limits: Limits = Limits(), **options: Any) -> Report:  # noqa: B008
    """Count a model with an adapter in it."""
    return count_request(load_envelope({"architecture": architecture, "adapter": adapter, **options}), limits)


def read_totals(report: Report) -> tuple[int, int]:
    """Return trainable and all parameters, as PEFT's get_nb_trainable_parameters() does."""
    totals = report.root.totals
    return totals.trainable, totals.trainable + totals.frozen


def count_totals(architecture: Any, adapter: Any) -> tuple[int, int]:
    """Return trainable and all parameters of a model with an adapter in it."""
    return read_totals(count_adapted(architecture, adapter))

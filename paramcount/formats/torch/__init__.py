"""torch: the text of `print(model)`."""

from __future__ import annotations

from functools import partial
from typing import Any

from paramcount.formats.torch import known
from paramcount.formats.torch.candidates import find_root
from paramcount.formats.torch.modules import TorchReader
from paramcount.formats.torch.text import Module, parse_module, split_lines
from paramcount.model.document import Document, ModelFacts
from paramcount.model.errors import InvalidDocument, raise_problems
from paramcount.model.report import ReportWarning
from paramcount.schema.registry import reader

_EXAMPLE = """\
Sequential(
  (0): Conv2d(1, 8, kernel_size=(3, 3), stride=(1, 1))
  (1): ReLU()
  (2): Flatten(start_dim=1, end_dim=-1)
  (3): Linear(in_features=5408, out_features=10, bias=True)
)"""
_FROZEN = ReportWarning(
    "frozen_unknown", "", "print(model) does not show which parameters are frozen: all count as trainable"
)
_BASE_FROZEN = ReportWarning(
    "frozen_unknown",
    "",
    "print(model) does not show that an adapter's base is frozen: what no rule freezes counts as trainable",
    exact=False,
)
_ASSEMBLED = ReportWarning(
    "hidden_hooks",
    "",
    "print(model) shows neither hooks (torch.nn.utils.weight_norm) nor tensors and modules that are used twice, which "
    "a model put together by hand may have; counted as if it had none",
    exact=False,
)


def _claims(payload: Any) -> bool:
    try:
        return isinstance(payload, str) and find_root(split_lines(payload)) is not None
    except InvalidDocument:
        return True  # a part of a model


@reader("torch", claims=_claims, members=(), schema=None, example=_EXAMPLE, media="text/plain")
def torch(payload: str) -> Document:
    """The text of PyTorch's `print(model)`.

    Classes whose parameters it does not show make the count inexact, with a warning.
    """
    if not isinstance(payload, str):
        raise InvalidDocument("must be the text of print(model)")
    root = parse_module(payload)
    torch_reader = TorchReader(root)
    layer = torch_reader.layer(root)
    raise_problems(torch_reader.problems)
    is_adapted = root.type in known.ADAPTED
    warnings = [*torch_reader.warnings(), *([_BASE_FROZEN] if is_adapted else [])]
    if _unwrap(root).type in known.ASSEMBLED:
        warnings.append(_ASSEMBLED)
    return Document(
        layer._replace(name=root.type),
        "torch",
        "torch",
        warnings=tuple(warnings),
        warnings_without_rules=() if is_adapted else (_FROZEN,),
        lenient=True,
        by_line=True,
        read_facts=partial(ModelFacts, types_are_classes=True),
    )


def _unwrap(root: Module) -> Module:
    """Return the model inside its wrappers."""
    while root.type in known.WRAPPERS and len(root.children) == 1:
        (root,) = root.children
    return root

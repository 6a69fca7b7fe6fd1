"""torch: what print(model) shows, what it does not, and what is no print of a module."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import starmap
from textwrap import dedent
from typing import Any

import pytest

from paramcount.counting.count import Options, count
from paramcount.counting.freezing import Rule
from paramcount.formats.detect import read
from paramcount.model import block_ranges
from paramcount.model.errors import Problems
from paramcount.model.report import Report, Row
from paramcount.rendering.fields import inexact
from paramcount.schema.registry import FORMATS

LINEAR = "Linear(in_features=3, out_features=4, bias=True)"  # 3·4 + 4 = 16
RESNET_BLOCK = """\
BasicBlock(
  (conv1): Conv2d(8, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
  (bn1): BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
  (relu): ReLU(inplace=True)
  (conv2): Conv2d(8, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
  (bn2): BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
)"""  # torchvision's: 2·(8·8·3·3 + 2·8) = 1184; buffers 2·(2·8 + 1)


def count_document(text: str) -> Report:
    return count(read(text, FORMATS["torch"]))


def tensors(row: Row, prefix: str = "") -> Iterator[tuple[str, tuple[int, ...]]]:
    for tensor in row.tensors:
        yield prefix + tensor.name, tensor.shape
    for child in row.children:
        for name in block_ranges.expand(child.name, 100) if child.repeat > 1 else [child.name]:
            yield from tensors(child, f"{prefix}{name}.")


def codes(report: Report) -> set[str]:
    return {warning.code for warning in report.warnings if not warning.exact}


@pytest.mark.parametrize(
    ("text", "total", "buffers"),
    [
        (LINEAR, 16, 0),
        ("ReLU()", 0, 0),
        ("Conv2d(6, 4, kernel_size=(3, 5), stride=(1, 1), padding=same, groups=2, padding_mode=reflect)", 184, 0),
        (
            "LSTM(5, 4, num_layers=2, batch_first=True, bidirectional=True)",
            800,
            0,
        ),  # 2·16·(5 + 4 + 2) + 2·16·(8 + 4 + 2)
        ("LayerNorm((5, 7), eps=1e-05, elementwise_affine=True, bias=False)", 35, 0),
        ("EmbeddingBag(30, 8, mode='mean')", 240, 0),
        ("BatchNorm1d(8, eps=1e-05, momentum=None, affine=True, bias=False, track_running_stats=True)", 8, 17),
        # Before torch 2.13 a norm did not print its bias, and had one.
        ("BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)", 16, 17),
        ("GroupNorm(2, 8, eps=1e-05, affine=True)", 16, 0),
        ("LayerNorm((8,), eps=1e-05, elementwise_affine=True)", 16, 0),
        ("FrozenBatchNorm2d(64, eps=0.0)", 0, 256),
        ("ParameterList(  (0): Parameter containing: [torch.float32 of size 3x4])", 12, 0),
        ("ParameterDict()", 0, 0),
        (RESNET_BLOCK, 1184, 34),
        # FSDP's name for a class, and what is wrapped around a model.
        (f"FSDP{LINEAR}", 16, 0),
        (f"OptimizedModule(\n  (_orig_mod): DataParallel(\n    (module): {LINEAR}\n  )\n)", 16, 0),
        # A class of transformers that prints the shape of its only weight.
        ("LlamaRMSNorm((64,), eps=1e-06)", 64, 0),
        # A class of timm that is torch's, with children.
        (
            """\
            BatchNormAct2d(
              8, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True
              (drop): Identity()
              (act): PReLU(num_parameters=1)
            )""",
            17,
            17,
        ),
    ],
)
def test_exact(text: str, total: int, buffers: int) -> None:
    report = count_document(dedent(text))
    assert (report.root.totals.trainable, report.root.totals.buffers) == (total, buffers)
    assert (report.exact, report.convention) == (True, "torch")


def test_only_buffers_are_not_exact() -> None:
    report = count_document("CrossEntropyLoss()")
    assert codes(report) == {"hidden_buffers"}
    assert (report.exact, inexact(report)) == (True, ["buffers"])
    as_keras_counts = report._replace(convention="keras")
    assert (as_keras_counts.exact, inexact(as_keras_counts)) == (False, ["total", "frozen", "buffers", "bytes"])


@pytest.mark.parametrize(
    ("text", "rules", "exact", "warned"),
    [
        (LINEAR, [], True, True),
        (LINEAR, [("bias", False)], True, False),
        (LINEAR, [("*", True)], True, False),
        (f"LoraModel(\n  (model): {LINEAR}\n)", [], False, True),
        (f"LoraModel(\n  (model): {LINEAR}\n)", [("model.bias", False)], False, True),
    ],
)
def test_what_is_frozen_is_unknown_until_rules_say_it(
    text: str, rules: list[tuple[str, bool]], exact: bool, warned: bool
) -> None:
    report = count(read(text, FORMATS["torch"]), Options(rules=tuple(starmap(Rule, rules))))
    details = [warning.detail for warning in report.warnings if warning.code == "frozen_unknown"]
    assert (report.exact, bool(details)) == (exact, warned)
    assert not any("all count as trainable" in detail for detail in details if rules)


ATTENTION = """\
MultiheadAttention(
  (out_proj): NonDynamicallyQuantizableLinear(in_features=8, out_features=8, bias=True)
)"""
NORMED = """\
Parametrized{0}(
  {1}
  (parametrizations): ModuleDict(
    (weight): ParametrizationList(
      (0): {2}()
    )
  )
)"""


@pytest.mark.parametrize(
    ("text", "total", "code"),
    [
        (f"Sequential(\n  (0): {LINEAR}\n)", 16, "hidden_hooks"),
        (f"ModuleList(\n  (0-11): 12 x {LINEAR}\n)", 192, "hidden_hooks"),
        (f"ModuleList(\n  (ids 0-11): 12 x {LINEAR}\n)", 192, "hidden_hooks"),
        (f"ModuleList(\n  (0-11): 12 × {LINEAR}\n)", 192, "hidden_hooks"),
        (f"MyNet(\n  (fc): {LINEAR}\n)", 16, "hidden_parameters"),
        (f"ResNet(\n  (fc): {LINEAR}\n  (extra): MyHead()\n)", 16, "hidden_parameters"),
        ("MyNet()", 0, "hidden_parameters"),
        ("Net(\n  (a): something that is no class\n)", 0, "hidden_parameters"),
        # A class that bears the name of torch's, and does not print what torch's does.
        ("LayerNorm()", 0, "hidden_parameters"),
        ("RMSNorm(dim=8)", 0, "hidden_parameters"),
        ("RNNBase(3, 4)", 0, "hidden_parameters"),
        ("Linear(in_features=3, out_features=4, bias=True, rank=2)", 16, "unknown_argument"),
        (ATTENTION, 216 + 72, "hidden_arguments"),
        ("LlamaRotaryEmbedding()", 0, "hidden_parameters"),  # or another's of that name: nothing else tells
        ("LazyLinear(in_features=0, out_features=7, bias=True)", 0, "lazy"),
        ("LazyConv2d(0, 8, kernel_size=(3, 3), stride=(1, 1))", 0, "lazy"),
        # original0 one an output, original1 the weight: 7 + 7·5, and the bias
        (NORMED.format("Linear", "in_features=5, out_features=7, bias=True", "_WeightNorm"), 49, "hidden_arguments"),
        (NORMED.format("Linear", "in_features=5, out_features=7, bias=True", "_SpectralNorm"), 42, "hidden_arguments"),
        (NORMED.format("Linear", "in_features=5, out_features=7, bias=True", "Mine"), 42, "hidden_parameters"),
        (f"PeftModel(\n  (base_model): LoraModel(\n    (model): {LINEAR}\n  )\n)", 16, "frozen_unknown"),
    ],
)
def test_not_exact(text: str, total: int, code: str) -> None:
    report = count_document(text)
    assert report.root.totals.trainable == total
    assert codes(report) == {code}


def test_packed_weights_are_no_parameters() -> None:
    report = count_document("DynamicQuantizedLinear(in_features=5, out_features=7, dtype=torch.qint8)")
    assert (report.root.totals.trainable, report.exact) == (0, True)
    assert "packed" in {warning.code for warning in report.warnings}


def test_the_classes_that_may_hide_parameters_are_named_with_the_way_to_count_them() -> None:
    (warning,) = [
        n for n in count_document("A(\n  (b): B()\n  (c): Sequential()\n)").warnings if n.code == "hidden_parameters"
    ]
    assert warning.detail.startswith("B, A may own parameters")
    assert '"tensors"' in warning.detail
    assert (
        len(count_document("A(\n" + "".join(f"  (x{i}): C{i}()\n" for i in range(5000)) + ")").warnings[0].detail) < 500
    )


def test_names_and_shapes_are_those_of_named_parameters() -> None:
    text = f"""\
TransformerEncoder(
  (layers): ModuleList(
    (0-1): 2 x TransformerEncoderLayer(
      (self_attn): {ATTENTION.replace(chr(10), chr(10) + "      ")}
      (linear1): Linear(in_features=8, out_features=2, bias=False)
      (dropout): Dropout(p=0.1, inplace=False)
      (linear2): Linear(in_features=2, out_features=8, bias=False)
      (norm1): LayerNorm((8,), eps=1e-05, elementwise_affine=False)
      (norm2): LayerNorm((8,), eps=1e-05, elementwise_affine=False)
      (dropout1): Dropout(p=0.1, inplace=False)
      (dropout2): Dropout(p=0.1, inplace=False)
    )
  )
)"""
    report = count_document(text)
    assert report.exact  # torch's own layers build their attention with its defaults
    inner = {
        "self_attn.in_proj_weight": (24, 8),
        "self_attn.in_proj_bias": (24,),
        "self_attn.out_proj.weight": (8, 8),
        "self_attn.out_proj.bias": (8,),
        "linear1.weight": (2, 8),
        "linear2.weight": (8, 2),
    }
    assert dict(tensors(report.root)) == {f"layers.{i}.{name}": shape for i in (0, 1) for name, shape in inner.items()}
    layers = report.root.children[0].children[0]
    assert (layers.name, layers.repeat, layers.path) == ("0-1", 2, "layers.0-1")


def test_a_parametrized_weight_is_listed_in_its_parametrization() -> None:
    text = NORMED.format("Conv2d", "3, 4, kernel_size=(2, 2), stride=(1, 1), bias=False", "_WeightNorm")
    prefix = "parametrizations.weight"
    assert dict(tensors(count_document(text).root)) == {
        f"{prefix}.original0": (4, 1, 1, 1),
        f"{prefix}.original1": (4, 3, 2, 2),
    }


def test_parameters_in_lists_keep_their_dtype() -> None:
    text = """\
ParameterDict(
    (a): Parameter containing: [torch.cuda.HalfTensor of size 3x4 (cuda:0)]
    (b c): Parameter containing: [torch.bfloat16 of size ]
    (d): Object of type: int
    (e): Tensor containing: [torch.float32 of size 9]
)"""
    report = count_document(text)
    assert [(t.name, t.shape, t.dtype) for t in report.root.tensors] == [("a", (3, 4), "F16"), ("b c", (), "BF16")]


LOGGED = """\
2026-01-02 03:04:05,678 INFO train: loading
2026-01-02 03:04:05,679 INFO train: ResNet(
2026-01-02 03:04:05,680 INFO train:   (a): Sequential(
2026-01-02 03:04:05,681 INFO train:     (0): Linear(in_features=3, out_features=4, bias=True)
2026-01-02 03:04:05,1682 INFO train:   )
2026-01-02 03:04:05,683 INFO train: )
2026-01-02 03:04:05,684 INFO train: starting (epoch 1)"""


@pytest.mark.parametrize(
    "text",
    [
        f"ResNet(\n  (a): Sequential(\n    (0): {LINEAR}\n  )\n)",
        f">>> print(model)\nResNet(\n  (a): Sequential(\n    (0): {LINEAR}\n  )\n)\n>>> ",
        f"```\nResNet(\n  (a): Sequential(\n    (0): {LINEAR}\n  )\n)\n```",
        LOGGED,
        # A log's prefix on the first line only; indented as a whole; with tabs; without any indentation.
        f"INFO:root:ResNet(\n  (a): Sequential(\n    (0): {LINEAR}\n  )\n)",
        f"    ResNet(\n      (a): Sequential(\n        (0): {LINEAR}\n      )\n    )",
        f"ResNet(\n\t(a): Sequential(\n\t\t(0): {LINEAR}\n\t)\n)",
        f"ResNet(\n(a): Sequential(\n(0): {LINEAR}\n)\n)",
        f"ResNet(\r\n  (a): Sequential(\r\n    (0): {LINEAR}\r\n  )\r\n)\r\n",
        f"\x1b[1mResNet\x1b[0m(\n  (\x1b[32ma\x1b[0m): Sequential(\n    (0): {LINEAR}\n  )\n)",
        f"# ResNet(\n#   (a): Sequential(\n#     (0): {LINEAR}\n#   )\n# )",
        f"ResNet(\n\n  (a): Sequential(\n    (0): {LINEAR}\n    (n): None\n  )\n)",
    ],
)
def test_texts_of_terminals_logs_and_markdown(text: str) -> None:
    assert FORMATS["torch"].claims(text)
    report = count_document(text)
    assert dict(tensors(report.root)) == {"a.0.weight": (4, 3), "a.0.bias": (4,)}
    assert codes(report) == {"hidden_parameters"}  # no library's ResNet


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n  hello\n", "line 3: is not what print(model) writes"),
        ("hello world (it is)", "line 1: is not what print(model) writes"),
        ("print(model)", "line 1: is not what print(model) writes"),
        ("{'a': (1, 2)}", "line 1: is not what print(model) writes"),
        ("model = nn.Sequential(\n    nn.Linear(3, 4),\n)", "line 1: this is the source of a model"),
        ("Sequential(\n    Linear(3, 4),\n    ReLU(),\n)", "line 2: Linear inside Sequential( has no name"),
        (f"ResNet(\n  (a): {LINEAR}", "line 1: ResNet( is never closed"),
        (f"ResNet(\n  (b): Sequential(\n    (a): {LINEAR}\n  (c): ReLU()\n)", "line 2: Sequential( is never closed"),
        (f"ResNet(\n  (a): {LINEAR}\n  ...\n)", "line 3: the text is cut short here"),
        (
            f"ResNet(\n  (a): {LINEAR}\n)\nResNet(\n  (a): {LINEAR}\n)",
            'line 4: "ResNet(" beside ResNet( may be of a second module',
        ),
        ("ModuleList(\n  (0-9): 3 x ReLU()\n)", 'line 2: "(0-9)" does not name 3 copies'),
        ("ModuleList(\n  (a-b): 2 x ReLU()\n)", 'line 2: "(a-b)" does not name 2 copies'),
        ("ResNet(\n  (a): Linear(in_features=x, out_features=4)\n)", "line 2: in_features must be an integer"),
        ("ResNet(\n  (a): Linear(in_features=-1, out_features=4)\n)", "line 2: in_features must be at least 0"),
        ("Conv2d(5, 4, kernel_size=(3, 3), groups=2)", "line 1: in_channels must be divisible by groups, 2"),
        ("LSTM(5, 4, proj_size=4)", "line 1: proj_size must be smaller than hidden_size"),
        (f"FSDP{LINEAR}".replace("4", "-4"), "line 1: out_features must be at least 0"),
        ("Linear(in_features=1099511627776, out_features=1099511627776)", "line 1: holds more than"),
        ("ParameterList(  (0): Parameter containing: [torch.float32 of size 3y4])", "line 1: "),
        ("ParameterList(\n  (0): who knows\n)", 'line 2: "who knows" is no parameter'),
        ("A(\n" + "".join(" " * i + "(a): A(\n" for i in range(1, 3000)), "line 91: is nested deeper than 90 modules"),
        ("A(\n" * 100_000, "line 2: a module inside A( has no name"),
        ("(" * 1_000_000, "line 1: is not what print(model) writes"),
        ("A(" * 500_000, "line 1: is not what print(model) writes"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(Problems) as refused:
        count_document(text)
    details = [error.detail for error in refused.value.problems]
    assert any(message in detail for detail in details), details
    assert {error.pointer for error in refused.value.problems} == {""}


def test_every_problem_is_reported() -> None:
    text = "ResNet(\n  (a): Linear(in_features=x, out_features=4)\n  (b): Conv2d(5, 4, kernel_size=(3, 3), groups=2)\n)"
    with pytest.raises(Problems) as refused:
        count_document(text)
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize("payload", [None, 3, {"class_name": "A"}, [LINEAR], b"ReLU()"])
def test_only_a_text_is_claimed(payload: Any) -> None:
    assert not FORMATS["torch"].claims(payload)


@pytest.mark.parametrize(
    "text",
    [
        "Linear(" + "1," * 500_000 + ")",
        "Linear(" + "(" * 500_000 + ")" * 500_000 + ")",
        "Linear(in_features=" + "9" * 1_000_000 + ", out_features=1)",
        "A(\n  " + "a" * 1_000_000 + "\n)",
        "A(\n  (a): " + "9" * 1_000_000 + " x A()\n)",
    ],
)
def test_hostile_arguments_are_another_class_s(text: str) -> None:
    assert not count_document(text).exact

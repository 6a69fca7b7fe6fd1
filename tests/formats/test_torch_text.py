"""torch: texts of older releases and of profilers, texts damaged on their way, and texts of more than a model."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.schema.registry import FORMATS

# 1·6·25 + 6, 6·16·25 + 16, 400·120 + 120, 120·84 + 84, 84·10 + 10: 61,706
LENET = """\
LeNet(
  (conv1): Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1))
  (conv2): Conv2d(6, 16, kernel_size=(5, 5), stride=(1, 1))
  (fc1): Linear(in_features=400, out_features=120, bias=True)
  (fc2): Linear(in_features=120, out_features=84, bias=True)
  (fc3): Linear(in_features=84, out_features=10, bias=True)
)"""
LINES = LENET.split("\n")
TEN = "in_features=31, out_features=10, bias=True"
NORM = "10, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True"


def count_document(text: str) -> Report:
    return count(read(text, FORMATS["torch"]))


def total(text: str) -> int:
    return count_document(text).root.totals.trainable


def codes(text: str) -> set[str]:
    """Return the warnings that make a count inexact, but for the container's at the root."""
    return {warning.code for warning in count_document(text).warnings if not warning.exact} - {"hidden_hooks"}


@pytest.mark.parametrize(
    "text",
    [
        LENET.replace("LeNet(", "LeNet ("),
        LENET.replace("LeNet(", "LeNet(  # my first net"),
        LENET.replace("120, bias=True)\n", "120, bias=True)  # the widest\n") + "  # end",
        LENET.replace("LeNet(", "LeNet(  // my net").replace("84, bias=True)\n", "84, bias=True)   <-- here (last)\n"),
        LENET.replace("\n", "\\n"),
        LENET.replace("\n", "\\r\\n"),
        json.dumps(LENET),
        json.dumps({"lr": 0.1, "model": LENET}),
        repr(LENET),
        json.dumps(json.dumps(LENET)),
        f"<bound method Module.parameters of {LENET}>",
        f"<pre>{LENET}</pre>",
        f"model = {LENET}",
        f"{LENET};",
        LENET.replace("): ", "):"),
        LENET.replace("  (", "\t("),
        # Broken after a comma, or before one.
        LENET.replace("in_features=400, ", "in_features=400,\n      "),
        LENET.replace("in_features=400, ", "in_features=400\n, "),
        LENET.replace("kernel_size=(5, ", "kernel_size=(5,\n"),
        # What follows and precedes, and is no module.
        f"Namespace(lr=0.1, epochs=3)\nUsing device: cuda (Tesla)\n{LENET}",
        f"{LENET}\nAdam (\nParameter Group 0\n    lr: 0.001\n)\nEpoch 1 (train): loss 0.3",
        f"net = Net()\nnet.load_state_dict(torch.load('a.pt'))\nprint(net)\n{LENET}\n<All keys matched successfully>",
        f"import torch.nn as nn\nself.fc = nn.Linear(3, 4)\n{LENET}",
        # model_summary and torch_summarize.
        LENET.replace(")\n", "), 1,234 params\n") + ", 61,706 params",
        LENET.replace("10, bias=True)", "10, bias=True), weights=((10, 84), (10,)), parameters=850"),
    ],
)
def test_the_same_model(text: str) -> None:
    assert FORMATS["torch"].claims(text)
    assert total(text) == 61_706


@pytest.mark.parametrize(
    ("text", "parameters", "buffers", "inexact"),
    [
        # torch 0.2.0, torch/nn/modules: each __repr__ has a blank before its bracket, and a module without one of its
        # own prints "Name (\n)".
        ("Linear (400 -> 120)", 48_120, 0, {"hidden_arguments"}),  # it may have no bias
        ("Bilinear (in1_features=5, in2_features=7, out_features=3)", 108, 0, {"hidden_arguments"}),
        ("Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False)", 9_408, 0, set()),
        ("ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(1, 1), output_padding=(1, 1), groups=2)", 114, 0, set()),
        ("BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True)", 128, 128, set()),  # no num_batches_tracked yet
        ("BatchNorm1d(5, eps=1e-05, momentum=0.1, affine=False)", 0, 10, set()),
        ("InstanceNorm2d(64, eps=1e-05, momentum=0.1, affine=False)", 0, 128, set()),
        ("LSTM(10, 20, num_layers=2, bias=False, dropout=0.5)", 5_600, 0, set()),  # 80·(10 + 20) + 80·(20 + 20)
        ("GRU(5, 4, batch_first=True, bidirectional=True)", 264, 0, set()),  # 2·12·(5 + 4 + 2)
        ("LSTMCell(5, 4)", 176, 0, set()),  # 16·(5 + 4 + 2)
        ("Embedding(10, 3)", 30, 0, set()),
        ("Embedding(10, 3, padding_idx=0, max_norm=2, sparse=True)", 30, 0, set()),
        ("EmbeddingBag(10, 3, mode=mean)", 30, 0, set()),
        ("PReLU (1)", 1, 0, set()),
        ("CrossEntropyLoss (\n)", 0, 0, {"hidden_buffers"}),
        ("ParameterList (\n)", 0, 0, {"hidden_parameters"}),  # it printed none of its parameters until 0.3.1
        *(
            (f"Sequential (\n  (0): {text}\n)", 0, 0, set())
            for text in (
                "ReLU ()",
                "ReLU (inplace)",
                "ReLU6 (inplace)",
                "SELU",
                "SELU (inplace)",
                "ELU (alpha=1.0, inplace)",
                "Threshold (0.1, 20, inplace)",
                "RReLU (0.125, 0.3333333333333333)",
                "LeakyReLU (0.01)",
                "Hardtanh (min_val=-1, max_val=1)",
                "Softplus (beta=1, threshold=20)",
                "GLU (dim=-1)",
                "Softmax ()",
                "LogSoftmax ()",
                "Dropout (p = 0.5)",
                "Dropout (p = 0.5, inplace)",
                "Dropout2d (p=0.5)",
                "AlphaDropout (p = 0.5)",
                "MaxPool2d (size=(2, 2), stride=(2, 2), dilation=(1, 1))",
                "AvgPool2d (size=2, stride=2, padding=0, ceil_mode=False, count_include_pad=True)",
                "AdaptiveAvgPool2d (output_size=(1, 1))",
                "ReflectionPad2d (1, 1, 1, 1)",
                "CrossMapLRN2d (, alpha=0.0001, beta=0.75, k=1)",
                "PixelShuffle (upscale_factor=2)",
                "Upsample(scale_factor=2, mode=nearest)",
                "Dropout3d (\n  )",
            )
        ),
        # torch 0.3.0
        ("Linear(in_features=400, out_features=120)", 48_120, 0, {"hidden_arguments"}),
        ("Conv2d (3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3))", 9_472, 0, set()),
        # torch 0.4.0 to 1.0
        ("LayerNorm(torch.Size([600]), eps=1e-05, elementwise_affine=True)", 1_200, 0, set()),
        ("LayerNorm(torch.Size([5, 7]), eps=1e-05, elementwise_affine=True)", 70, 0, set()),
        ("ParameterList(\n    (0): Parameter containing: [torch.FloatTensor of size 3x4 (GPU 0)]\n  \n)", 12, 0, set()),
        # torch 1.5 to 1.8: the projection of an attention has another class.
        (
            """\
            TransformerEncoderLayer(
              (self_attn): MultiheadAttention(
                (out_proj): _LinearWithBias(in_features=8, out_features=8, bias=True)
              )
              (dropout): Dropout(p=0.1, inplace=False)
            )""",
            288,  # 3·8·8 + 3·8 + 8·8 + 8
            0,
            {"hidden_parameters"},  # torch's layer has more modules
        ),
        # torch 2.1 to 2.12: a LayerNorm without bias prints the same as one with it.
        (
            """\
            Sequential(
              (0): Linear(in_features=8, out_features=8, bias=False)
              (1): LayerNorm((8,), eps=1e-05, elementwise_affine=True)
            )""",
            80,
            0,
            {"hidden_arguments"},
        ),
    ],
)  # fmt: skip
def test_older_torch(text: str, parameters: int, buffers: int, inexact: set[str]) -> None:
    totals = count_document(dedent(text)).root.totals
    assert (totals.trainable, totals.buffers) == (parameters, buffers)
    assert codes(dedent(text)) == inexact


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        # ptflops 0.7.5, print_model_with_flops
        (
            """\
            Sequential(
              61.71 k, 100.000% Params, 416.52 KMac, 100.000% MACs,
              (0): Conv2d(156, 0.253% Params, 117.6 KMac, 28.234% MACs, 1, 6, kernel_size=(5, 5), stride=(1, 1))
              (1): ReLU(0, 0.000% Params, 4.7 KMac, 1.129% MACs, inplace=True)
              (2): Linear(48.12 k, 77.983% Params, 48.12 KMac, 11.553% MACs, in_features=400, out_features=1, bias=True)
            )""",
            156 + 401,
        ),
        # DeepSpeed 0.19.8, print_model_profile
        (
            f"""\
            Sequential(
              138.36 M = 100% Params, 309.47 GMACs = 100% MACs, 2.06 ms = 100% latency, 600.0 TFLOPS
              (0): Linear(9 = 0.03% Params, 5.12 KMACs = 0.1% MACs, 12.3 us = 1% latency, 0 FLOPS, {TEN})
              (1): BatchNorm1d(20 = 1e-05% Params, 0 MACs = 0% MACs, 0 s = 0% latency, 1.5 GFLOPS, {NORM})
            )""",
            320 + 20,
        ),
        # calflops 0.3.2, and a variant of ptflops that puts its figures last.
        (f"Linear(320 = 0.03% Params, 5 KMACs = 0.1% MACs, 10 KFLOPs = 0.1% FLOPs, {TEN})", 320),
        (f"Linear({TEN}, |0.0 M, 0.500% Params, 0.0 GMac, nan% MACs|)", 320),
    ],
)  # fmt: skip
def test_figures_of_profilers(text: str, parameters: int) -> None:
    assert total(dedent(text)) == parameters
    assert codes(dedent(text)) == set()


@pytest.mark.parametrize(
    ("text", "parameters", "frozen", "inexact"),
    [
        ("Conv1D(nf=2304, nx=768)", 1_771_776, 0, set()),  # 768·2304 + 2304
        ("Linear4bit(in_features=8, out_features=6, bias=True)", 54, 48, set()),
        ("Linear8bitLt(in_features=8, out_features=6, bias=False)", 48, 48, set()),
        ("Conv1D()", 0, 0, {"hidden_parameters"}),  # transformers before 4.41 printed no sizes
        ("Conv1D(3, 4)", 0, 0, {"hidden_parameters"}),
        ("Linear4bit()", 0, 0, {"hidden_parameters"}),
    ],
)
def test_linear_layers_of_other_libraries(text: str, parameters: int, frozen: int, inexact: set[str]) -> None:
    totals = count_document(text).root.totals
    assert (totals.trainable + totals.frozen, totals.frozen) == (parameters, frozen)
    assert codes(text) == inexact


@pytest.mark.parametrize(
    ("text", "code"),
    [
        # Arguments that torch always prints: another class, or an older torch.
        ("PReLU()", "hidden_arguments"),
        ("BatchNorm2d(64)", "hidden_arguments"),
        ("LayerNorm((64,))", "hidden_arguments"),
        ("GroupNorm(2, 8)", "hidden_arguments"),
        ("Conv2d(3, 4, kernel_size=(1, 1))", "hidden_arguments"),
        ("Linear(3, 4)", "hidden_arguments"),
        # Lines are missing between these.
        ("ResNet(\n  (a): Sequential(\n    (0): ReLU()\n    (2): ReLU()\n  )\n)", "missing_modules"),
        ("ResNet(\n  (a): ModuleList(\n    (1-2): 2 x ReLU()\n  )\n)", "missing_modules"),
        # Classes that print a module among their arguments may have others, which they don't print.
        ("ResNet(\n  (a): GINConv(nn=Sequential(\n    (0): PReLU(num_parameters=1)\n  ))\n)", "hidden_parameters"),
        ("ResNet(\n  (0): Transformer({'dim': 4}) with Transformer model: BertModel \n)", "hidden_parameters"),
    ],
)
def test_warnings(text: str, code: str) -> None:
    assert code in codes(text)


def test_a_module_among_arguments_is_a_child() -> None:
    text = f"A(\n  (c): NNConv(3, 4, aggr=mean, nn=Sequential(\n    (0): Linear({TEN})\n  ))\n)"
    conv = count_document(text).root.children[0]
    assert [(conv.name, conv.children[0].path, conv.totals.trainable)] == [("c", "c.nn", 320)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # The first line is missing.
        ("\n".join(LINES[1:-1]), "line 1: is a part of a model"),
        ("\n".join(LINES[1:]), "line 1: is a part of a model"),
        ("hello\n  " + "\n".join(LINES[2:]), "line 2: is a part of a model"),
        (")\n" + LENET, "line 1: is a part of a model"),
        ("(0): Sequential(\n  (0): ReLU()\n)", "line 1: is a part of a model"),
        ("(fc1):\n" + LENET, "line 1: is a part of a model"),
        # More than one model.
        (f"{LENET}\nLinear(in_features=784, out_features=1000, bias=True)", "line 8: "),
        (f"Encoder: {LENET}\nHead: Linear(784, 1000)", "line 8: "),
        (f"Linear(in_features=784, out_features=1000, bias=True)\n{LENET}", "line 2: "),
        ("\n".join(line.strip().partition(": ")[2] for line in LINES[1:-1]), "line 2: "),
        (f"{LENET}\nCrossEntropyLoss()", "line 8: "),
        (f"{LENET}\n(fc4): Linear(in_features=84,", "line 8: "),
        (f"{LENET}\n)", "line 8: "),
        (f"{LENET}{LENET}", "line 7: "),
        (f"[{LENET}, Linear(in_features=3, out_features=4, bias=True)]", "line 7: "),
        (f"[Linear(in_features=3, out_features=4, bias=True), {LENET}]", "line 1: "),
        (f"{LENET}\nhead = Linear(in_features=3, out_features=4, bias=True)", "line 8: "),
        (f"{LENET}\nreplaced Linear(in_features=3, out_features=4, bias=True) by LoRA", "line 8: "),
        # Lines that were cut, joined or lost.
        (LENET.replace("out_features=120", "out_fea\ntures=120"), "line 5: goes on with a line that is broken"),
        (LENET.replace("in_features=400", "in_features=40\n0"), "line 5: goes on with a line that is broken"),
        (LENET.replace(", out_features=120, bias=True)", ","), "line 4: Linear( is never closed"),
        (LENET.replace("bias=True)\n  (fc2)", "bias=True) (fc2)"), 'line 4: "(fc2)'),
        (LENET.replace("\n", " "), "line 1: Conv2d inside LeNet( has no name, or no line of its own"),
        (LENET.replace("(fc2): ", ""), "line 5: Linear inside LeNet( has no name"),
        (LENET.replace("  (fc2)", "# (fc2)"), "line 5: Linear inside LeNet( has no name"),
        (LENET.replace("(fc1): ", "(fc1      (fc2): "), 'line 4: "(fc1      (fc2)" is no name'),
        (LENET.replace(LINES[3], "  ..."), "line 4: the text is cut short here"),
        (LENET.replace(LINES[3], "  (fc0): ..."), "line 4: the text is cut short here"),
        (LENET.replace(LINES[3], "  (fc0): Block(...)"), "line 4: the text is cut short here"),
        (LENET.replace(LINES[3], "  [... 12 lines ...]"), "line 4: the text is cut short here"),
        ("A(\n  (a): Sequential(\n      (b): ReLU()\n    )\n  )\n)", "line 4: this bracket closes Sequential("),
        ("A(\n  (a): B(\n    (b): ReLU()\n  )", "line 1: A( is never closed"),
        (
            "A(\n  (a): BatchNormAct2d(\n    1\n    6, eps=1e-05, momentum=0.1, affine=True\n    (act): ReLU()\n  )\n)",
            "line 2: BatchNormAct2d states an argument twice",
        ),
        ("Linear(in_features=3, in_features=4, out_features=4, bias=True)", "line 1: Linear states an argument twice"),
        # Names.
        ("A(\n  (0): ReLU()\n  (0): ReLU()\n)", 'line 3: A( has a child "(0)" in line 2'),
        ("A(\n  (ids 0-23): Linear(in_features=3, out_features=4, bias=True)\n)", 'line 2: "(ids 0-23)" names several'),
        *(
            (f"A(\n  ({name}): Embedding(3, 4)\n)", f'line 2: "({name})" names several')
            for name in ("0–3", "0 to 3", "0..3", "0...3", "0:3", "0,1,2", "0, 2-3", "layers 0-3")
        ),
        ("A(\n  (0-11): Block(\n    (0): ReLU()\n  )\n)", 'line 2: "(0-11)" names several'),
        (
            "GINConv(nn=Sequential(\n  (0): Linear(in_features=3, out_features=4, bias=True)\n))",
            "line 1: Sequential( begins inside the brackets of another module",
        ),
        # A table that holds no tree.
        (f"{'-' * 30}\n  Layer (type)  Output Shape  Param #  Tr. Param #", "is the table of pytorch_model_summary"),
    ],
)  # fmt: skip
def test_problems(text: str, message: str) -> None:
    with pytest.raises(Problems) as refused:
        count_document(text)
    details = [error.detail for error in refused.value.problems]
    assert any(message in detail for detail in details), details


@pytest.mark.parametrize(
    "text",
    [
        "A(" + "\\n" * 300_000,
        "\\" * 1_000_000 + "(\\n",
        "A(\n" + "  f(1,\n" * 100_000,
        "A(\n  (a): B(1,\n" + "2,\n" * 100_000,
        "A()\n" + "(a" * 300_000,
        "A()\n" + "Linear (a" * 100_000,
        "A(\n  " + "1, 1% P, " * 100_000 + "\n)",
        "A(\n  (a): B(" + "='" * 300_000 + "\n)",
        "A(\n" + ")" * 500_000,
        "A(\n" + "  (a): B()\n" * 100_000 + ")",
        "A(\n" + "a=B(, " * 100_000,
    ],
)
def test_no_hostile_text_counts_as_exact(text: str) -> None:
    """In quadratic time each would take minutes."""
    assert not is_exact(text)


def is_exact(text: str) -> bool:
    """Return whether a text is counted, and exactly."""
    try:
        return count_document(text).exact
    except Problems:
        return False

"""torch: which printed modules are taken for a library's, and which may be another's of the same name."""

from __future__ import annotations

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.report import Report
from paramcount.schema.registry import FORMATS

LINEAR = "Linear(in_features=3, out_features=4, bias=True)"  # 3·4 + 4 = 16
CONV = "Conv2d(8, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)"  # 8·8·9 = 576
NORM = "BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)"  # 16, and 17 buffers
BLOCK = f"""\
BasicBlock(
  (conv1): {CONV}
  (bn1): {NORM}
  (relu): ReLU(inplace=True)
  (conv2): {CONV}
  (bn2): {NORM}
)"""  # torchvision's: 2·576 + 2·16 = 1184
ALEXNET = f"""\
AlexNet(
  (features): Sequential(
    (0): {CONV}
    (1): ReLU(inplace=True)
    (2): MaxPool2d(kernel_size=3, stride=2, padding=0, dilation=1, ceil_mode=False)
  )
  (avgpool): AdaptiveAvgPool2d(output_size=(6, 6))
  (classifier): Sequential(
    (0): Dropout(p=0.5, inplace=False)
    (1): {LINEAR}
    (2): ReLU(inplace=True)
  )
)"""  # 576 + 16 = 592
ENCODER_LAYER = """\
TransformerEncoderLayer(
  (self_attn): MultiheadAttention(
    (out_proj): NonDynamicallyQuantizableLinear(in_features=4, out_features=4, bias=True)
  )
  (linear1): Linear(in_features=4, out_features=2, bias=True)
  (dropout): Dropout(p=0.1, inplace=False)
  (linear2): Linear(in_features=2, out_features=4, bias=True)
  (norm1): LayerNorm((4,), eps=1e-05, elementwise_affine=True)
  (norm2): LayerNorm((4,), eps=1e-05, elementwise_affine=True)
  (dropout1): Dropout(p=0.1, inplace=False)
  (dropout2): Dropout(p=0.1, inplace=False)
)"""  # 3·(4·4 + 4) + (4·4 + 4) + (4·2 + 2) + (2·4 + 4) + 2·2·4 = 60 + 20 + 10 + 12 + 16 = 118
LLAMA_MLP = """\
LlamaMLP(
  (gate_proj): Linear(in_features=4, out_features=8, bias=False)
  (up_proj): Linear(in_features=4, out_features=8, bias=False)
  (down_proj): Linear(in_features=8, out_features=4, bias=False)
  (act_fn): SiLUActivation()
)"""  # 3·32 = 96


def inside(text: str, name: str, root: str) -> str:
    """Put a printed module into another, as its only child."""
    first, *rest = text.split("\n")
    return "\n".join([f"{root}(", f"  ({name}): {first}", *(f"  {line}" for line in rest), ")"])


def count_text(text: str) -> Report:
    return count(read(text, FORMATS["torch"]))


@pytest.mark.parametrize(
    ("text", "total"),
    [
        (BLOCK, 1184),
        (ALEXNET, 592),
        (ENCODER_LAYER, 118),
        (inside(inside(ENCODER_LAYER, "0", "ModuleList"), "layers", "TransformerEncoder"), 118),
        (LLAMA_MLP, 96),
        (inside(BLOCK, "module", "DataParallel"), 1184),
        (inside(BLOCK, "_orig_mod", "OptimizedModule"), 1184),
        # What takes the place of a class counts as that class: a synchronised norm, FSDP's names, a folded list.
        (BLOCK.replace("BatchNorm2d", "SyncBatchNorm"), 1184),
        (BLOCK.replace("Conv2d", "FSDPConv2d").replace("BasicBlock", "FSDPBasicBlock"), 1184),
        (inside(inside(f"3 x {ENCODER_LAYER}", "0-2", "ModuleList"), "layers", "TransformerEncoder"), 354),
    ],
)
def test_a_library_s_class_is_known_by_what_it_builds(text: str, total: int) -> None:
    report = count_text(text)
    assert (report.root.totals.trainable, report.exact) == (total, True)


NAMES = [
    "Net",
    "Model",
    "MLP",
    "CNN",
    "Transformer",
    "TransformerBlock",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "ParametrizationList",
    "_WeightNorm",
    "ParameterList",
    "ParameterDict",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "FeedForward",
    "FFN",
    "BasicBlock",
    "Bottleneck",
    "ResNet",
    "VGG",
    "DenseNet",
    "UNet",
    "GCN",
    "GAT",
    "FCN",
    "SSD",
    "Router",
    "SelfAttention",
    "CrossAttention",
    "AttentionBlock",
    "Attention",
    "MultiHeadAttention",
    "TransformerLayer",
    "EncoderLayer",
    "DecoderLayer",
    "Encoder",
    "Decoder",
    "ResidualBlock",
    "CBAM",
    "SpatialAttention",
    "ChannelAttention",
    "Swish",
    "Mish",
    "Normalize",
    "Mlp",
    "Block",
    "LeNet",
    "AlexNet",
    "AdaptiveLogSoftmaxWithLoss",
    "FloatFunctional",
    "QuantWrapper",
    "DataParallel",
    "OptimizedModule",
    "LoraModel",
    "LlamaMLP",
    "Fold",
    "LlamaRMSNorm",
    "BatchNormAct2d",
    "LayerNorm2d",
    "Identity",
]


@pytest.mark.parametrize(
    "text",
    [
        # torch prints none of these of its own classes.
        "Upsample()",
        "Upsample(in_channels=3, out_channels=4)",
        "Upsample(3, 4)",
        "Fold(channels=3)",
        "MaxPool2d()",
        "Dropout(p=0.1, channels=3)",
        "GELU(dim=4)",
        "ReLU(4)",
        "Identity(3)",
        "Tanh(scale=2)",
    ],
)
def test_other_arguments_are_of_another_class(text: str) -> None:
    assert not count_text(text).exact


@pytest.mark.parametrize(
    "text",
    [
        "Upsample(scale_factor=2.0, mode='bilinear')",
        "Upsample(size=(4, 4), mode=nearest)",
        "MaxPool2d (size=(2, 2), stride=(2, 2), dilation=(1, 1))",
        "Dropout (p = 0.5, inplace)",
        "ReLU6(min_val=0, max_val=6, inplace)",
        "Threshold(threshold=0.1, value=20)",
        "RReLU (0.125, 0.3333333333333333)",
        "CrossMapLRN2d (, alpha=0.0001, beta=0.75, k=1)",
        "Softmax ()",
        "Hardshrink(0.5)",
        "ZeroPad2d((1, 1, 1, 1))",
        "ZeroPad2d(padding=(1, 1, 1, 1), value=0)",
        "Unflatten(dim=1, unflattened_size=(2, 3))",
        "LPPool2d(norm_type=2, kernel_size=2, stride=None, ceil_mode=False)",
        "Flatten()",
    ],
)
def test_arguments_of_torch_s_classes(text: str) -> None:
    assert count_text(text).exact


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "child", [f"(fc): {LINEAR}", f"(layers): Sequential(\n    (0): {LINEAR}\n  )", f"(0): {LINEAR}"]
)
def test_a_name_alone_makes_no_library_s_class(name: str, child: str) -> None:
    report = count_text(f"{name}(\n  {child}\n)")
    assert report.root.totals.trainable == 16
    assert not report.exact
    assert any(name in warning.detail for warning in report.warnings if warning.code == "hidden_parameters")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        # A child with another name, one more, one less, of another class.
        (BLOCK.replace("(conv2)", "(conv3)"), "BasicBlock"),
        (BLOCK.replace("  (relu)", f"  (fc): {LINEAR}\n  (relu)"), "BasicBlock"),
        (BLOCK.replace("  (relu): ReLU(inplace=True)\n", ""), "BasicBlock"),
        (BLOCK.replace(f"(conv1): {CONV}", f"(conv1): {LINEAR}"), "BasicBlock"),
        (BLOCK.replace("BasicBlock(", "BasicBlock(\n  width=8"), "BasicBlock"),
        (ALEXNET.replace("MaxPool2d", "AvgPool2d"), "AlexNet"),  # in a list
        (ENCODER_LAYER.replace("(norm2)", "(norm3)"), "TransformerEncoderLayer"),
        # torch's encoder holds layers: not an encoder, nor a single leaf that any class may hold.
        (inside(inside(LINEAR, "0", "ModuleList"), "layers", "TransformerEncoder"), "TransformerEncoder"),
        (inside(ENCODER_LAYER, "encoder", "TransformerEncoder"), "TransformerEncoder"),
        # Leaves of torch have no modules.
        (f"Fold(\n  output_size=(2, 2), kernel_size=(1, 1)\n  (fc): {LINEAR}\n)", "Fold"),
        (f"Linear(\n  in_features=3, out_features=4, bias=True\n  (lora): {LINEAR}\n)", "Linear"),
        (inside(BLOCK, "model", "DataParallel"), "DataParallel"),
        # A class that prints nothing of its own is a library's only inside of that library's classes.
        (inside("DropPath(drop_prob=0.100)", "module", "DataParallel"), "DropPath"),
        (inside("ReLU()", "act", "Mlp"), "Mlp"),
        # A part that another library's class does not hold.
        (BLOCK.replace("(relu): ReLU(inplace=True)", "(relu): Swish()"), "BasicBlock"),
        # torch_geometric prints these without what they hold.
        ("MLP(16, 32, 7)", "MLP"),
        ("GCN(16, 7, num_layers=3)", "GCN"),
    ],
)
def test_what_does_not_fit_is_another_class(text: str, hidden: str) -> None:
    report = count_text(text)
    assert not report.exact
    assert any(hidden in warning.detail for warning in report.warnings if warning.code == "hidden_parameters")


RESIDUAL = f"""\
ConvMixer(
  (stem): Sequential(
    (0): {CONV}
  )
  (blocks): Sequential(
    (0): Sequential(
      (0): Residual(
        (fn): Sequential(
          (0): {CONV}
        )
      )
    )
  )
  (global_pool): SelectAdaptivePool2d(pool_type=avg, flatten=Flatten(start_dim=1, end_dim=-1))
  (head_drop): Dropout(p=0.0, inplace=False)
  (head): {LINEAR}
)"""


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        # Several files of timm have a class of that name, and the class around it tells which is meant.
        (RESIDUAL, set()),
        (inside(RESIDUAL, "net", "MyNet"), {"hidden_parameters"}),
        ("Residual()", {"hidden_parameters"}),
        (f"LlamaForCausalLM(\n  (lm_head): {LINEAR}\n)", {"hidden_parameters"}),
    ],
)
def test_classes_of_one_name(text: str, codes: set[str]) -> None:
    assert {warning.code for warning in count_text(text).warnings if not warning.exact} == codes

"""The modules of torch.nn without tensors: activations, pooling, padding, dropout, most losses, containers."""

from __future__ import annotations

from paramcount import Formula, Input
from paramcount.layers.variants import layer_variant

_CLASSES = {
    "": {
        "Identity": "Returns its input.",
        "LogSigmoid": "log(1 / (1 + e⁻ˣ)).",
        "Sigmoid": "1 / (1 + e⁻ˣ).",
        "Softmax2d": "Softmax over the channels of images.",
        "Softsign": "x / (1 + |x|).",
        "Tanh": "tanh(x).",
        "Tanhshrink": "x - tanh(x).",
        "Sequential": "Container that runs its modules one after the other.",
    },
    "alpha inplace": {
        "CELU": "max(0, x) + min(0, α(e^(x/α) - 1)).",
        "ELU": "x, or α(eˣ - 1) below zero.",
    },
    "approximate": {
        "GELU": "x Φ(x), with the Gaussian distribution function Φ.",
    },
    "beta threshold": {
        "Softplus": "log(1 + e^(βx)) / β.",
    },
    "blank reduction zero_infinity": {
        "CTCLoss": "Connectionist temporal classification loss of unaligned sequences.",
    },
    "dim": {
        "GLU": "a · σ(b) of the two halves of its input.",
        "LogSoftmax": "log softmax along an axis.",
        "Softmax": "eˣ / Σ eˣ along an axis.",
        "Softmin": "e⁻ˣ / Σ e⁻ˣ along an axis.",
    },
    "dim eps": {
        "CosineSimilarity": "Cosine of the angle between two vectors.",
    },
    "dim unflattened_size": {
        "Unflatten": "Splits one axis into several.",
    },
    "distance_function margin swap reduction": {
        "TripletMarginWithDistanceLoss": "Triplet margin loss with a distance function of one's choice.",
    },
    "downscale_factor": {
        "PixelUnshuffle": "Moves blocks of pixels into channels.",
    },
    "full eps reduction": {
        "GaussianNLLLoss": "Negative log likelihood of a Gaussian.",
    },
    "groups": {
        "ChannelShuffle": "Interleaves groups of channels.",
    },
    "inplace": {
        "Hardsigmoid": "Sigmoid of three straight lines.",
        "Hardswish": "x · hardsigmoid(x).",
        "Mish": "x · tanh(softplus(x)).",
        "ReLU": "max(0, x).",
        "ReLU6": "min(max(0, x), 6).",
        "SELU": "ELU scaled so that activations keep mean 0 and variance 1.",
        "SiLU": "x · σ(x).",
    },
    "kernel_size dilation padding stride": {
        "Unfold": "Extracts sliding blocks of images.",
    },
    "kernel_size output_size output_ratio return_indices _random_samples": {
        "FractionalMaxPool2d": "The maximum of windows of random sizes over two axes.",
        "FractionalMaxPool3d": "The maximum of windows of random sizes over three axes.",
    },
    "kernel_size stride padding": {
        "MaxUnpool1d": "Inverts max pooling over one axis, from its indices.",
        "MaxUnpool2d": "Inverts max pooling over two axes, from its indices.",
        "MaxUnpool3d": "Inverts max pooling over three axes, from its indices.",
    },
    "kernel_size stride padding ceil_mode count_include_pad": {
        "AvgPool1d": "The mean of each window over one axis.",
    },
    "kernel_size stride padding ceil_mode count_include_pad divisor_override": {
        "AvgPool2d": "The mean of each window over two axes.",
        "AvgPool3d": "The mean of each window over three axes.",
    },
    "kernel_size stride padding dilation return_indices ceil_mode": {
        "MaxPool1d": "The maximum of each window over one axis.",
        "MaxPool2d": "The maximum of each window over two axes.",
        "MaxPool3d": "The maximum of each window over three axes.",
    },
    "lambd": {
        "Hardshrink": "x, or 0 between -λ and λ.",
        "Softshrink": "x moved by λ towards 0, or 0 between -λ and λ.",
    },
    "log_input full size_average eps reduce reduction": {
        "PoissonNLLLoss": "Negative log likelihood of a Poisson distribution.",
    },
    "lower upper inplace": {
        "RReLU": "x, or x times a random slope below zero.",
    },
    "margin p eps swap size_average reduce reduction": {
        "TripletMarginLoss": "Loss of an anchor nearer to a negative than to a positive example.",
    },
    "margin size_average reduce reduction": {
        "CosineEmbeddingLoss": "Loss by the cosine similarity of two embeddings.",
        "HingeEmbeddingLoss": "Hinge loss of distances, labelled 1 or -1.",
        "MarginRankingLoss": "Loss of two scores in the wrong order.",
    },
    "min_val max_val inplace min_value max_value": {
        "Hardtanh": "x, cut off below min_val and above max_val.",
    },
    "negative_slope inplace": {
        "LeakyReLU": "x, or negative_slope · x below zero.",
    },
    "norm_type kernel_size stride ceil_mode": {
        "LPPool1d": "The p-norm of each window over one axis.",
        "LPPool2d": "The p-norm of each window over two axes.",
        "LPPool3d": "The p-norm of each window over three axes.",
    },
    "output_size": {
        "AdaptiveAvgPool1d": "The mean of each of `output_size` windows over one axis.",
        "AdaptiveAvgPool2d": "The mean of each of `output_size` windows over two axes.",
        "AdaptiveAvgPool3d": "The mean of each of `output_size` windows over three axes.",
    },
    "output_size kernel_size dilation padding stride": {
        "Fold": "Sums sliding blocks into images.",
    },
    "output_size return_indices": {
        "AdaptiveMaxPool1d": "The maximum of each of `output_size` windows over one axis.",
        "AdaptiveMaxPool2d": "The maximum of each of `output_size` windows over two axes.",
        "AdaptiveMaxPool3d": "The maximum of each of `output_size` windows over three axes.",
    },
    "p eps keepdim": {
        "PairwiseDistance": "p-norm of the difference of two vectors.",
    },
    "p inplace": {
        "AlphaDropout": "Drops random elements and keeps mean and variance.",
        "Dropout": "Sets random elements to zero.",
        "Dropout1d": "Sets whole channels over one axis to zero.",
        "Dropout2d": "Sets whole channels over two axes to zero.",
        "Dropout3d": "Sets whole channels over three axes to zero.",
        "FeatureAlphaDropout": "Drops whole channels and keeps mean and variance.",
    },
    "padding": {
        "CircularPad1d": "Pads one axis with the values of the other end.",
        "CircularPad2d": "Pads two axes with the values of the other end.",
        "CircularPad3d": "Pads three axes with the values of the other end.",
        "ReflectionPad1d": "Pads one axis with its reflection at the edge.",
        "ReflectionPad2d": "Pads two axes with its reflection at the edge.",
        "ReflectionPad3d": "Pads three axes with its reflection at the edge.",
        "ReplicationPad1d": "Pads one axis with the value at the edge.",
        "ReplicationPad2d": "Pads two axes with the value at the edge.",
        "ReplicationPad3d": "Pads three axes with the value at the edge.",
        "ZeroPad1d": "Pads one axis with zeros.",
        "ZeroPad2d": "Pads two axes with zeros.",
        "ZeroPad3d": "Pads three axes with zeros.",
    },
    "padding value": {
        "ConstantPad1d": "Pads one axis with a constant.",
        "ConstantPad2d": "Pads two axes with a constant.",
        "ConstantPad3d": "Pads three axes with a constant.",
    },
    "reduction delta": {
        "HuberLoss": "Squared error, absolute above delta.",
    },
    "size alpha beta k": {
        "CrossMapLRN2d": "Local response normalization across channels of images.",
        "LocalResponseNorm": "Normalizes by the squares of neighbouring channels.",
    },
    "size scale_factor": {
        "UpsamplingBilinear2d": "Enlarges images bilinearly.",
        "UpsamplingNearest2d": "Enlarges images by repeating pixels.",
    },
    "size scale_factor mode align_corners recompute_scale_factor": {
        "Upsample": "Resizes the spatial axes by interpolation.",
    },
    "size_average reduce reduction": {
        "L1Loss": "Absolute error.",
        "MSELoss": "Squared error.",
        "MultiLabelMarginLoss": "Margin loss of several labels an example.",
        "SoftMarginLoss": "Logistic loss of labels 1 and -1.",
    },
    "size_average reduce reduction beta": {
        "SmoothL1Loss": "Absolute error, squared below beta.",
    },
    "size_average reduce reduction log_target": {
        "KLDivLoss": "Kullback-Leibler divergence.",
    },
    "start_dim end_dim": {
        "Flatten": "Joins several axes in one.",
    },
    "threshold value inplace": {
        "Threshold": "x, or a value where x is not above the threshold.",
    },
    "upscale_factor": {
        "PixelShuffle": "Moves channels into blocks of pixels.",
    },
    "modules": {
        "ModuleDict": "Container of modules by name; they are its `layers`.",
        "ModuleList": "Container of modules by index; they are its `layers`.",
    },
    "module device_ids output_device dim": {
        "DataParallel": "Container that runs one module on several devices.",
    },
}
"""Classes with their summaries, by the arguments of their constructors. The tensors of a container are its layers'."""


_SAME_SHAPE = frozenset((
    "AlphaDropout", "CELU", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "ELU", "FeatureAlphaDropout", "GELU",
    "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "Identity", "LeakyReLU", "LogSigmoid", "LogSoftmax", "Mish",
    "RReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softmax", "Softmax2d", "Softmin", "Softplus", "Softshrink",
    "Softsign", "Tanh", "Tanhshrink", "Threshold",
))  # fmt: skip
"""Classes whose output has the shape of their input."""


def _register(name: str, summary: str, arguments: str) -> None:
    @layer_variant(f"torch.{name}", f"{summary} No parameters.", arguments)
    def no_tensors() -> Formula:
        yield from ()


def _register_same_shape(name: str, summary: str, arguments: str) -> None:
    @layer_variant(f"torch.{name}", f"{summary} No parameters.", arguments)
    def no_tensors(inputs: Input | None = None) -> Formula:
        yield from ()
        return inputs


for _arguments, _summaries in _CLASSES.items():
    for _name, _summary in _summaries.items():
        (_register_same_shape if _name in _SAME_SHAPE else _register)(_name, _summary, _arguments)

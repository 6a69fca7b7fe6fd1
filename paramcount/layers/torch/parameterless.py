"""The modules of torch.nn that own nothing: activations, pooling, padding, dropout, most losses."""

from __future__ import annotations

from paramcount import Formula, layer

# What the constructor takes, and the classes whose constructor takes just that.
_CLASSES = {
    "": "Identity LogSigmoid Sigmoid Softmax2d Softsign Tanh Tanhshrink",
    "alpha inplace": "CELU ELU",
    "approximate": "GELU",
    "beta threshold": "Softplus",
    "blank reduction zero_infinity": "CTCLoss",
    "dim": "GLU LogSoftmax Softmax Softmin",
    "dim eps": "CosineSimilarity",
    "dim unflattened_size": "Unflatten",
    "distance_function margin swap reduction": "TripletMarginWithDistanceLoss",
    "downscale_factor": "PixelUnshuffle",
    "full eps reduction": "GaussianNLLLoss",
    "groups": "ChannelShuffle",
    "inplace": "Hardsigmoid Hardswish Mish ReLU ReLU6 SELU SiLU",
    "kernel_size dilation padding stride": "Unfold",
    "kernel_size output_size output_ratio return_indices _random_samples": "FractionalMaxPool2d FractionalMaxPool3d",
    "kernel_size stride padding": "MaxUnpool1d MaxUnpool2d MaxUnpool3d",
    "kernel_size stride padding ceil_mode count_include_pad": "AvgPool1d",
    "kernel_size stride padding ceil_mode count_include_pad divisor_override": "AvgPool2d AvgPool3d",
    "kernel_size stride padding dilation return_indices ceil_mode": "MaxPool1d MaxPool2d MaxPool3d",
    "lambd": "Hardshrink Softshrink",
    "log_input full size_average eps reduce reduction": "PoissonNLLLoss",
    "lower upper inplace": "RReLU",
    "margin p eps swap size_average reduce reduction": "TripletMarginLoss",
    "margin size_average reduce reduction": "CosineEmbeddingLoss HingeEmbeddingLoss MarginRankingLoss",
    "min_val max_val inplace min_value max_value": "Hardtanh",
    "negative_slope inplace": "LeakyReLU",
    "norm_type kernel_size stride ceil_mode": "LPPool1d LPPool2d LPPool3d",
    "output_size": "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d",
    "output_size kernel_size dilation padding stride": "Fold",
    "output_size return_indices": "AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d",
    "p eps keepdim": "PairwiseDistance",
    "p inplace": "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout",
    "padding": (
        "CircularPad1d CircularPad2d CircularPad3d ReflectionPad1d ReflectionPad2d ReflectionPad3d "
        "ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d"
    ),
    "padding value": "ConstantPad1d ConstantPad2d ConstantPad3d",
    "reduction delta": "HuberLoss",
    "size alpha beta k": "CrossMapLRN2d LocalResponseNorm",
    "size scale_factor": "UpsamplingBilinear2d UpsamplingNearest2d",
    "size scale_factor mode align_corners recompute_scale_factor": "Upsample",
    "size_average reduce reduction": "L1Loss MSELoss MultiLabelMarginLoss SoftMarginLoss",
    "size_average reduce reduction beta": "SmoothL1Loss",
    "size_average reduce reduction log_target": "KLDivLoss",
    "start_dim end_dim": "Flatten",
    "threshold value inplace": "Threshold",
    "upscale_factor": "PixelShuffle",
    # Containers own nothing themselves; what they hold stands in their "layers".
    "modules": "ModuleDict ModuleList",
    "module device_ids output_device dim": "DataParallel",
}
_CLASSES[""] += " Sequential"


def _register(name: str, arguments: str) -> None:
    @layer(f"torch.{name}", ignores=arguments)
    def nothing() -> Formula:
        """Owns no parameter and no buffer. Source: the class of this name in torch.nn."""
        yield from ()


for _arguments, _names in _CLASSES.items():
    for _name in _names.split():
        _register(_name, _arguments)

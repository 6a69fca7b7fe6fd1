"""Roles of the inputs of operators: weights, settings, quantised ones.

Sources: ONNX' Operators.md, onnxruntime's ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from paramcount.formats.onnx.graph import Use

SETTING_INPUTS: Mapping[str, frozenset[int]] = {
    operator: frozenset(positions)
    for operator, positions in {
        "BatchNormalization": (3, 4),
        "CenterCropPad": (1,),
        "Clip": (1, 2),
        "ConstantOfShape": (0,),
        "ConvInteger": (2, 3),
        "CumSum": (1,),
        "DequantizeBFP": (1, 2),
        "DequantizeLinear": (1, 2),
        "Dropout": (1, 2),
        "DynamicQuantizeLSTM": (4, 5, 6, 8, 9, 10, 11),
        "DynamicQuantizeMatMul": (2, 3),
        "Expand": (1,),
        "GRU": (4, 5),
        "Gather": (1,),
        "GatherBlockQuantized": (1, 2, 3),
        "GatherElements": (1,),
        "GatherND": (1,),
        "LSTM": (4, 5, 6),
        "Loop": (0, 1),
        "MatMulBlockQuantizedFp4Weight": (2, 3, 4),
        "MatMulBlockQuantizedFp8Weight": (2, 3),
        "MatMulBnb4": (2,),
        "MatMulFpQ4": (2,),
        "MatMulInteger": (2, 3),
        "MatMulIntegerToFloat": (2, 3, 4, 5),
        "MatMulNBits": (2, 3, 4),
        "MatMulNBitsMlp": (4, 7),
        "MatMulNBitsQkv": (4, 7, 10),
        "OneHot": (1, 2),
        "Pad": (1, 2, 3),
        "Pow": (1,),
        "QAttention": (3, 4, 5, 6, 7, 8),
        "QEmbedLayerNormalization": (0, 1, *range(7, 18)),
        "QGemm": (1, 2, 4, 5, 7, 8),
        "QLinearConv": (1, 2, 4, 5, 6, 7),
        "QLinearMatMul": (1, 2, 4, 5, 6, 7),
        "QMoE": (3, 6, 9, *range(11, 21)),
        "QuantizeLinear": (1, 2),
        "RNN": (4, 5),
        "Range": (0, 1, 2),
        "ReduceMax": (1,),
        "ReduceMean": (1,),
        "ReduceMin": (1,),
        "ReduceProd": (1,),
        "ReduceSum": (1,),
        "Reshape": (1,),
        "Resize": (1, 2, 3),
        "ScatterElements": (1,),
        "ScatterND": (1,),
        "Slice": (1, 2, 3, 4),
        "Split": (1,),
        "Squeeze": (1,),
        "Tile": (1,),
        "TopK": (1,),
        "Trilu": (1,),
        "Unsqueeze": (1,),
        "Upsample": (1,),
        "Where": (0,),
    }.items()
}
"""Inputs, by operator, that set how it works, or are scales, states and statistics: never weights."""

QUANTISED_WEIGHTS = frozenset(
    Use(operator, position)
    for operator, positions in {
        "ConvInteger": (1,),
        "DequantizeBFP": (0,),
        "DequantizeLinear": (0,),
        "DynamicQuantizeLSTM": (1, 2),
        "DynamicQuantizeMatMul": (1,),
        "GatherBlockQuantized": (0,),
        "MatMulBlockQuantizedFp4Weight": (1,),
        "MatMulBlockQuantizedFp8Weight": (1,),
        "MatMulBnb4": (1,),
        "MatMulFpQ4": (1,),
        "MatMulInteger": (0, 1),
        "MatMulIntegerToFloat": (0, 1),
        "MatMulNBits": (1,),
        "MatMulNBitsMlp": (3, 6),
        "MatMulNBitsQkv": (3, 6, 9),
        "QAttention": (1,),
        "QEmbedLayerNormalization": (2, 3, 4, 5, 6),
        "QGemm": (3, 6),
        "QLinearConv": (3, 8),
        "QLinearMatMul": (0, 3),
        "QMoE": (2, 5, 8),
    }.items()
    for position in positions
)
"""Inputs whose integers are weights."""

ARITHMETIC = frozenset(("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Equal", "Greater", "Less", "Where", "Mod"))

"""A layer that no framework has: a dense layer as the product of two thin matrices."""

from paramcount import Dim, Flag, Formula, Input, Tensor, axis_length, layer, require


@layer("lowrank.LowRankDense", ignores="activation")
def low_rank_dense(inputs: Input, units: Dim, rank: Dim, use_bias: Flag = True) -> Formula:
    """y = x U V + b, with U of `rank` columns: fewer weights than a Dense where rank is small."""
    features = axis_length(inputs)
    require(rank <= min(features, units), f"must be at most {min(features, units)} to save anything", "rank")
    yield Tensor("U", (features, rank))
    yield Tensor("V", (rank, units))
    if use_bias:
        yield Tensor("bias", (units,))
    return (*inputs[:-1], units)

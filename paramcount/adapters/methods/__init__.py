"""PEFT's methods, a family a file; formulas are those of peft 0.21.2's tuners."""

from paramcount.adapters.methods import low_rank, lycoris, orthogonal, prompts, scaling, sparse, vectors

__all__ = ["low_rank", "lycoris", "orthogonal", "prompts", "scaling", "sparse", "vectors"]

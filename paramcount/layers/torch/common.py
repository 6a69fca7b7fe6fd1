"""Names and bounds that many torch modules share."""

FACTORY = "device dtype"
"""Constructor arguments of every module with parameters, which change no shape."""

MAX_STACKED_LAYERS = 1000
"""The bound on `num_layers`: each layer of a stack has tensors of its own."""

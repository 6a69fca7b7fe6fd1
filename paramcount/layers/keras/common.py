"""Names that many Keras layers share: constructor arguments that change no tensor, and spatial ranks."""

KERNEL = "kernel_initializer kernel_regularizer kernel_constraint"
BIAS = "bias_initializer bias_regularizer bias_constraint"
DEPTHWISE = "depthwise_initializer depthwise_regularizer depthwise_constraint"
POINTWISE = "pointwise_initializer pointwise_regularizer pointwise_constraint"
RECURRENT = "recurrent_initializer recurrent_regularizer recurrent_constraint"
GAMMA = "gamma_initializer gamma_regularizer gamma_constraint"
BETA = "beta_initializer beta_regularizer beta_constraint"
EMBEDDINGS = "embeddings_initializer embeddings_regularizer embeddings_constraint"

SPATIAL_AXES = {1: "one axis", 2: "two axes", 3: "three axes"}
"""The spatial axes of a layer whose class is named by their number: 1D, 2D, 3D."""

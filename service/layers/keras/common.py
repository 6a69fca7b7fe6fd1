"""Names of constructor arguments that many layers have and that change no tensor."""

KERNEL = "kernel_initializer kernel_regularizer kernel_constraint"
BIAS = "bias_initializer bias_regularizer bias_constraint"

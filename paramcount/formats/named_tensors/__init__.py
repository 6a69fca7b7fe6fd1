"""Formats that list tensors by name: one tensor, their tree, the document of a PyTorch model."""

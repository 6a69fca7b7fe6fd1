"""Formats that list tensors by name: checkpoint tensors, their tree, the manifest of a PyTorch model."""

"""Shapes in, numbers out."""

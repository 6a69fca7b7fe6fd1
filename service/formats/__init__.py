"""The formats: importing this registers them."""

from service.formats import keras, native

__all__ = ["keras", "native"]

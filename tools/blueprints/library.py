"""The library whose classes are compiled: transformers, or the one that the environment names."""

import os

LIBRARY = os.environ.get("BLUEPRINTS_LIBRARY", "transformers")

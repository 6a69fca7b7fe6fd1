"""What every test stands on: the registries, filled and closed as at the start of the service."""

import os

from hypothesis import settings

from paramcount.schema.registry import load_plugins

load_plugins()
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("person", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "person")

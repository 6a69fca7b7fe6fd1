"""What every test stands on: the registries, filled and closed as at the start of the service."""

from service.registry import load_plugins

load_plugins()

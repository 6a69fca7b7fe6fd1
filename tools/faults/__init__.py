"""Faults, injected while the service is under load."""

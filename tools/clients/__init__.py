"""Clients generated from openapi.yaml, and linters of it."""

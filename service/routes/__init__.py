"""The routes, each declared beside its view."""

"""Attacks on a running service, with good requests and restarts beside them."""

"""The example gateways, tried with the real programs."""

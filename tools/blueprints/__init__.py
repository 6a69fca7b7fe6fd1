"""Compiles transformers' classes into blueprints: run on symbolic configs, learn, verify against the classes."""

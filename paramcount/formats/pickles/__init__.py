"""Pickles, interpreted by a machine that executes nothing and resolves no name."""

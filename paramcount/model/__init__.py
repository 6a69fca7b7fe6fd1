"""Data types that all packages share; standard library only."""

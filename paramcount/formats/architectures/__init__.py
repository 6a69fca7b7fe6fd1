"""Models that a library builds of a name and a few arguments: what it builds, from tables."""

"""A check that clients of the released contract can live with the one that is served now."""

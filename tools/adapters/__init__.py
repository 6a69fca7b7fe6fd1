"""Writes the data of paramcount/adapters: what no shape shows, as default targets and the kinds of modules."""

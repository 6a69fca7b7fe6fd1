"""Cases of the tests and the oracles: tables of layers, Keras documents with their counts, reports to render."""

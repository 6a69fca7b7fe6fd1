"""Writes down what PEFT and transformers say that no tensor's shape shows: default targets, kinds of modules."""

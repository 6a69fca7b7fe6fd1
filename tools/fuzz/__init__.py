"""Fuzzing: any bytes give a report or a problem."""

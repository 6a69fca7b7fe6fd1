"""Schemas and validators, made of the signatures of formulas."""

"""A signature becomes a schema becomes a validator."""

"""The steps around every request; each module's `register` adds its own to an app."""

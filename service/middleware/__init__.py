"""What surrounds every request; each module's `register` adds it to an app."""

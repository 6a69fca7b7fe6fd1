"""The container image: built and tried without a daemon and without an image registry."""

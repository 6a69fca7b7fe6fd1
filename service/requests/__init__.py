"""The parts of a request: its query string, its body, files, and the media types that it states."""

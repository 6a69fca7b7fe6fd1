"""Connections of clients: no thread waits for a slow client while the worker has room for what it sends or reads."""

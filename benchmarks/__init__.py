"""The cost of the service, against the floor and against the peers; `make bench`."""

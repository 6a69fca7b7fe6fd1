"""What the service costs, against the floor and against the peers; `make bench`."""

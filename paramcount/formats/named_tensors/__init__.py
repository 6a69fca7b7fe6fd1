"""What formats that hold tensors by name share."""

"""A request as data: loaded, carried out, answered."""

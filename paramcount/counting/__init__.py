"""Count the parameters of a document's layers."""

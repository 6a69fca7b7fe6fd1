"""Long batches against the service as it runs in production."""

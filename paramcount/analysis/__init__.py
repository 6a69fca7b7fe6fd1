"""Results derived from reports: comparisons, views by convention, the memory of training."""

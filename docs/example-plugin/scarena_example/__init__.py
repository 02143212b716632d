"""A model, a metric and a dataset of another package."""

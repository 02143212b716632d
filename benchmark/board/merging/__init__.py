"""One board of several finished ones, joined by the names of datasets, models and runs."""

"""Sources: where data comes from, as small values that `ingest` takes."""

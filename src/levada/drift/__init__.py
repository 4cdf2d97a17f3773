"""Drift: how far two distributions of a column are apart, and whether chance explains it."""

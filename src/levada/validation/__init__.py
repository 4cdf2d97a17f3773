"""Validation: where data departs from what it should be."""

"""Splits: which rows of a data set are for training, evaluation, test."""

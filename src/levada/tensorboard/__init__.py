"""TensorBoard: one more reader of journals. Every curve that a component reports becomes an event file, also while it
is trained; nothing is written for it when a model is.
"""

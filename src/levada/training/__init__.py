"""Training: a description of what is trained, and what does it."""

"""TensorBoard: one more reader of journals. What a component reports step by step becomes an event file."""

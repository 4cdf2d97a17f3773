"""Models on their way to where they are served, and back: placed, signed, made live, kept or removed."""

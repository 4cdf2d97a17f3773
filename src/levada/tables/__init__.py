"""What holds for Arrow tables anywhere: their types, and hashes of their values."""

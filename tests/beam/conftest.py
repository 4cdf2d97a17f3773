"""Some of these tests start worker processes and take long."""

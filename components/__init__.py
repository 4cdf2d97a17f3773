"""This project's own components: what a user of Levada writes, with the public API only."""

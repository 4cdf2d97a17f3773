"""Schemas: what data should look like; proposed from statistics."""

"""Profiles of examples: what is counted while data is read once, in pieces that merge in any order."""

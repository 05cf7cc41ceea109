"""Saving and loading: whole or not at all, and nothing that runs code."""

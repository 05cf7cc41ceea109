"""Data sources: each reads one kind of place into a ``datasets.Dataset``."""

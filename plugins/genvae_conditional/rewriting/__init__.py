"""Rewriting: an item's content under other conditions."""

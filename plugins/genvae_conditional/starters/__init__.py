"""Starter models that ship with the plugin."""

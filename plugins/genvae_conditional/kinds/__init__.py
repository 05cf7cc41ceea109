"""Kinds of condition: one of several values, flags, a number, free text."""

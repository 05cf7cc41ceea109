"""Objectives for items of which conditions are known, partly known, or to be left out."""

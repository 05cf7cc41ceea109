"""What text_both.py measures: one model that says again what it read and says new things fluently."""

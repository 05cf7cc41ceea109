"""Measures of sentence models. A measure's docstring is what a report says of its figures."""

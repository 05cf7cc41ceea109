"""Measures of models of pictures. A measure's docstring is what a report says of its figures."""

"""Conditional generation: kinds of condition, and what is learned, measured and steered by them, in every modality."""

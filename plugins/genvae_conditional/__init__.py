"""Conditional generation: kinds of condition, and what is learned, measured and steered with them, for every modality."""

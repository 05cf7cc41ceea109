"""Pictures, and their split into content and style, as a genvae plugin."""

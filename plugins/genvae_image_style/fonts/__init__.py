"""Fonts in and out: letters of a font file as pictures, and pictures of letters as outlines and a font file."""

from genvae_image_style.fonts.export import letter_svg, to_font, to_svg
from genvae_image_style.fonts.ink import as_ink, polarity
from genvae_image_style.fonts.outline import Contour, Outline, rasterise
from genvae_image_style.fonts.render import LETTERS, open_face, render_font
from genvae_image_style.fonts.tracing import trace

__all__ = [
    "LETTERS", "Contour", "Outline", "as_ink", "letter_svg", "open_face", "polarity", "rasterise", "render_font",
    "to_font", "to_svg", "trace",
]  # fmt: skip

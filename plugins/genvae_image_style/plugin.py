"""What this plugin registers."""

from __future__ import annotations

from genvae.host import ModalityPart, OperationPart, Part, SourcePart, hookimpl

genvae_api = "1.0"

MODALITY = ModalityPart(
    id="image", factory=f"{__package__}.settings:ImageSettings", rendering=f"{__package__}.rendering:Rendering",
    summary="pictures, grey or in colour", media="image/png",
)  # fmt: skip

SOURCES = [
    SourcePart(id=name, factory=f"{__package__}.reading.{place}", summary=text, endings=endings, folder=folder)
    for name, place, text, endings, folder in (
        ("idx", "idx:read_idx", "IDX files, as MNIST's, with the labels beside them",
         ("idx3-ubyte", "idx1-ubyte"), True),
        ("npz", "npz:read_npz", "arrays of pictures and what is known of them", (".npz",), False),
        ("pictures", "folder:read_pictures", "picture files, by folders of contents or of styles and contents",
         (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"), True),
        ("fonts", "typefaces:read_fonts", "font files, a picture each letter", (".ttf", ".otf"), True),
    )
]  # fmt: skip

ARCHITECTURES = [
    Part(kind="architecture", id=name, factory=f"{__package__}.architectures.{place}", modality="image", summary=text)
    for name, place, text in (
        ("image-mlp", "mlp:MLPSettings", "fully connected encoder and decoder"),
        ("image-conv", "conv:ConvSettings", "strided convolutions down to about 4 x 4 and up again"),
        ("image-residual", "residual:ResidualSettings", "residual blocks at each resolution"),
        ("image-ladder", "ladder:LadderSettings", "latents z1 ... zL, vectors or maps; for prior and posterior ladder"),
        ("image-linear", "linear:LinearSettings", "principal components of each value of a condition, and a filter"),
        ("content-style", "split:ContentStyleSettings", "blocks content and style; style changes how content is drawn"),
        ("letters", "letters:LettersSettings", "letters by their label, in a style that a font shares"),
        ("letters-flat", "flat_letters:FlatLettersSettings", "the same by layers of their own for each letter"),
    )
]

CORRUPTIONS = [
    Part(kind="corruption", id="restyle", factory=f"{__package__}.restyling:Restyle", modality="image",
         summary="pictures of a group leant, stretched, made heavier or lighter alike"),
]  # fmt: skip

TERMS = [
    Part(kind="term", id="texture", factory=f"{__package__}.texture:TextureSettings", modality="image",
         summary="a picture in another's style must have its strokes' width and lean: its autocorrelation"),
]  # fmt: skip

STARTER = Part(kind="starter", id="typefaces", factory=f"{__package__}.starters:typefaces", modality="image",
               summary="A-Z, a-z and 0-9 in the style of a few of them")  # fmt: skip

OPERATIONS = [
    OperationPart(
        id="complete", request=f"{__package__}.completing:Complete", factory=f"{__package__}.completion:complete",
        modality="image", summary="all letters of a typeface, drawn in the style of a few", renders=True,
        examples=(
            "genvae complete typefaces --examples A=a.png B=b.png R=r.png S=s.png --output sheet.png",
            "genvae complete typefaces --font my.ttf --letters ABRS --output sheet.svg",
            "genvae complete typefaces --font my.ttf --letters ABRS --redraw --family Mine --output mine.ttf",
        ),
    )
]  # fmt: skip

MEASURES = [
    Part(kind="measure", id=name, factory=f"{__package__}.measures.{place}", modality="image", summary=text)
    for name, place, text in (
        ("image-error", "errors:image_error", "error of pictures decoded from their posterior mean"),
        ("sharpness", "errors:sharpness", "sharpness of samples and reconstructions, beside the data's"),
        ("neighbours", "samples:neighbours", "precision, recall, density and coverage of samples"),
        ("image-distance", "samples:distance", "Frechet distance on features of a locally trained classifier"),
        ("class-histogram", "samples:class_histogram", "what samples show, beside what the data shows"),
        ("split", "split:split", "what a probe reads from the blocks content and style"),
        ("swap", "split:swap", "is the content of one picture kept in the style of another?"),
        ("true-swap", "split:true_swap", "error of swaps against the true pictures, where the data has them"),
    )
]


@hookimpl
def genvae_parts() -> list[Part]:
    """The image modality, its sources, architectures, corruptions, terms, operation and measures."""
    return [MODALITY, STARTER, *SOURCES, *ARCHITECTURES, *CORRUPTIONS, *TERMS, *OPERATIONS, *MEASURES]

"""What may not be emitted next."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from genvae.core.decoding.options import Decoding
from genvae.core.symbols import Symbols

NEVER = float("-inf")


def constrain(logits: Float[Tensor, "n v"], written: Int[Tensor, "n t"], options: Decoding) -> Float[Tensor, "n v"]:
    """Logits with what the options forbid after ``written`` (t symbols so far) at minus infinity, in place.

    A row that may emit nothing any more may end, however short it is.
    """
    logits[:, [Symbols.PAD, Symbols.BEGIN, Symbols.MASK]] = NEVER
    if not options.allow_unknown:
        logits[:, Symbols.UNKNOWN] = NEVER
    length = written.shape[1]
    if length < options.min_length:
        logits[:, Symbols.END] = NEVER
    size = options.no_repeat_ngram
    if size and length >= size:
        windows = written.unfold(1, size, 1)  # every run of `size` symbols so far
        recent = written[:, length - size + 1 :]
        repeats = (windows[..., :-1] == recent[:, None]).all(-1)
        banned = windows[..., -1]
        rows, places = repeats.nonzero(as_tuple=True)
        forbidden = banned[rows, places]
        ordinary = forbidden >= Symbols.COUNT  # the end may always come
        logits[rows[ordinary], forbidden[ordinary]] = NEVER
    if length < options.min_length:
        stuck = logits.amax(-1) == NEVER
        logits[stuck, Symbols.END] = 0.0
    return logits

"""Distance of the samples from text in the space of a pretrained sentence encoder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genvae.data.batching import some
from genvae.errors import LacksCapability, SettingError
from genvae.evaluation.evaluation import Evaluation
from genvae.evaluation.frechet import frechet
from genvae.evaluation.moments import Moments
from genvae_sentence.measures.tokens import portions

ENCODED = 64  # lines encoded at once
LONGEST = 128  # symbols of a line that the encoder reads


class Encoder:
    """A transformer encoder from a folder; a line's vector is the mean of its symbols' last vectors.

    The folder has transformers' layout, weights as safetensors; no code from it is run. Raises SettingError when
    transformers is missing or the folder holds no such model.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            from transformers import AutoModel, AutoTokenizer  # seconds to import
            from transformers.utils import logging
        except ImportError:
            raise SettingError("encoder needs transformers: pip install 'genvae[encoder]'") from None
        path = str(Path(folder).expanduser())
        only: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(path, **only)
            self.model = AutoModel.from_pretrained(path, use_safetensors=True, **only).eval().requires_grad_(False)
        except (OSError, ValueError, KeyError) as error:
            said = " ".join(str(error).split())[:160]
            raise SettingError(f"encoder = {str(folder)!r} cannot be loaded ({said})") from None
        finally:
            if shown:
                logging.enable_progress_bar()

    @torch.no_grad()
    def vectors(self, lines: list[str]) -> Float[Tensor, "n d"]:
        """One vector a line, of length 1."""
        read = self.tokenizer(lines, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
        states = self.model(**read).last_hidden_state
        there = read["attention_mask"][..., None].to(states.dtype)
        means: Tensor = (states * there).sum(1) / there.sum(1).clamp(min=1)
        return torch.nn.functional.normalize(means, dim=-1)

    def moments(self, lines: Iterable[str]) -> Moments:
        """Mean and covariance of the lines' vectors."""
        found = Moments(full=True)
        for part in portions(lines, ENCODED):
            found.add(self.vectors(part))
        return found


def embedding(evaluation: Evaluation) -> dict[str, Any]:
    """``frechet_distance`` of the samples' from as many evaluated lines' vectors under a pretrained encoder (mean of
    the last layer, length 1): the distance of two Gaussians (Heusel et al. 2017), in the square of that length. It
    has a bias that falls with the number of lines (``frechet_lines``), so it stands beside
    ``frechet_distance_data``, that of as many of the judge's lines, where there are any."""
    if not evaluation.generated or not evaluation.encoder:
        return {}
    judge = evaluation.judge
    count = min(evaluation.generated, evaluation.count, *([] if judge is None else [len(judge)]))
    if count < 2:
        raise LacksCapability("a distance of distributions needs at least two samples and two lines")
    encoder = Encoder(evaluation.encoder)
    real = encoder.moments(evaluation.some_items(count))
    figures = {
        "frechet_lines": count, "frechet_distance": frechet(encoder.moments(evaluation.drawn[:count]), real)
    }  # fmt: skip
    if judge is not None:
        chosen = set(some(np.arange(len(judge)), count, evaluation.seed).tolist())
        figures["frechet_distance_data"] = frechet(
            encoder.moments(line for row, line in enumerate(judge) if row in chosen), real
        )
    return figures

"""An evaluation of a folder's model on some lines, as the operation makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from genvae.core.decoding.options import Decoding
from genvae.data.batching import Batches
from genvae.data.prepare import prepare
from genvae.data.read import read
from genvae.evaluation.evaluation import Evaluation
from genvae.host import default_host
from genvae.service import load


def evaluation(folder: str | Path, lines: list[str], **more: Any) -> Evaluation:
    bundle = load(folder)._service.bundle(str(folder))
    data = bundle.recipe.modality_settings().select(read(lines, default_host()))[0]
    batches = Batches(prepare(data, bundle.modality), np.arange(len(lines)), bundle.modality, batch_size=4)
    given = {"options": Decoding(), "plain": Decoding(), **more}
    return Evaluation(bundle.vae, bundle.modality, "sentence", batches, **given)

"""pythae's side (Chadebec et al., "Pythae: Unifying Generative Autoencoders in Python", 2022): its trainer on the same
LSTM VAE.

pythae has no model of text, so the model is a BaseAE of ours around the textbook's, and its data are sequences of one
fixed length, as its datasets are: every line padded to the longest. It is installed beside the project, never a
dependency of it.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import Any

VERSION = "0.1.2"


def environment(install: bool = True) -> tuple[str, str]:
    """A Python that has pythae and everything that this one has, and '' or why there is none."""
    folder = Path(tempfile.gettempdir()) / f"genvae-benchmarks-pythae-{VERSION}"
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        if not install:
            return "", "pythae is not installed yet"
        venv.create(folder, with_pip=True)
        (site,) = (folder / "lib").glob("python*/site-packages")
        # what is installed here serves there, too, so that torch is the same
        (site / "here.pth").write_text(sysconfig.get_path("purelib") + "\n")
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"pythae=={VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return "", f"pythae cannot be installed: {' '.join(done.stderr.split())[-200:]}"
        ready.touch()
    return str(python), ""


def run(data: str, size: tuple[int, int, int], batch: int, steps: int, threads: int) -> dict[str, Any]:
    """Train for some steps; answers the target tokens that were in them."""
    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models.base import BaseAE, BaseAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    from benchmarks.text.textbook import TextbookVAE, padded, sentences

    rows, symbols = sentences(Path(data))

    class TextVAE(BaseAE):
        """The textbook's model in pythae's frame."""

        def __init__(self, config: Any) -> None:
            torch.nn.Module.__init__(self)
            self.model_name, self.model_config = "TextVAE", config
            self.inner = TextbookVAE(symbols, *size)

        def forward(self, inputs: Any, **_: Any) -> Any:
            return ModelOutput(loss=self.inner(inputs["data"].long()))

        def save(self, dir_path: str) -> None:
            """Nothing is kept."""

    torch.set_num_threads(threads)
    whole = padded(rows)
    # the trainer counts in epochs: as many rows as the steps need, once
    taken = [number % len(rows) for number in range(batch * steps)]
    words = whole[taken]
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder, num_epochs=1, per_device_train_batch_size=batch, learning_rate=1e-3,
            optimizer_cls="Adam", no_cuda=True, train_dataloader_num_workers=0,
        )  # fmt: skip
        config = BaseAEConfig(input_dim=(words.shape[1],), latent_dim=size[2])
        trainer = BaseTrainer(TextVAE(config), BaseDataset(words, torch.zeros(len(words))), training_config=settings)
        trainer.train()
    model = trainer.model
    return {"tokens": sum(len(rows[n]) + 1 for n in taken), "weights": sum(p.numel() for p in model.parameters())}


if __name__ == "__main__":
    sys.stdout.write(" ".join(environment()) + "\n")

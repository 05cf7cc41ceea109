"""pythae's side of the training speed: its trainer, its VAE, its own networks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any


def run(data: str, kind: str, batch: int, steps: int, threads: int) -> dict[str, Any]:
    """Train for some steps; answers the pictures that were in them."""
    import numpy as np
    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.nn.benchmarks.mnist import Decoder_Conv_AE_MNIST, Encoder_Conv_VAE_MNIST
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    from benchmarks.image.networks import LATENT
    from benchmarks.image.place import idx

    torch.set_num_threads(threads)
    whole = torch.from_numpy(np.array(idx(Path(data)))).float().div_(255.0)[:, None]
    # the trainer counts in epochs: as many pictures as the steps need, once
    taken = torch.arange(batch * steps) % len(whole)
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT, reconstruction_loss="bce")
    networks = {"encoder": Encoder_Conv_VAE_MNIST(config), "decoder": Decoder_Conv_AE_MNIST(config)}
    model = VAE(config, **(networks if kind == "conv" else {}))
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder, num_epochs=1, per_device_train_batch_size=batch, learning_rate=1e-3,
            optimizer_cls="Adam", no_cuda=True, train_dataloader_num_workers=0,
        )  # fmt: skip
        dataset = BaseDataset(whole[taken], torch.zeros(len(taken)))
        BaseTrainer(model, dataset, training_config=settings).train()
    return {"images": batch * steps, "weights": sum(p.numel() for p in model.parameters())}

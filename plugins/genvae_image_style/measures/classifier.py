"""A judge of pictures: a small convolutional classifier that knows nothing of the models it judges.

Its labels say what a picture shows, its last hidden layer is a space to compare pictures in. It takes a minute or two
to train on 60,000 pictures of 28 x 28 on two cores, so its weights are kept in the cache.
"""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from genvae.data.batching import split
from genvae.errors import LacksCapability
from genvae.evaluation.kept import keep, place_of, restored
from genvae.progress import Silent
from genvae.settings import setting
from genvae_image_style.measures.formulas import Pictures, numbers

VERSION = 1  # of network and training: part of the cache's key
FEWEST = 20  # pictures a judge can be trained on
READ = 512  # pictures judged at once
SMALLEST = 4  # side of the map that the hidden layer reads, at most
WIDEST = 128  # channels of a layer, at most


@dataclass(frozen=True, kw_only=True)
class ClassifierSettings:
    """Size and training of the judge."""

    width: int = setting(32, help="channels of the first layer; each next one has twice as many, to 128", ge=1)
    features: int = setting(64, help="width of the last hidden layer", ge=1)
    dropout: float = setting(0.3, help="of the last hidden layer", ge=0.0, lt=1.0)
    shift: int = setting(1, help="pixels that pictures are moved by at most while it learns", ge=0)
    noise: float = setting(
        0.0, help="most noise that is added to a picture while it learns, a standard deviation in [0, 1]: so what it "
        "learns from can't tell by traces that no eye sees", ge=0.0, le=1.0,
    )  # fmt: skip
    learning_rate: float = setting(3e-3, help="of Adam at its highest; it falls to 0", gt=0)
    batch_size: int = setting(128, help="pictures of one step", ge=2)
    epochs: int = setting(30, help="most passes over the pictures", ge=1)
    pictures: int = setting(300_000, help="most pictures to train on, all passes together", ge=1)
    patience: int = setting(3, help="passes in a row that are no better, and end the training", ge=1)
    held_out: float = setting(0.05, help="share of the pictures that says when to stop", gt=0.0, lt=1.0)
    seed: int = setting(0, help="of weights, order, dropout and the held-out part", ge=0)


class _Network(nn.Module):
    """Convolutions of 3 x 3, each followed by batch normalisation and a halving, down to a map of at most 4 x 4."""

    def __init__(self, channels: int, size: tuple[int, int], classes: int, chosen: ClassifierSettings) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        height, width = size
        inside, outside = channels, chosen.width
        while max(height, width) > SMALLEST and min(height, width) > 1:
            convolution = nn.Conv2d(inside, outside, 3, padding=1, bias=False)
            layers += [convolution, nn.MaxPool2d(2), nn.BatchNorm2d(outside), nn.ReLU()]
            inside, outside, height, width = outside, min(2 * outside, WIDEST), height // 2, width // 2
        self.maps = nn.Sequential(*layers)
        self.hidden = nn.Linear(inside * height * width, chosen.features)
        self.dropout = nn.Dropout(chosen.dropout)
        self.last = nn.Linear(chosen.features, classes)

    def features(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d"]:
        """The last hidden layer."""
        return functional.relu(self.hidden(self.maps(pictures).flatten(1)))

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Logits."""
        logits: Tensor = self.last(self.dropout(self.features(pictures)))
        return logits


class Classifier:
    """Trained on pictures, uint8 arrays (n, h, w) or (n, h, w, 3), and what each shows; ``reporter`` is a
    ``genvae.progress.Reporter``.

    Raises LacksCapability for fewer than ``FEWEST`` pictures or one class alone, and DataError when the cache cannot
    be written.
    """

    def __init__(
        self,
        pictures: Pictures,
        labels: Sequence[str],
        settings: ClassifierSettings | None = None,
        *,
        cached: bool = True,
        reporter: Any = None,
    ) -> None:
        self.settings = settings or ClassifierSettings()
        if len(pictures) < FEWEST:
            raise LacksCapability(f"a judge needs at least {FEWEST} pictures to learn from; there are {len(pictures)}")
        self.classes = tuple(sorted(set(labels)))
        if len(self.classes) < 2:
            raise LacksCapability(f"a judge needs pictures of two contents or more; all show {self.classes[0]!r}")
        of_label = {label: number for number, label in enumerate(self.classes)}
        wanted = np.array([of_label[label] for label in labels], dtype=np.int64)
        channels = pictures.shape[3] if pictures.ndim == 4 else 1
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            size = (pictures.shape[1], pictures.shape[2])
            self._network = _Network(channels, size, len(self.classes), self.settings)
            place = place_of(self._key(pictures, wanted)) if cached else None
            if place is None or not restored(self._network, place):
                self._train(pictures, torch.from_numpy(wanted), reporter or Silent())
                if place is not None:
                    keep(self._network, place)
        self._network.eval().requires_grad_(False)
        _laid_out(self._network)

    # -- the judge -------------------------------------------------------------------------------

    @torch.no_grad()
    def logits(self, pictures: Pictures) -> Float[Tensor, "n k"]:
        """What it says of each class of each picture."""
        self._network.eval()
        parts = [self._network(numbers(pictures[i : i + READ])) for i in range(0, len(pictures), READ)]
        return torch.cat(parts)

    def predicted(self, pictures: Pictures) -> list[str]:
        """What each picture shows."""
        return [self.classes[number] for number in self.logits(pictures).argmax(1).tolist()]

    def accuracy(self, pictures: Pictures, labels: Sequence[str]) -> float:
        """The share of pictures that it knows; a label that it has never seen is a mistake."""
        return float(np.mean([said == label for said, label in zip(self.predicted(pictures), labels, strict=True)]))

    @torch.no_grad()
    def features(self, pictures: Pictures) -> Float[Tensor, "n d"]:
        """The last hidden layer for each picture."""
        self._network.eval()
        return torch.cat(
            [self._network.features(numbers(pictures[i : i + READ])) for i in range(0, len(pictures), READ)]
        )

    # -- its training ----------------------------------------------------------------------------

    def _train(self, pictures: Pictures, wanted: Int[Tensor, " n"], reporter: Any) -> None:
        """Adam with a rate that rises for a tenth of the steps and then falls to 0; the best weights by the held-out
        part are kept."""
        chosen, network = self.settings, self._network
        _laid_out(network)
        rows, held = split(len(pictures), chosen.held_out, chosen.seed)
        batch = min(chosen.batch_size, max(len(rows) // 8, 8), len(rows))  # of few pictures some steps a pass
        each = len(rows) // batch  # steps of a pass; the rest of the pictures comes in another
        epochs = max(1, min(chosen.epochs, round(chosen.pictures / (each * batch))))
        total = epochs * each
        optimizer = torch.optim.Adam(network.parameters(), lr=chosen.learning_rate, fused=True)
        generator, noise = (np.random.default_rng([chosen.seed, *more]) for more in ((), (1,)))
        best, since, weights, done = math.inf, 0, copy.deepcopy(network.state_dict()), 0
        reporter.begin("judge", total * batch, 0)
        for _ in range(epochs):
            network.train()
            for part in np.split(generator.permutation(rows)[: each * batch], each):
                moved = _noisy(_moved(numbers(pictures[part]), chosen.shift, generator), chosen.noise, noise)
                loss = functional.cross_entropy(network(moved), wanted[part])
                rate = min((done + 1) / (0.1 * total), (total - done) / (0.9 * total), 1.0)
                optimizer.param_groups[0]["lr"] = chosen.learning_rate * rate
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                done += 1
                reporter.advance(done * batch, "")
            found = float(functional.cross_entropy(self.logits(pictures[held]), wanted[held]))
            if found < best:
                best, since, weights = found, 0, copy.deepcopy(network.state_dict())
            else:
                since += 1
                if since >= chosen.patience and done > total / 2:  # before, the rate is high and nothing is settled
                    break
        network.load_state_dict(weights)
        reporter.end()

    def _key(self, pictures: Pictures, wanted: NDArray[np.int64]) -> str:
        digest = hashlib.sha256(repr((VERSION, torch.__version__, asdict(self.settings), self.classes)).encode())
        digest.update(repr(pictures.shape).encode())
        digest.update(pictures.tobytes())
        digest.update(wanted.tobytes())
        return digest.hexdigest()[:32]


def _laid_out(network: nn.Module) -> None:
    """Weights with channels last in memory, which takes a third less time; after they are read, for what is read is
    laid out as it is saved."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _moved(pictures: Float[Tensor, "n c h w"], most: int, generator: np.random.Generator) -> Float[Tensor, "n c h w"]:
    """A batch moved by some pixels, all pictures alike; what comes in at the border is the border again."""
    if not most:
        return pictures
    down, right = generator.integers(0, 2 * most + 1, size=2)
    height, width = pictures.shape[2:]
    return functional.pad(pictures, (most,) * 4, mode="replicate")[..., down : down + height, right : right + width]


def _noisy(pictures: Float[Tensor, "n c h w"], most: float, generator: np.random.Generator) -> Float[Tensor, "n c h w"]:
    """Each picture with noise of its own strength, from none to the most."""
    if not most:
        return pictures
    strength = most * generator.random((len(pictures), 1, 1, 1), dtype=np.float32)
    return pictures + torch.from_numpy(strength * generator.standard_normal(pictures.shape, dtype=np.float32))

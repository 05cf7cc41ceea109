"""The pictures of the benchmarks, on whatever device they are trained on.

They come from the folder of data (``$GENVAE_DATA`` or ../shared/data), or from one that

    python -m benchmarks.image.arrays FOLDER

has packed for a machine without it, where MNIST is trained on. Letters of 64 x 64 are drawn from the fonts that are
installed here.
"""

from __future__ import annotations

import io
import lzma
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.image.place import data_folder, idx
from genvae.core.batch import Batch
from genvae.data.batching import Batches
from genvae.errors import DataError
from genvae_image_style.modality import LABEL, Image
from genvae_image_style.starters.corpus import held_out

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
FONTS = Path("/usr/share/fonts")
VENDORS = ("Twemoji", "Noto", "Fluent flat", "EmojiOne 2", "Noto v1")


@dataclass(frozen=True)
class Pictures:
    """uint8, (n, h, w) or (n, h, w, 3), with what each shows and by whose hand it is, as text ("" where unknown)."""

    images: NDArray[np.uint8]
    content: NDArray[np.str_]
    style: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Any) -> Pictures:
        """Some of them."""
        return Pictures(self.images[rows], self.content[rows], self.style[rows])

    def npz(self, path: Path) -> Path:
        """Write them where genvae's own source reads them."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, images=self.images, content=self.content, style=self.style)
        return path


def parts(name: str, folder: Path | None = None) -> tuple[Pictures, Pictures]:
    """The training part and the test part of "mnist", "fashion", "emoji" or "letters"."""
    folder = folder or data_folder()
    packed = folder / f"{name}.xz"
    if packed.is_file():
        with np.load(io.BytesIO(lzma.decompress(packed.read_bytes())), allow_pickle=False) as file:
            both = [Pictures(*(file[f"{part}_{key}"] for key in ("images", "content", "style")))
                    for part in ("train", "test")]  # fmt: skip
        return both[0], both[1]
    makers = {"mnist": _digits, "fashion": _digits, "emoji": _emoji, "letters": _letters}
    try:
        return makers[name](name, folder)
    except OSError as error:
        raise DataError(
            f"{name} is not in {folder} ({error.strerror or error}); GENVAE_DATA names the folder"
        ) from None


def _digits(name: str, folder: Path) -> tuple[Pictures, Pictures]:
    place = folder / "image" / {"mnist": "mnist", "fashion": "fashion-mnist"}[name]
    found = []
    for part in ("train", "t10k"):
        images, labels = (idx(place / f"{part}-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1"))
        found.append(Pictures(images, labels.astype(str), np.full(len(images), "")))
    return found[0], found[1]


def _emoji(name: str, folder: Path) -> tuple[Pictures, Pictures]:
    with np.load(folder / "image" / "emoji" / "emoji5.npz", allow_pickle=False) as file:
        images, names = file["A"], file["names"].astype(str)
    every = Pictures(
        images.reshape(-1, *images.shape[2:]), np.repeat(names, len(VENDORS)), np.tile(VENDORS, len(names))
    )
    test = np.array([held_out(content) for content in every.content])
    return every.take(~test), every.take(test)


def _letters(name: str, folder: Path) -> tuple[Pictures, Pictures]:
    from genvae_image_style.fonts.render import render_font

    images, contents, styles = [], [], []
    for path in sorted(FONTS.rglob("*.ttf")):
        try:
            drawn = render_font(path, LETTERS, 64)
        except DataError:
            continue  # a font without these letters
        images += [np.asarray(drawn[letter]) for letter in LETTERS]
        contents += list(LETTERS)
        styles += [path.stem] * len(LETTERS)
    if not images:
        raise DataError(f"no font with all of A-Z, a-z and 0-9 is in {FONTS}")
    every = Pictures(np.stack(images), np.array(contents), np.array(styles))
    test = np.array([held_out(style) for style in every.style])
    return every.take(~test), every.take(test)


class Held:
    """Pictures on a device, and batches that are cut out of them there, as the modality's own ``Memory`` does it."""

    def __init__(self, modality: Image, pictures: Pictures, device: torch.device) -> None:
        self.modality = modality
        planes = torch.from_numpy(np.array(pictures.images)).to(device)  # a copy: what a file gave is read-only
        grey = planes.dim() == 3
        self.planes: Tensor = planes[:, None] if grey else planes.permute(0, 3, 1, 2).contiguous()
        self.label: Tensor | None = None
        self.group: Tensor | None = None
        self.named: NDArray[np.int64] | None = None
        if modality.labels:
            number = {content: place for place, content in enumerate(modality.contents)}
            self.label = torch.tensor([number.get(content, -1) for content in pictures.content.tolist()], device=device)
        if modality.group != "none":
            values = pictures.content if modality.group == "content" else pictures.style
            self.named = np.unique(values, return_inverse=True)[1].astype(np.int64)
            self.group = torch.from_numpy(self.named).to(device)

    def __len__(self) -> int:
        return len(self.planes)

    @property
    def column_names(self) -> list[str]:
        """As a table of examples: what ``Batches`` asks of one."""
        return ["cost"] if self.named is None else ["cost", "group"]

    def __getitem__(self, column: str) -> list[int]:
        return [1] * len(self) if column == "cost" else [] if self.named is None else self.named.tolist()

    def batch(self, rows: Tensor) -> Batch:
        """The batch of some rows, which lie on the device; their numbers are the keys of its draws."""
        values = self.planes.index_select(0, rows).to(torch.float32).div_(255.0)
        conditions = {}
        if self.label is not None:
            every = torch.arange(len(self.modality.contents), device=rows.device)
            conditions = {LABEL: (self.label[rows][:, None] == every).to(torch.float32)}
        return Batch(
            views={"input": values, "target": values}, items=rows, cost=torch.ones(len(rows), device=rows.device),
            group=None if self.group is None else self.group[rows], conditions=conditions,
        )  # fmt: skip

    def order(self, batch_size: int, per_group: int | None) -> Batches:
        """The batches of every epoch, by the engine's own rule."""
        table: Any = self
        return Batches(table, np.arange(len(self)), self.modality, batch_size=batch_size, per_group=per_group)

    def epoch(self, batches: Batches, seed: int, number: int, batch_size: int) -> Iterator[Tensor]:
        """The rows of the whole batches of an epoch; what is left of it at the end, smaller, comes in another."""
        order = batches.order(seed, number)
        whole = [rows for rows in order if len(rows) >= min(batch_size, len(self)) * 3 // 4] or order
        moved = torch.from_numpy(np.concatenate(whole)).to(self.planes.device)
        yield from moved.split([len(rows) for rows in whole])

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Every item once."""
        for rows in torch.arange(len(self), device=self.planes.device).split(batch_size):
            yield self.batch(rows)


def main(arguments: Sequence[str]) -> None:
    """Pack MNIST into a folder."""
    (target,) = map(Path, arguments)
    target.mkdir(parents=True, exist_ok=True)
    both = dict(zip(("train", "test"), parts("mnist"), strict=True))
    found = io.BytesIO()
    np.savez(found, **{f"{part}_{key}": getattr(pictures, key) for part, pictures in both.items()
                       for key in ("images", "content", "style")})  # fmt: skip
    packed = lzma.compress(found.getvalue(), preset=9)
    (target / "mnist.xz").write_bytes(packed)
    print(f"{' + '.join(f'{len(part):,}' for part in both.values())} pictures, {len(packed) / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])

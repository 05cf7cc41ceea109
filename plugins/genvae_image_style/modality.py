"""The image modality: pictures to arrays of one size and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.likelihoods import FactorisedLikelihood
from genvae.core.randomness import Stream, key
from genvae.core.vae import VAE
from genvae.data.modality import Example, Modality, Stack
from genvae.errors import DataError, GenvaeError
from genvae_image_style.fonts.render import render_font
from genvae_image_style.picture import Picture
from genvae_image_style.reading.decoding import Frame
from genvae_image_style.reading.typefaces import parted
from genvae_image_style.rendering import Rendering
from genvae_image_style.sheet import sheet

if TYPE_CHECKING:
    from datasets import Dataset

CHANNELS = {"grey": 1, "rgb": 3}
SAVED = "image.json"
LABEL = "label"  # the condition block of the content
ROOM = 4 << 30  # bytes of pictures that are held in memory
AT_ONCE = 10_000  # pictures copied into memory together
KEYS = ("image", "content", "style")  # of an item that is a mapping


class Image(Modality):
    """Pictures. An example is {"pixels": the bytes of (channels, size, size)}, with "content" and "style" as text
    ("" where unknown) where the data say, and "group", the number of its group. A batch has the views

    * "input": what the encoder reads, (n, channels, size, size) in [0, 1];
    * "target": what is scored, the same tensor;

    and, where labels are given, the condition "label": (n, number of contents), a row of zeros where unknown.

    An item of the user's is a file's path, the bytes of one, a PIL image, a uint8 array (h, w) or (h, w, 3), or a
    mapping with one of these as "image" beside "content" and "style". A path may begin with what the picture shows,
    "A=some.png", and a letter of a font file is "some.ttf#A".
    """

    unit = "images"

    def __init__(
        self,
        frame: Frame,
        *,
        contents: Sequence[str] = (),
        seen: Sequence[int] = (),
        group: str = "none",
        labels: bool = False,
        contrast: float = 1.0,
    ) -> None:
        self.frame = frame
        self.contents = tuple(contents)
        self.seen = tuple(seen)  # how many pictures of each there were
        self.group = group  # "none", "content" or "style"
        self.labels = labels
        self.contrast = contrast
        self._numbers = {content: number for number, content in enumerate(self.contents)}

    @property
    def size(self) -> int:
        """The side of a picture."""
        return self.frame.size

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""
        return self.frame.channels

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of a picture in a batch."""
        return self.channels, self.size, self.size

    # -- rows to examples ------------------------------------------------------------------------

    def prepare(self, rows: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        count = len(next(iter(rows.values())))
        files = rows.get("file") or [None] * count
        pixels: list[bytes] = []
        known = rows.get("content") or [None] * count
        places = zip(rows["image"], files, known, strict=True)
        for font, several in groupby(places, key=lambda row: None if row[0] is not None else _font(row[1])):
            if font is not None:
                pixels += self._letters(font, [row[1].rpartition("#")[2] for row in several])
                continue
            for content, file, shown in several:
                source = file if content is None else content
                pixels.append(self.frame.of(source, file or "a picture of the data", shown).tobytes())
        made: dict[str, list[Any]] = {"pixels": pixels}
        made.update({name: list(rows[name]) for name in ("content", "style") if name in rows})
        if self.group in made:
            made["group"] = [self._group(value) for value in made[self.group]]
        return made

    def _letters(self, font: str, letters: Sequence[str]) -> list[bytes]:
        """Letters of a font file as pictures."""
        drawn = render_font(Path(font), "".join(dict.fromkeys(letters)), self.size)
        return [self.frame.of(drawn[letter], f"{font}#{letter}").tobytes() for letter in letters]

    def _group(self, value: str) -> int | None:
        """A group's number, the same in every table; None where it is not known."""
        return key("group", value) if value else None

    def cost(self, example: Example) -> int:
        return 1

    def example(self, item: Any) -> Example:
        about: Mapping[str, Any] = {}
        if isinstance(item, Mapping):
            unknown = [name for name in item if name not in KEYS]
            if unknown or "image" not in item:
                raise DataError(
                    f"a picture is given as {{'image': ..., 'content': ..., 'style': ...}}; got {list(item)}"
                )
            about, item = item, item["image"]
        shown = about.get("content")
        if isinstance(item, str | Path):
            place = str(item)
            known, mark, file = place.partition("=")
            if mark and known in self._numbers and not Path(place).exists():
                about, place = {"content": known, **about}, file
                shown = known
            font = parted(place)
            if font and font[1] in self._numbers:
                about = {"content": font[1], **about}
            pixels = self._letters(font[0], font[1])[0] if font else self.frame.of(Path(place), place, shown).tobytes()
        elif isinstance(item, bytes | np.ndarray) or hasattr(item, "convert"):
            pixels = self.frame.of(item, letter=shown).tobytes()
        else:
            raise DataError(f"a picture is a file, a PIL image or a uint8 array, not {type(item).__name__}")
        made: dict[str, Any] = {"pixels": pixels}
        made.update({name: str(about[name]) for name in ("content", "style") if about.get(name) is not None})
        if self.group in made:
            made["group"] = self._group(made[self.group])
        return made

    def item(self, example: Example) -> Picture:
        planes = np.frombuffer(example["pixels"], np.uint8).reshape(self.shape)
        return Picture(planes[0] if self.channels == 1 else planes.transpose(1, 2, 0))

    # -- examples to batches ---------------------------------------------------------------------

    def collate(self, examples: Sequence[Example], items: Sequence[int]) -> Batch:
        pixels = np.frombuffer(b"".join(example["pixels"] for example in examples), np.uint8)
        columns = {name: [example.get(name) for example in examples] for name in ("content", "group")}
        return self._memory(pixels.copy(), columns)(np.arange(len(examples)), np.asarray(items, dtype=np.int64))

    def stack(self, examples: Dataset) -> Stack | None:
        width = self.channels * self.size**2
        if len(examples) * width > ROOM:
            return None
        pixels = np.empty((len(examples), width), dtype=np.uint8)
        table = examples.with_format("arrow")
        done = 0
        for rows in table.select_columns(["pixels"]).iter(batch_size=AT_ONCE):
            for chunk in rows["pixels"].chunks:
                start = np.frombuffer(chunk.buffers()[1], np.int32, count=1, offset=4 * chunk.offset)[0]
                held = np.frombuffer(chunk.buffers()[2], np.uint8, count=len(chunk) * width, offset=start)
                pixels[done : done + len(chunk)] = held.reshape(-1, width)
                done += len(chunk)
        names = [name for name in ("content", "group") if name in examples.column_names]
        return self._memory(pixels, {name: table.select_columns([name])[:][name].to_pylist() for name in names})

    def _memory(self, pixels: NDArray[np.uint8], columns: Mapping[str, list[Any]]) -> Memory:
        labels = group = None
        if self.labels and self.contents:
            numbers = [self._numbers.get(content, -1) for content in columns.get("content", ())]
            labels = torch.tensor(numbers or [-1] * (pixels.size // int(np.prod(self.shape))))
        if self.group != "none":
            known = columns.get("group") or [None] * (pixels.size // int(np.prod(self.shape)))
            group = torch.tensor([0 if number is None else number for number in known])
            alone = torch.tensor([number is None for number in known])
            return Memory(self, pixels, labels, group, alone)
        return Memory(self, pixels, labels, group, None)

    # -- latents to items ------------------------------------------------------------------------

    def render(
        self,
        model: VAE,
        latents: Mapping[str, Tensor],
        items: Tensor,
        options: Any,
        stream: Stream,
        *,
        faithful: bool,
    ) -> list[Picture]:
        assert isinstance(options, Rendering)
        likelihood = model.likelihood
        if not isinstance(likelihood, FactorisedLikelihood):
            raise GenvaeError("a model of pictures needs a likelihood of independent elements")
        parameters = model.decoder(dict(latents), self._nothing(items)).float()
        if options.draw == "sample":
            values = likelihood.sample(parameters, stream.at("elements").uniform(items, *self.shape))
        else:
            values = contrasted(likelihood.mean(parameters), options.contrast or self.contrast)
        planes = (values.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).cpu().numpy()
        return [Picture(each[0] if self.channels == 1 else each.transpose(1, 2, 0)) for each in planes]

    @staticmethod
    def _nothing(items: Tensor) -> Batch:
        """A batch of items of which nothing is known: what a decoder is given beside latents."""
        return Batch(views={}, items=items, cost=torch.ones(len(items), device=items.device))

    # -- with a model ----------------------------------------------------------------------------

    def values(self, block: str) -> Mapping[str, Tensor]:
        if block != LABEL or not self.labels:
            return {}
        return dict(zip(self.contents, torch.eye(len(self.contents)), strict=True))

    def counts(self, block: str) -> Sequence[int]:
        return self.seen if block == LABEL else ()

    def called(self, block: str) -> str:
        return "content" if block == LABEL else ""

    @property
    def media(self) -> str:
        return "image/png;ink" if self.frame.ink and self.channels == 1 else "image/png"

    endings = (".png", ".webp")

    def file(self, items: Sequence[Any], columns: int, ending: str) -> bytes:
        return sheet(items, columns, ending, on_paper=self.frame.ink)

    def save(self, folder: Path) -> None:
        content = json.dumps({"contents": list(self.contents), "seen": list(self.seen)}, ensure_ascii=False, indent=0)
        (folder / SAVED).write_text(content + "\n", encoding="utf-8")

    def fingerprint(self) -> str:
        return hashlib.sha256(repr(("pictures 1", self.frame, self.group)).encode()).hexdigest()


def contrasted(mean: Float[Tensor, "n ..."], contrast: float) -> Float[Tensor, "n ..."]:
    """A mean in [0, 1], ``contrast`` times as far from grey, where there is room: what is nearly black or white is so
    then, which a factor of its logits would not bring about."""
    return mean if contrast == 1.0 else (0.5 + contrast * (mean - 0.5)).clamp(0.0, 1.0)


class Memory:
    """Pictures in memory, a byte an element, and the batches that are cut out of them."""

    def __init__(
        self,
        modality: Image,
        pixels: NDArray[np.uint8],
        labels: Int[Tensor, " n"] | None,
        group: Int[Tensor, " n"] | None,
        alone: Tensor | None,
    ) -> None:
        self.contents = len(modality.contents)
        self.pixels: UInt8[Tensor, "n c h w"] = torch.from_numpy(pixels).reshape(-1, *modality.shape)
        self.labels, self.group, self.alone = labels, group, alone

    def __call__(self, places: NDArray[np.int64], items: NDArray[np.int64]) -> Batch:
        rows, numbers = torch.from_numpy(places), torch.from_numpy(items)
        pictures: Float[Tensor, "m c h w"] = self.pixels.index_select(0, rows).to(torch.float32).div_(255.0)
        group, conditions = None, {}
        if self.group is not None and self.alone is not None:
            group = torch.where(self.alone[rows], -1 - numbers, self.group[rows])  # each by itself where none is known
        if self.labels is not None:
            label = self.labels[rows]
            conditions = {LABEL: (label[:, None] == torch.arange(self.contents)).to(torch.float32)}
        return Batch(
            views={"input": pictures, "target": pictures}, items=numbers, cost=torch.ones(len(rows)), group=group,
            conditions=conditions,
        )  # fmt: skip


def _font(file: str | None) -> str | None:
    """The font file that a reference names a letter of."""
    found = parted(file) if file else None
    return found[0] if found else None

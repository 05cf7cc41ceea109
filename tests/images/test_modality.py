"""Any picture becomes an array of one size, what cannot is one line, and pictures come back out of latents."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from genvae.asking import Items, listed
from genvae.core.likelihoods import Bernoulli
from genvae.core.randomness import Stream
from genvae.data.conditions import select as chosen
from genvae.data.read import read
from genvae.errors import CheckpointError, DataError, SettingError
from genvae.evaluation.evaluation import rendering
from genvae.host import default_host
from genvae.testing import modality_contract
from genvae_image_style.modality import Image
from genvae_image_style.picture import Picture
from genvae_image_style.reading import arrays
from genvae_image_style.reading.decoding import Frame
from genvae_image_style.reading.opening import MOST
from genvae_image_style.rendering import Rendering
from tests.core.toys import Writes, toy
from tests.images.test_reading import DAMAGED, a_font, bomb, drawings, png

HOST = default_host()


def grey(source: Any, size: int = 8, **options: str) -> np.ndarray:
    return Frame(size, 1, **options).of(source)[0]


def rgb(source: Any, size: int = 8, **options: str) -> np.ndarray:
    return Frame(size, 3, **options).of(source).transpose(1, 2, 0)


def saved(image: Pillow.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


# -- what a picture may be -----------------------------------------------------------------------


def test_a_picture_of_the_size_is_kept_to_the_bit(tmp_path: Path) -> None:
    picture, colour = drawings(1, 8)[0], drawings(1, 8, colour=True)[0]
    (tmp_path / "a.png").write_bytes(png(picture))
    for source in (picture, picture[:, :, None], png(picture), tmp_path / "a.png", arrays.encoded(picture)):
        assert np.array_equal(grey(source), picture)
    for source in (colour, png(colour), Pillow.fromarray(colour), arrays.encoded(colour)):
        assert np.array_equal(rgb(source), colour)
    assert np.array_equal(rgb(picture), np.repeat(picture[:, :, None], 3, 2))
    assert np.array_equal(grey(picture > 127), np.where(picture > 127, 255, 0))


def test_transparent_parts_are_white() -> None:
    values = np.zeros((8, 8, 4), np.uint8)
    values[..., 0], values[:4, :, 3], values[4, :, 3] = 200, 255, 51  # red above, a fifth of it, nothing below
    for source in (
        values,
        Pillow.fromarray(values),
        png(values),
        saved(Pillow.fromarray(values), "WEBP", lossless=True),
    ):
        found = rgb(source)
        assert found[0, 0].tolist() == [200, 0, 0] and found[7, 0].tolist() == [255, 255, 255]
        assert np.abs(found[4, 0].astype(int) - [244, 204, 204]).max() <= 1
    with_alpha = Pillow.fromarray(np.dstack([np.zeros((8, 8), np.uint8), values[..., 3]]), "LA")
    assert grey(with_alpha)[0, 0] == 0 and grey(with_alpha)[7, 0] == 255


def test_palettes_bits_and_other_modes() -> None:
    picture = np.where(drawings(1, 8)[0] > 127, 255, 0).astype(np.uint8)
    image = Pillow.fromarray(picture)
    palette = image.convert("P")
    for source in (image.convert("1"), palette, image.convert("CMYK"), image.convert("YCbCr"), image.convert("HSV")):
        assert np.abs(grey(source).astype(int) - picture).max() <= 1
    for kind, mode in (("GIF", "P"), ("BMP", "1"), ("TIFF", "CMYK"), ("PNG", "1"), ("PNG", "P")):
        assert np.abs(grey(saved(image.convert(mode), kind)).astype(int) - picture).max() <= 1
    dark = palette.point(lambda value: 0 if value < 128 else 1)
    dark.putpalette([10, 20, 30, 90, 80, 70])
    clear = saved(dark, "PNG", transparency=1)
    found = rgb(clear)
    assert found[picture == 0].tolist() == [[10, 20, 30]] * int((picture == 0).sum())
    assert (found[picture == 255] == 255).all()


def test_sixteen_bits_and_real_numbers() -> None:
    deep = (np.arange(64, dtype=np.uint16) * 1040).reshape(8, 8)
    expected = (deep / 257).round().astype(np.uint8)
    for source in (Pillow.fromarray(deep), png(deep), saved(Pillow.fromarray(deep), "TIFF")):
        assert np.array_equal(grey(source), expected)
    assert np.array_equal(grey(Pillow.fromarray(deep.astype(np.int32))), expected)
    assert np.array_equal(grey(Pillow.fromarray((deep / 65535).astype(np.float32))), expected)
    assert np.array_equal(grey(Pillow.fromarray(expected.astype(np.int32))), expected)
    for wrong in (deep.astype(np.float32) * 9, -deep.astype(np.float32), np.full((8, 8), np.nan, np.float32)):
        with pytest.raises(DataError, match=r"the picture: a picture with values"):
            grey(Pillow.fromarray(wrong))


def test_orientation_is_heeded() -> None:
    picture = np.zeros((8, 8), np.uint8)
    picture[0] = 255
    exif = Pillow.Exif()
    exif[0x0112] = 6  # turn it a quarter clockwise to see it upright
    found = grey(saved(Pillow.fromarray(picture), "JPEG", exif=exif, quality=100))
    assert (found[:, -1] > 240).all() and (found[:, 0] < 15).all()


def test_framing() -> None:
    wide = np.full((10, 30), 40, np.uint8)
    wide[:, 10:20] = 200
    padded = grey(wide, 30)
    assert np.array_equal(padded[10:20], wide) and (padded[:10] == 40).all() and (padded[20:] == 40).all()
    assert (grey(wide, 10, framing="crop") == 200).all()
    stretched = grey(wide, 30, framing="stretch")
    assert (stretched[:, 12:18] > 195).all() and (stretched[:, :8] < 45).all()
    assert grey(np.full((3, 900), 7, np.uint8), 8).tolist() == [[7] * 8] * 8


def test_polarity() -> None:
    picture = np.full((8, 8), 250, np.uint8)
    picture[2:6, 3] = 10
    assert np.array_equal(grey(picture, polarity="ink"), 255 - picture)
    assert np.array_equal(grey(255 - picture, polarity="ink"), 255 - picture)
    assert np.array_equal(grey(Pillow.fromarray(picture), polarity="ink"), 255 - picture)


def test_made_smaller_it_is_averaged() -> None:
    fine = np.indices((64, 64)).sum(0) % 2 * 255
    assert np.abs(grey(fine.astype(np.uint8))[2:-2, 2:-2].astype(int) - 128).max() <= 2


# -- what it may not be --------------------------------------------------------------------------


@pytest.mark.parametrize("fault", DAMAGED)
def test_damaged_files(tmp_path: Path, fault: str) -> None:
    content, said = DAMAGED[fault]
    place = tmp_path / "it.png"
    place.write_bytes(content)
    with pytest.raises(DataError, match=rf"it.png: ({said})") as caught:
        modality().example(str(place))
    assert "\n" not in str(caught.value)


def test_a_large_picture_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **keywords: Any) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", refuse)
    for side in (8_001, 12_000, 40_000):
        place = tmp_path / "large.png"
        place.write_bytes(bomb(side, side))
        with pytest.raises(DataError, match=rf"large.png: .*at most {MOST:,}") as caught:
            modality().example(place)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="at most"):
        modality().example(np.broadcast_to(np.uint8(0), (8_001, 8_001)))


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("nowhere.png", "nowhere.png: no such file"),
        ("/", "/: a folder, not a picture"),
        ("a\0b", "no file name"),
        (np.zeros((8, 8)), "an array of float64; pictures are uint8"),
        (np.zeros((8,), np.uint8), r"an array of shape \(8,\); pictures are"),
        (np.zeros((8, 8, 2), np.uint8), r"an array of shape \(8, 8, 2\)"),
        (np.zeros((0, 8), np.uint8), r"an array of shape \(0, 8\)"),
        (3, "a picture is a file, a PIL image or a uint8 array, not int"),
        (None, "not NoneType"),
        ({"picture": 1}, r"a picture .* got \['picture'\]"),
        ({"image": None}, "not NoneType"),
        (b"words", "not a picture that can be read"),
        ("missing.ttf#A", "missing.ttf: no such file"),
    ],
)
def test_items_that_are_no_pictures(item: Any, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        modality().example(item)
    assert "\n" not in str(caught.value)


# -- examples and batches ------------------------------------------------------------------------


def modality(size: int = 8, channels: int = 1, **settings: Any) -> Image:
    return Image(Frame(size, channels), **settings)


def test_examples_come_back_as_they_were(tmp_path: Path) -> None:
    for channels, picture in ((1, drawings(1, 8)[0]), (3, drawings(1, 8, colour=True)[0])):
        made = modality(channels=channels)
        assert np.array_equal(made.item(made.example(picture)), picture)
    font = a_font(tmp_path / "blocks.ttf")
    example = modality(16).example(f"{font}#B")
    assert modality(16).item(example).max() == 255


def test_a_batch() -> None:
    made = modality(contents=("a", "b", "c"), group="style", labels=True)
    pictures = drawings(5, 8)
    about: list[dict[str, Any]] = [
        {"content": "b", "style": "x"}, {"content": "a", "style": "y"}, {"content": "z", "style": "x"}, {},
        {"style": ""},
    ]  # fmt: skip
    examples = [made.example({"image": picture, **more}) for picture, more in zip(pictures, about, strict=True)]
    batch = made.collate(examples, range(10, 15))
    assert torch.equal(batch.views["target"], torch.from_numpy(pictures)[:, None].float() / 255.0)
    assert batch.views["input"] is batch.views["target"]
    assert batch.conditions["label"].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert batch.groups.count == 4
    assert batch.groups.of_item[0] == batch.groups.of_item[2] != batch.groups.of_item[1]
    taken = batch.take(torch.tensor([3, 3]))
    assert taken.views["input"] is taken.views["target"] and taken.items.tolist() == [13, 13]
    plain = modality(contents=("a",)).collate(examples, range(5))
    assert plain.group is None and not plain.conditions


# -- choosing rows -------------------------------------------------------------------------------


def select(rows: Any, **settings: Any) -> tuple[Any, str]:
    return chosen(read(rows, HOST), HOST.make("modality", {"modality": "image", **settings}), {})


def table(**columns: list[Any]) -> list[dict[str, Any]]:
    count = len(next(iter(columns.values())))
    return [
        {"image": picture, **{name: values[row] for name, values in columns.items()}}
        for row, picture in enumerate(drawings(count))
    ]


def test_columns() -> None:
    data, note = select(table(label=[2, 10, 2], font=["x", None, "y"], other=[1.0, None, 3.0]), split_column="other")
    assert note == "" and data.column_names == ["image", "content", "style", "kin"]
    assert list(data["content"]) == ["2", "10", "2"] and list(data["style"]) == ["x", "", "y"]
    assert list(data["kin"]) == ["1", "", "3"]
    made = HOST.make("modality", {"modality": "image"}).fit(data)
    assert made.contents == ("2", "10")
    assert list(select(table(style=["a", "b"]), group="style")[0]["kin"]) == ["a", "b"]
    assert "kin" not in select(table(content=["a", "b"]), group="content")[0].column_names
    gone, note = select([{"image": drawings(1)[0]}, {"image": None}])
    assert len(gone) == 1 and note == "1 of 2 rows left out: they have no picture"


@pytest.mark.parametrize(
    ("rows", "settings", "said"),
    [
        (
            table(label=[1, 1]),
            {"labels": True},
            "labels = true needs at least two values in content: every",
        ),
        (table(label=["", None]), {"labels": True}, "at least two values in content: no picture has one"),
        (table(number=[1, 2]), {"labels": True}, "labels = true needs the content of each picture; name its column"),
        (table(number=[1, 2]), {"group": "style"}, "group = style needs the style of each picture; name its column"),
        (table(style=["a", "a"]), {"group": "style"}, "group = style needs at least two values in style"),
        (table(number=[1, 2]), {"content_column": "label"}, "no column 'label'; the columns are: image, number"),
        (table(number=[[1], [2]]), {"content_column": "number"}, "'number' does not hold text or numbers"),
        ([{"a": 1, "b": 2}], {}, "which column is the picture. Set image_column to one of: a, b"),
        ([{"image": 1}], {}, "the column 'image' holds int64, not pictures"),
        ([{"image": None}], {}, "the column 'image' holds null, not pictures"),
        ([{"image": ""}], {}, "none of the 1 rows has a picture"),
    ],
)
def test_tables_that_do_not_serve(rows: Any, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        select(rows, **settings)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    settings = HOST.make("modality", {"modality": "image", "labels": True})
    data, _ = settings.select(read(table(content=["é", "1", "é"]), HOST))
    made = settings.fit(data)
    made.save(tmp_path)
    again = settings.restore(tmp_path)
    assert again.contents == made.contents == ("1", "é") and again.fingerprint() == made.fingerprint()
    other = HOST.make("modality", {"modality": "image", "polarity": "ink"}).fit(data)
    assert other.fingerprint() != made.fingerprint()
    for content in ("{}", "[]", '{"contents": [1]}', "{"):
        (tmp_path / "image.json").write_text(content, encoding="utf-8")
        with pytest.raises(CheckpointError, match="damaged"):
            settings.restore(tmp_path)
    with pytest.raises(CheckpointError, match=r"has no image.json"):
        settings.restore(tmp_path / "nowhere")


# -- pictures out of a model ---------------------------------------------------------------------


def test_rendering_is_the_likelihoods_mean_or_a_draw() -> None:
    made = modality()
    model = toy(likelihood=Bernoulli())
    model.decoder = Writes(model.blocks, 1, 8, 8)
    latents, items, stream = {"z": torch.randn(3, 2) * 9}, torch.tensor([4, 9, 2]), Stream(0, "test")
    share = model.decoder(latents, None).sigmoid().detach()
    with torch.no_grad():
        said = made.render(model, latents, items, Rendering(), stream, faithful=True)
        drawn = made.render(model, latents, items, Rendering(draw="sample"), stream, faithful=False)
        one = made.render(model, {"z": latents["z"][1:2]}, items[1:2], Rendering(draw="sample"), stream, faithful=False)
    assert all(isinstance(each, Picture) and each.shape == (8, 8) for each in said)
    assert np.abs(np.stack(said) / 255.0 - share[:, 0].numpy()).max() <= 0.5 / 255 + 1e-6
    assert set(np.unique(np.stack(drawn))) <= {0, 255}
    assert np.array_equal(one[0], drawn[1])
    deviation = float((share * (1 - share)).sum()) ** 0.5
    assert abs(np.stack(drawn).sum() / 255.0 - float(share.sum())) < 4 * deviation
    with pytest.raises(SettingError, match="draw = 'median' is not one of: mean, sample"):
        rendering(HOST, "image", {"draw": "median"})


def test_a_picture_says_how_it_is_written_and_shown() -> None:
    for values in (drawings(1)[0], drawings(1, colour=True)[0]):
        picture = Picture(values)
        written = json.loads(json.dumps(Items([picture, {"a": picture}]).to_config()))["items"]
        head, _, body = written[0].partition(",")
        assert head == "data:image/png;base64" and written[1] == {"a": written[0]}
        assert np.array_equal(np.asarray(Pillow.open(io.BytesIO(base64.b64decode(body)))), values)
        assert picture._repr_png_() == base64.b64decode(body)
    assert listed(Picture(drawings(1)[0])[0]) == drawings(1)[0][0].tolist()  # a row of it is no picture
    assert listed(np.zeros(2)) == [0.0, 0.0]
    half = np.zeros((32, 32), np.uint8)
    half[:16, :16] = 255
    assert str(Picture(half)).split("\n") == ["@" * 16] * 8 + [""] * 8
    assert str(Picture(half) / 255.0).startswith("[[1.")


# -- the contract --------------------------------------------------------------------------------

SMALL = ["size=8", "architecture=image-mlp", "hidden=[16]", "latent_dim=4"]


def test_pictures_keep_the_contract(tmp_path: Path) -> None:
    modality_contract("image", list(drawings(24, 8)), tmp_path / "model", set=SMALL)


def test_pictures_in_colour_with_contents_keep_the_contract(tmp_path: Path) -> None:
    pictures = drawings(24, 10, colour=True)
    items = [{"image": each, "content": "ab"[row % 2]} for row, each in enumerate(pictures)]
    modality_contract("image", items, tmp_path / "model", set=[*SMALL, "colour=rgb"])

"""Every source of pictures gives the same table, and each fault is one line that names its place."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from genvae.data.conditions import select
from genvae.data.prepare import content_hash, prepare
from genvae.data.read import folder_of, read
from genvae.errors import DataError
from genvae.host import default_host

HOST = default_host()


def drawings(count: int = 6, size: int = 12, *, colour: bool = False) -> np.ndarray:
    """Different pictures: noise."""
    shape = (count, size, size, 3) if colour else (count, size, size)
    return np.random.Generator(np.random.PCG64(0)).integers(0, 256, shape, dtype=np.uint8)


def idx(values: np.ndarray, *, promised: tuple[int, ...] | None = None) -> bytes:
    shape = promised or values.shape
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + values.tobytes()


def npz(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises a picture of any size."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def rows(location: Any, **settings: Any) -> tuple[np.ndarray, dict[str, list[Any]]]:
    """The pictures that training would get from a place, and the other columns of its examples."""
    made = HOST.make("modality", {"modality": "image", "size": 12, **settings})
    data, _ = made.select(read(location, HOST))
    modality = made.fit(data)
    examples = prepare(data, modality)
    pictures = np.stack([np.asarray(modality.item({"pixels": pixels})) for pixels in examples["pixels"]])
    return pictures, {name: list(examples[name]) for name in examples.column_names if name not in ("pixels", "cost")}


def said(location: Any) -> str:
    """What a run would say of the data that it is given."""
    return select(read(location, HOST), HOST.make("modality", {"modality": "image"}), {})[1]


# -- IDX -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dot", ["-", "."])
def test_idx_with_labels_beside(tmp_path: Path, packed: bool, dot: str) -> None:
    pictures, labels = drawings(5), np.array([3, 1, 4, 1, 5], np.uint8)
    end, pack = (".gz", gzip.compress) if packed else ("", bytes)
    place = tmp_path / f"train-images{dot}idx3-ubyte{end}"
    place.write_bytes(pack(idx(pictures)))
    assert rows(place)[1] == {}
    (tmp_path / f"train-labels{dot}idx1-ubyte{end}").write_bytes(pack(idx(labels)))
    found, known = rows(place)
    assert np.array_equal(found, pictures)
    assert known == {"content": ["3", "1", "4", "1", "5"]}


def test_a_folder_of_idx_is_its_training_pair(tmp_path: Path) -> None:
    for name, seed in (("train", 6), ("t10k", 3)):
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx(drawings(seed)))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx(np.arange(seed, dtype=np.uint8)))
    (tmp_path / "LICENSE.txt").write_text("some words\n", encoding="utf-8")
    assert rows(tmp_path)[1]["content"] == list("012345")
    assert rows(tmp_path / "t10k-images-idx3-ubyte")[1]["content"] == list("012")
    (tmp_path / "train-images-idx3-ubyte").rename(tmp_path / "other-images-idx3-ubyte")
    with pytest.raises(DataError, match=r"which file of pictures .* there are: other-images.*, t10k-images"):
        read(tmp_path, HOST)


# -- NPZ -----------------------------------------------------------------------------------------


def test_npz_with_its_documented_keys(tmp_path: Path) -> None:
    pictures = drawings(4)
    place = npz(tmp_path / "a.npz", images=pictures, content=np.array(list("abab")), style=np.array([1, 1, 2, 2]))
    found, known = rows(place)
    assert np.array_equal(found, pictures)
    assert known == {"content": list("abab"), "style": list("1122")}
    colour = drawings(4, colour=True)
    assert np.array_equal(rows(npz(tmp_path / "b.npz", images=colour), colour="rgb")[0], colour)


def test_npz_with_an_axis_for_each_column(tmp_path: Path) -> None:
    """As the fonts are: (fonts, letters, h, w), with letters and fonts beside them."""
    pictures = drawings(6).reshape(2, 3, 12, 12)
    place = npz(
        tmp_path / "glyphs.npz", images=pictures, chars=np.array(list("ABC")), font=np.array(["serif", "sans"]),
        family=np.array(["one", "two"]), weight=np.array([400, 700]),
    )  # fmt: skip
    data = read(place, HOST)
    assert list(data["family"]) == ["one"] * 3 + ["two"] * 3 and list(data["weight"]) == [400] * 3 + [700] * 3
    found, known = rows(place)
    assert np.array_equal(found, pictures.reshape(6, 12, 12))
    assert known == {"content": list("ABCABC"), "style": ["serif"] * 3 + ["sans"] * 3}


def test_npz_whose_axis_has_no_name(tmp_path: Path) -> None:
    """As the emoji are: (names, vendors, h, w, 3) under another name, with names alone beside them."""
    pictures = drawings(6, colour=True).reshape(3, 2, 12, 12, 3)
    place = npz(tmp_path / "emoji.npz", A=pictures, names=np.array(["cat", "dog", "owl"]))
    settings = {"content_column": "names", "style_column": "axis_1"}
    found, known = rows(place, colour="rgb", **settings)
    assert np.array_equal(found, pictures.reshape(6, 12, 12, 3))
    assert known == {"content": ["cat", "cat", "dog", "dog", "owl", "owl"], "style": list("010101")}


def test_npz_of_bytes_and_of_planes(tmp_path: Path) -> None:
    """As other programs write them: text as bytes, colours as planes."""
    colour = drawings(4, colour=True)
    content, style = np.array([b"a", "é".encode()] * 2), np.array([b"one", b"one", b"two", b"two"])
    place = npz(tmp_path / "a.npz", images=colour.transpose(0, 3, 1, 2), content=content, style=style, mean=np.zeros(3))
    found, known = rows(place, colour="rgb")
    assert np.array_equal(found, colour)
    assert known == {"content": ["a", "é"] * 2, "style": ["one", "one", "two", "two"]}
    grey = drawings(4)
    assert np.array_equal(rows(npz(tmp_path / "b.npz", images=grey[:, None]))[0], grey)
    with pytest.raises(DataError, match=r"c.npz: 'content' holds bytes that are not UTF-8"):
        read(npz(tmp_path / "c.npz", images=grey, content=np.array([b"\xff"] * 4)), HOST)


# -- files ---------------------------------------------------------------------------------------


def test_a_folder_of_pictures_is_read_in_one_call(tmp_path: Path) -> None:
    pictures = drawings(3)
    for name, picture in zip(("b.png", "a.bmp", "c.gif"), pictures, strict=True):
        Pillow.fromarray(picture).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("words\n", encoding="utf-8")
    (tmp_path / ".hidden.png").write_bytes(b"nothing")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "d.png").write_bytes(b"nothing")
    found, known = rows(tmp_path)
    assert np.array_equal(found, pictures[[1, 0, 2]])
    assert known == {}
    assert list(read(tmp_path, HOST)["name"]) == ["a", "b", "c"]


def test_folders_of_contents_and_of_styles(tmp_path: Path) -> None:
    pictures = drawings(4)
    names = ["bold/A", "bold/B", "thin/A", "thin/B"]
    for name, picture in zip(names, pictures, strict=True):
        for place in (tmp_path / "deep" / name / "x.png", tmp_path / "flat" / f"{name}.png"):
            place.parent.mkdir(parents=True, exist_ok=True)
            Pillow.fromarray(picture).save(place)
    found, known = rows(tmp_path / "deep")
    assert np.array_equal(found, pictures)
    assert known == {"content": list("ABAB"), "style": ["bold", "bold", "thin", "thin"]}
    assert rows(tmp_path / "flat")[1] == {"content": ["bold", "bold", "thin", "thin"]}
    turned = rows(tmp_path / "flat", content_column="name", style_column="content")[1]
    assert turned == known
    (tmp_path / "flat" / "stray.png").write_bytes(png(pictures[0]))
    with pytest.raises(DataError, match=r"different depths \(stray.png and bold/A.png\)"):
        read(tmp_path / "flat", HOST)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_folder_of_pictures_with_a_table_of_what_they_show(tmp_path: Path, ending: str) -> None:
    pictures = drawings(3)
    (tmp_path / "train").mkdir()
    for number, picture in enumerate(pictures):
        Pillow.fromarray(picture).save(tmp_path / "train" / f"{number}.png")
    lines = {
        "csv": "file_name,label\ntrain/2.png,x\ntrain/0.png,y\n",
        "jsonl": '{"file_name": "train/2.png", "label": "x"}\n{"file_name": "train/0.png", "label": "y"}\n',
    }[ending]
    table = tmp_path / f"metadata.{ending}"
    table.write_text(lines, encoding="utf-8")
    for place in (tmp_path, table):
        found, known = rows(place)
        assert np.array_equal(found, pictures[[2, 0]]) and known == {"content": ["x", "y"]}
    assert said(tmp_path) == f"1 of 3 pictures left out: metadata.{ending} does not name them"
    table.rename(tmp_path / "train" / table.name)
    with pytest.raises(DataError, match=rf"give one of the tables that say what .*: .*train/metadata.{ending}$"):
        read(tmp_path, HOST)


def test_a_table_that_names_no_pictures_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(drawings(1)[0]))
    (tmp_path / "metadata.csv").write_text("picture,label\na,x\n", encoding="utf-8")
    assert rows(tmp_path)[1] == {}
    assert said(tmp_path) == "not used, for want of a column 'file_name': metadata.csv"


def test_a_folder_of_what_is_mostly_text_is_text(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("words\n", encoding="utf-8")
    assert list(read(tmp_path, HOST)["text"]) == ["words", "words"]
    (tmp_path / "figure.png").write_bytes(png(drawings(1)[0]))
    with pytest.raises(DataError, match=r"do not have the same columns: a.txt has text; figure.png has image, name"):
        read(tmp_path, HOST)


def test_tables_of_paths_are_relative_to_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = drawings(2)
    (tmp_path / "pictures").mkdir()
    for number, picture in enumerate(pictures):
        Pillow.fromarray(picture).save(tmp_path / "pictures" / f"{number}.png")
    monkeypatch.chdir("/")
    lines = ["image,label", "pictures/0.png,x", f"{tmp_path}/pictures/1.png,y"]
    (tmp_path / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    found, known = rows(tmp_path / "table.csv")
    assert np.array_equal(found, pictures) and known == {"content": ["x", "y"]}
    assert folder_of(read(tmp_path / "table.csv", HOST)) == tmp_path
    (tmp_path / "table.jsonl").write_text('{"image": "pictures/0.png"}\n{"image": null}\n', encoding="utf-8")
    assert len(rows(tmp_path / "table.jsonl")[0]) == 1
    made = HOST.make("modality", {"modality": "image"})
    assert made.select(read(tmp_path / "table.jsonl", HOST))[1] == "1 of 2 rows left out: they have no picture"
    (tmp_path / "table.csv").write_text("image\npictures/7.png\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"row 1: no such file: .*pictures/7.png"):
        rows(tmp_path / "table.csv")


def test_a_datasets_image_column(tmp_path: Path) -> None:
    from datasets import ClassLabel, Dataset, Features, Image

    pictures = drawings(3)
    features = Features({"picture": Image(), "label": ClassLabel(names=["cat", "dog"])})
    images = [Pillow.fromarray(picture) for picture in pictures]
    data = Dataset.from_dict({"picture": images, "label": [0, 1, 0]}, features=features)
    data.to_parquet(tmp_path / "table.parquet")
    data.save_to_disk(tmp_path / "saved")
    for place in (data, tmp_path / "table.parquet", tmp_path / "saved"):
        found, known = rows(place)
        assert np.array_equal(found, pictures) and known == {"content": ["cat", "dog", "cat"]}


def test_pictures_in_memory() -> None:
    pictures = drawings(3)
    colour = drawings(3, colour=True)
    for items in (list(pictures), [Pillow.fromarray(each) for each in pictures], [{"image": p} for p in pictures]):
        assert np.array_equal(rows(items)[0], pictures)
    assert np.array_equal(rows(list(colour), colour="rgb")[0], colour)
    known = rows([{"image": each, "content": number, "style": None} for number, each in enumerate(pictures)])[1]
    assert known == {"content": ["0", "1", "2"], "style": ["", "", ""]}
    with pytest.raises(DataError, match="numbers outside 0 to 255"):
        rows([{"image": picture.astype(np.int64) + 200} for picture in pictures])
    with pytest.raises(DataError, match="rows are not equally long"):
        rows([{"image": [[1, 2], [3]]}])


@pytest.mark.parametrize("held", [True, False])
def test_files_too_many_to_hold_stay_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: bool
) -> None:
    monkeypatch.setattr("genvae_image_style.reading.columns.HELD", 1 << 20 if held else 10)
    pictures = drawings(2)
    for number, picture in enumerate(pictures):
        Pillow.fromarray(picture).save(tmp_path / f"{number}.png")
    made = HOST.make("modality", {"modality": "image", "size": 12})
    data = made.select(read(tmp_path, HOST))[0]
    assert ("stamp" in data.column_names) is not held
    assert np.array_equal(rows(tmp_path)[0], pictures)
    before = content_hash(data)
    assert content_hash(made.select(read(tmp_path, HOST))[0]) == before
    Pillow.fromarray(pictures[1]).save(tmp_path / "0.png")
    assert content_hash(made.select(read(tmp_path, HOST))[0]) != before
    assert np.array_equal(rows(tmp_path)[0], pictures[[1, 1]])


# -- fonts ---------------------------------------------------------------------------------------


def a_font(path: Path, letters: str = "AB1") -> Path:
    """A font of rectangles: each letter's is a little wider than the one before."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    glyphs = {}
    names = [".notdef", *(f"letter{ord(letter)}" for letter in letters)]
    for number, name in enumerate(names):
        pen = TTGlyphPen(None)
        pen.moveTo((100, 0))
        for corner in ((100, 700), (300 + 60 * number, 700), (300 + 60 * number, 0)):
            pen.lineTo(corner)
        pen.closePath()
        glyphs[name] = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): f"letter{ord(letter)}" for letter in letters})
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(names, (600, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Blocks", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.save(path)
    return path


def test_font_files(tmp_path: Path) -> None:
    from genvae_image_style.fonts.render import render_font

    one = a_font(tmp_path / "blocks.ttf")
    found, known = rows(one)
    assert known == {"content": list("AB1"), "style": ["blocks"] * 3}
    drawn = render_font(one, "AB1", 12)
    assert np.array_equal(found, np.stack([drawn[letter] for letter in "AB1"]))
    assert found.max() == 255 and not found[:, :, 0].any()
    (tmp_path / "more").mkdir()
    a_font(tmp_path / "more" / "others.ttf", "Z")
    known = rows(tmp_path)[1]
    assert known == {"content": [*"AB1Z"], "style": ["blocks"] * 3 + ["more/others"]}
    assert set(read(tmp_path, HOST)["family"]) == {"Blocks"}


def test_fonts_that_cannot_be_drawn_are_left_out_of_a_folder(tmp_path: Path) -> None:
    from fontTools.ttLib import TTFont

    whole = a_font(tmp_path / "fine.ttf").read_bytes()
    (tmp_path / "cut.ttf").write_bytes(whole[: len(whole) // 2])
    a_font(tmp_path / "signs.ttf", "+-")
    with TTFont(tmp_path / "fine.ttf") as font:
        font["glyf"]["letter66"].numberOfContours = 0  # B draws nothing
        font.save(tmp_path / "blank.ttf")
        del font["glyf"]
        font.save(tmp_path / "bitmaps.ttf")
    assert rows(tmp_path)[1] == {"content": list("AB1"), "style": ["fine"] * 3}
    note = said(tmp_path)
    for words in (
        "4 of 5 fonts left out",
        "bitmaps.ttf (a font of bitmaps only",
        "draws nothing for 'B'",
        "and 1 more",
    ):
        assert words in note
    (tmp_path / "fine.ttf").unlink()
    with pytest.raises(DataError, match=r": 4 of 4 fonts left out: bitmaps.ttf") as caught:
        read(tmp_path, HOST)
    assert "\n" not in str(caught.value)


# -- faults --------------------------------------------------------------------------------------


def _zip(**content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, value in content.items():
            archive.writestr(name, value)
    return file.getvalue()


def _npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


PICTURES = drawings(3)
FAULTS: dict[str, tuple[str, bytes, str]] = {
    "no IDX": ("a-images-idx3-ubyte", b"some words", "a-images-idx3-ubyte: not an IDX file"),
    "an empty IDX": ("a-images-idx3-ubyte", b"", "a-images-idx3-ubyte is empty"),
    "IDX of floats": ("a.idx3-ubyte", struct.pack(">HBBI", 0, 13, 1, 1), r"another type than bytes \(code 0x0d\)"),
    "a cut IDX header": ("a.idx3-ubyte", b"\0\0\x08\x03\0\0", "its header is cut off"),
    "a cut IDX": ("a.idx3-ubyte", idx(PICTURES)[:-1], "its header promises 432 bytes, there are 431"),
    "an IDX that goes on": ("a.idx3-ubyte", idx(PICTURES) + b"x", "promises 432 bytes, there are more"),
    "a bomb of an IDX": ("a.idx3-ubyte", idx(PICTURES, promised=(2**31, 2**12, 2**12)), "at most 8,589,934,592"),
    "IDX of one axis": ("a.idx3-ubyte", idx(np.arange(3, dtype=np.uint8)), r"shape \(3,\), not pictures"),
    "IDX of labels": ("a-labels-idx1-ubyte", idx(np.arange(3, dtype=np.uint8)), "holds labels; give the file of the"),
    "cut gzip": ("a.idx3-ubyte.gz", gzip.compress(idx(PICTURES))[:-9], "damaged gzip file"),
    "no NPZ": ("a.npz", b"some words", "a.npz: not a readable NPZ file"),
    "a cut NPZ": ("a.npz", _npz(images=PICTURES)[:-30], "a.npz: not a readable NPZ file"),
    "a zip of words": ("a.npz", _zip(images=b"words"), "not a readable NPZ file"),
    "pickled objects": ("a.npz", _npz(images=PICTURES, content=np.array([{}, {}, {}])), "not a readable NPZ file"),
    "real pictures": ("a.npz", _npz(images=PICTURES / 255.0), "is of float64; save the pictures as uint8"),
    "an NPZ of one picture": ("a.npz", _npz(images=PICTURES[0]), r"has the shape \(12, 12\)"),
    "no pictures": ("a.npz", _npz(x=np.arange(3)), r"name the array of pictures 'images' .*; there are: x \(3,\)"),
    "two arrays of pictures": ("a.npz", _npz(a=PICTURES, b=PICTURES), "name the array of pictures"),
    "too few contents": ("a.npz", _npz(images=PICTURES, content=np.arange(2)), r"'content' has the shape \(2,\)"),
    "an axis too many": (
        "a.npz", _npz(images=drawings(4).reshape(2, 2, 12, 12), font=np.arange(2)), "as long as two axes",
    ),
    "no font": ("a.ttf", b"some words", "a.ttf: not a TrueType or OpenType font"),
    "an empty font": ("a.otf", b"", "a.otf is empty"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_that_names_its_place(tmp_path: Path, fault: str) -> None:
    name, content, said = FAULTS[fault]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        read(tmp_path / name, HOST)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_labels_that_are_not_those_of_the_pictures(tmp_path: Path) -> None:
    (tmp_path / "a-images-idx3-ubyte").write_bytes(idx(PICTURES))
    (tmp_path / "a-labels-idx1-ubyte").write_bytes(idx(np.arange(2, dtype=np.uint8)))
    with pytest.raises(DataError, match=r"a-labels-idx1-ubyte has 2 labels; a-images-idx3-ubyte has 3 pictures"):
        read(tmp_path / "a-images-idx3-ubyte", HOST)


def test_a_damaged_font(tmp_path: Path) -> None:
    whole = a_font(tmp_path / "fine.ttf").read_bytes()
    (tmp_path / "cut.ttf").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut.ttf: a damaged font") as caught:
        rows(tmp_path / "cut.ttf")
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="none of the letters A-Z, a-z, 0-9"):
        read(a_font(tmp_path / "signs.ttf", "+-"), HOST)


DAMAGED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "an empty file, not a picture"),
    "words": (b"some words", "not a picture that can be read; it must be PNG"),
    "a drawing": (
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        r"a drawing \(SVG\), not a picture",
    ),
    "half a PNG": (png(drawings(1, 40)[0])[:500], "a damaged picture"),
    "a PNG header alone": (png(PICTURES[0])[:20], "not a picture that can be read|a damaged picture"),
}


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("fault", DAMAGED)
def test_a_damaged_picture_of_the_data_is_named(
    tmp_path: Path, fault: str, held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genvae_image_style.reading.columns.HELD", 1 << 20 if held else 10)
    content, said = DAMAGED[fault]
    for number, value in enumerate((png(PICTURES[0]), content, png(PICTURES[1]))):
        (tmp_path / f"{number}.png").write_bytes(value)
    with pytest.raises(DataError, match=rf"1\.png: ({said})") as caught:
        rows(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_bomb_in_the_data_is_refused_by_its_header(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bomb(40_000, 40_000))
    (tmp_path / "b.png").write_bytes(bomb(9_000, 9_000))
    with pytest.raises(DataError, match=r"^a.png: 40,000 x 40,000 pixels; at most 64,000,000 in all are read$"):
        rows(tmp_path)
    (tmp_path / "a.png").unlink()
    with pytest.raises(DataError, match=r"b\.png: 9,000 x 9,000 pixels; at most 64,000,000 in all are read"):
        rows(tmp_path)

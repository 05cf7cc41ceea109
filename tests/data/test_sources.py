"""Every source gives the same rows, and each fault is one line that names its place."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genvae.data.read import folder_of, read
from genvae.data.sources.hub import read_hub
from genvae.errors import DataError
from genvae.host import Host, default_host
from tests.host.strangers import OWN, parts, writer

HOST = default_host()

#: lines that a careless reader would change
LINES = [
    "plain words", "with, a comma", 'with "quotation" marks', "naïve façade – ok…", "東京へ行く", "an emoji 🦉 and a é",
    "'single'", "0012", "null", "true", "-", "a\\nb", "NA", "#hash", "x" * 300,
]  # fmt: skip


def as_text(path: Path, ending: str = "\n") -> None:
    path.write_bytes("".join(line + ending for line in LINES).encode())


def as_csv(path: Path, ending: str = "\r\n") -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator=ending)
        writer.writerow(["number", "text"])
        writer.writerows([str(i), line] for i, line in enumerate(LINES))


def as_tsv(path: Path, ending: str = "\n") -> None:
    rows = ["number\ttext", *(f"{i}\t{line}" for i, line in enumerate(LINES))]
    path.write_bytes("".join(row + ending for row in rows).encode())


def as_json_lines(path: Path, ending: str = "\n") -> None:
    rows = [json.dumps({"number": str(i), "text": line}) for i, line in enumerate(LINES)]
    path.write_bytes("".join(row + ending for row in rows).encode())


def as_parquet(path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = {"number": [str(i) for i in range(len(LINES))], "text": LINES}
    pyarrow.parquet.write_table(pyarrow.table(rows), path)


WRITERS: dict[str, Callable[..., None]] = {
    "data.txt": as_text, "data.TXT": as_text, "data.csv": as_csv, "data.tsv": as_tsv, "data.jsonl": as_json_lines,
    "data.ndjson": as_json_lines, "data.parquet": as_parquet, "two.dots.csv": as_csv, "odd.tsv.csv": as_csv,
}  # fmt: skip
PLAIN = [name for name in WRITERS if not name.endswith(".parquet")]


def texts(place: Any) -> list[str]:
    return list(read(place, HOST)["text"])


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_file(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name)
    data = read(tmp_path / name, HOST)
    assert list(data["text"]) == LINES
    if "txt" not in name.lower():
        assert data.column_names == ["number", "text"]
        assert data["number"][7] == "7"
    assert texts(str(tmp_path / name)) == LINES


@pytest.mark.parametrize("gz", [".gz", ".GZ"])
@pytest.mark.parametrize("name", PLAIN)
def test_every_kind_of_file_gzipped(tmp_path: Path, name: str, gz: str) -> None:
    WRITERS[name](tmp_path / name)
    packed = tmp_path / f"{name}{gz}"
    packed.write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    assert texts(packed) == LINES


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("name", PLAIN)
def test_line_ends_and_byte_order_marks(tmp_path: Path, name: str, mark: bytes, ending: str) -> None:
    path = tmp_path / name
    WRITERS[name](path, ending)
    path.write_bytes(mark + path.read_bytes())
    assert texts(path) == LINES


def test_blank_lines_and_a_missing_last_end(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\n  \none\r\n\r\n\ttwo\n\nthree")
    assert texts(tmp_path / "a.txt") == ["one", "\ttwo", "three"]
    (tmp_path / "a.jsonl").write_text('\n{"text": "one"}\n\n{"text": "two"}', encoding="utf-8")
    assert texts(tmp_path / "a.jsonl") == ["one", "two"]
    (tmp_path / "a.csv").write_text("text\none\n\ntwo", encoding="utf-8")
    assert texts(tmp_path / "a.csv") == ["one", "two"]


def test_csv_fields_may_hold_line_ends(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text,n\n"one\ntwo",1\nthree,2\n', encoding="utf-8")
    assert texts(tmp_path / "a.csv") == ["one\ntwo", "three"]


def test_json_lines_with_missing_keys(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{"text": "two", "mood": "glad"}\n', encoding="utf-8")
    data = read(tmp_path / "a.jsonl", HOST)
    assert (list(data["text"]), list(data["mood"])) == (["one", "two"], [None, "glad"])


def test_a_folder_is_all_its_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "b.csv").write_text("text,n\nfrom b,1\n", encoding="utf-8")
    (tmp_path / "a.jsonl").write_text('{"n": "0", "text": "from a"}\n', encoding="utf-8")  # another order of columns
    (tmp_path / "deep" / "c.csv.gz").write_bytes(gzip.compress(b"text,n\nfrom c,2\n"))
    (tmp_path / "notes.md").write_text("not data", encoding="utf-8")
    assert texts(tmp_path) == ["from a", "from b", "from c"]


def test_lists(tmp_path: Path) -> None:
    assert texts(LINES) == LINES
    assert texts(tuple(LINES)) == LINES
    rows = [{"text": "one"}, {"text": "two", "mood": "glad"}]
    data = read(rows, HOST)
    assert (list(data["text"]), list(data["mood"])) == (["one", "two"], [None, "glad"])


def test_a_strangers_list_like(tmp_path: Path) -> None:
    from datasets import Dataset

    assert texts(Dataset.from_dict({"text": LINES})) == LINES


def test_other_objects_are_items() -> None:
    assert list(read([(1, 2), (3, 4)], HOST)["item"]) == [[1, 2], [3, 4]]


def test_what_file_names_in_a_table_are_relative_to(tmp_path: Path) -> None:
    as_csv(tmp_path / "a.csv")
    data = read(tmp_path / "a.csv", HOST)
    assert folder_of(data) == tmp_path == folder_of(read(tmp_path, HOST))
    assert folder_of(read(LINES, HOST)) is None and folder_of(data.select(range(2))) is None


def test_a_source_that_reads_folders_is_asked_once(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it claims most of a folder's files; the others are then left alone."""
    registered = """[SourcePart(id="whole", factory="tests.data.test_sources:read_whole", summary="a stranger's",
                                endings=(".whole",), folder=True)]"""
    host = Host([*OWN, writer(tmp_path_factory.mktemp("plugin"), monkeypatch)("whole", parts(registered))])
    for name in ("a.whole", "b.whole", "c.txt", ".hidden.txt"):
        (tmp_path / name).write_text("words\n", encoding="utf-8")
    assert list(read(tmp_path, host)["text"]) == [f"whole {tmp_path.name}"]
    (tmp_path / "d.txt").write_text("words\n", encoding="utf-8")
    (tmp_path / "e.txt").write_text("words\n", encoding="utf-8")
    assert list(read(tmp_path, host)["text"]) == ["whole a.whole", "whole b.whole", "words", "words", "words"]


def read_whole(path: Path) -> Any:
    """A stranger's source, of files and of folders."""
    from datasets import Dataset

    return Dataset.from_dict({"text": [f"whole {path.name}"]})


# -- faults --------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[str, bytes, str]] = {
    "an empty file": ("a.txt", b"", "a.txt is empty"),
    "blank lines alone": ("a.txt", b"\n \n", "a.txt is empty"),
    "an empty gzip file": ("a.txt.gz", gzip.compress(b""), "a.txt.gz is empty"),
    "a header alone": ("a.csv", b"text,n\n", "a.csv is empty"),
    "other bytes": ("a.txt", b"fine\nna\xefve\n", r"a.txt: line 2 is not UTF-8 \(byte 0xef at column 3\)"),
    "other bytes in CSV": ("a.csv", b"text\nfine\nna\xefve\n", "a.csv: line 3 is not UTF-8"),
    "other bytes in JSON": ("a.jsonl", b'{"text": "\xff"}\n', "a.jsonl: line 1 is not UTF-8"),
    "UTF-16": ("a.txt", "text".encode("utf-16"), "a.txt: line 1 is not UTF-8"),
    "a line of a megabyte": ("a.txt", b"fine\n" + b"x" * 1_000_000, "a.txt: line 2 is longer than 100,000 characters"),
    "a line of a megabyte of é": ("a.txt", "é".encode() * 500_000, "a.txt: line 1 is longer than 100,000"),
    "a CSV line of a megabyte": ("a.csv", b"text\n" + b"x" * 1_000_000, "a.csv: line 2 is longer than 100,000"),
    "a JSON line of a megabyte": ("a.jsonl", b'{"text":"' + b"x" * 1_000_000 + b'"}', "line 1 is longer"),
    "cut gzip": ("a.txt.gz", gzip.compress(b"some words\n" * 99)[:-9], "a.txt.gz: damaged gzip file"),
    "no gzip": ("a.txt.gz", b"some words\n", "a.txt.gz: damaged gzip file"),
    "damaged gzip": ("a.txt.gz", gzip.compress(b"some words\n" * 99)[:12] + b"\xff" * 60, "damaged gzip file"),
    "a row too short": ("a.csv", b"text,n\none,1\ntwo\n", "a.csv: line 3 has 1 fields, the header has 2"),
    "a row too long": ("a.tsv", b"text\tn\none\t1\t2\n", "a.tsv: line 2 has 3 fields, the header has 2"),
    "two columns of one name": ("a.csv", b"text,text\none,1\n", "two columns have the same name in text, text"),
    "an open quotation": ("a.csv", b'text,n\n"one,1\n' + b"x\n" * 9, "a.csv: line"),
    "no JSON": ("a.jsonl", b'{"text": "one"}\n{"text": \n', "a.jsonl: line 2 is not JSON"),
    "no object": ("a.jsonl", b'["one"]\n', "a.jsonl: line 1 is not a JSON object"),
    "two types in a column": ("a.jsonl", b'{"n": 1}\n{"n": "x"}\n', "values of column 'n' are not of one type"),
    "a huge number": ("a.jsonl", b'{"n": 99999999999999999999999}\n', "a.jsonl: the values of column 'n'"),
    "no Parquet": ("a.parquet", b"text\none\n", "a.parquet: not a readable Parquet file"),
    "an unknown ending": ("a.docx", b"text", r"no source reads this kind of file; known endings: .txt, .*.parquet"),
    "no ending": ("data", b"text", "no source reads this kind of file"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_that_names_its_place(tmp_path: Path, fault: str) -> None:
    name, content, said = FAULTS[fault]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        read(tmp_path / name, HOST)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([], "the list of items is empty"),
        (["text", 3], "must be all text or all mappings"),
        ([None], "must be all text"),
        ([{"n": 1}, {"n": "x"}], "the list of items: the values of column 'n' are not of one type"),
    ],
)
def test_lists_that_are_no_table(items: list[Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(items, HOST)


def test_places_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file: .*missing.txt"):
        read(tmp_path / "missing.txt", HOST)
    with pytest.raises(DataError, match="no such file"):
        read("missing.csv.gz", HOST)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no file that a source can read"):
        read(tmp_path / "empty", HOST)
    with pytest.raises(DataError, match="neither a file nor a folder"):
        read("/dev/null", HOST)


def test_a_folder_whose_files_do_not_fit_together(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one", "n": 1}\n', encoding="utf-8")
    (tmp_path / "b.csv").write_text("text,n\ntwo,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"the files in .* do not fit together"):
        read(tmp_path, HOST)
    (tmp_path / "b.csv").write_text("text,m\ntwo,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="do not have the same columns"):
        read(tmp_path, HOST)


def test_a_damaged_file_in_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("fine\n", encoding="utf-8")
    (tmp_path / "b.txt").write_bytes(b"\xff\n")
    with pytest.raises(DataError, match=r"b.txt: line 1 is not UTF-8"):
        read(tmp_path, HOST)


# -- the hub -------------------------------------------------------------------------------------


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub-cache")


def test_datasets_reads_a_data_set(tmp_path: Path, hub_cache: None) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    for name in ("train", "validation"):
        (folder / f"{name}.jsonl").write_text(f'{{"text": "from {name}"}}\n', encoding="utf-8")
    assert list(read_hub(str(folder))["text"]) == ["from train"]
    assert list(read_hub(f"{folder}:validation")["text"]) == ["from validation"]
    with pytest.raises(DataError, match="test"):
        read_hub(f"{folder}:test")


def test_what_datasets_saved_to_disk(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    splits = DatasetDict({name: Dataset.from_dict({"text": [f"from {name}"]}) for name in ("train", "test")})
    splits.save_to_disk(tmp_path / "saved")
    for place in ("saved/train", "saved/train/data-00000-of-00001.arrow"):
        assert list(read(tmp_path / place, HOST)["text"]) == ["from train"]
    with pytest.raises(DataError, match=r"saved holds the splits train, test; give one of them, as in .*saved/train$"):
        read(tmp_path / "saved", HOST)
    with pytest.raises(
        DataError, match=r"the data are in splits, train, test; give one of them, as in data\['train'\]"
    ):
        read(splits, HOST)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"is no data set that save_to_disk wrote: it has no state.json"):
        read(tmp_path, HOST)
    (tmp_path / "saved/train/data-00000-of-00001.arrow").write_bytes(b"words")
    for place in ("saved/train", "saved/train/data-00000-of-00001.arrow"):
        with pytest.raises(DataError, match=r"train.*: not a readable data set of Arrow files") as caught:
            read(tmp_path / place, HOST)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nobody/nothing", "nobody/nothing:validation"])
def test_a_hub_that_cannot_be_reached_is_one_line(name: str, hub_cache: None) -> None:
    with pytest.raises(DataError, match=f"'{name}' is neither a file or folder here nor a data set") as caught:
        read(name, HOST)
    assert "\n" not in str(caught.value)

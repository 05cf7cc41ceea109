"""The starter model ``verses``, and the verses it was made from."""

from __future__ import annotations

from pathlib import Path

import pytest

import genvae
from genvae.cli.main import main
from genvae_conditional.starters.verses import verses as place
from genvae_conditional.starters.verses.corpus import FILE, VERSIONS, Verse, table, verses

LINE = "And he said unto him, Thou hast a house, and the LORD is with thee."  # of our own making


@pytest.fixture(scope="module")
def model() -> genvae.Model:
    return genvae.load("verses")


def archaic(line: str) -> int:
    words = line.lower().replace(",", " ").replace(".", " ").split()
    return sum(word in ("unto", "thou", "thee", "hast", "thy", "ye") for word in words)


def test_fits_in_ten_megabytes_and_says_where_it_is_from() -> None:
    assert sum(path.stat().st_size for path in place().iterdir()) <= 10_000_000
    card = (place() / "README.md").read_text(encoding="utf-8")
    for word in ("King James", "Young's Literal", "genvae evaluate", "starters.verses.build"):
        assert word in card
    assert "BBE" not in card.replace("without BBE", "")


def test_knows_six_versions_and_refuses_a_seventh(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rewrite", "verses", LINE, "--condition", "version=BBE"]) == 2
    refused = capsys.readouterr().err
    assert len(refused.splitlines()) == 1 and all(version in refused for version in VERSIONS), refused


def test_rewrites_into_a_modern_version_and_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rewrite", "verses", LINE, "--own", "version=KJV", "--condition", "version=WEB"]) == 0
    modern = capsys.readouterr().out.strip().partition("  ->  ")[2]
    assert archaic(LINE) >= 4 and archaic(modern) <= 1 and "house" in modern
    assert main(["rewrite", "verses", modern, "--own", "version=WEB", "--condition", "version=KJV"]) == 0
    assert archaic(capsys.readouterr().out.strip().partition("  ->  ")[2]) >= 2


def test_generates_each_version_by_its_words(model: genvae.Model) -> None:
    old = model.generate(64, seed=1, conditions={"version": "KJV"})
    new = model.generate(64, seed=1, conditions={"version": "WEB"})
    assert sum(map(archaic, old)) > 3 * sum(map(archaic, new))
    assert len(set(old)) == 64 and all(line.strip() for line in old)


def test_versions_are_mixed_by_weights(model: genvae.Model) -> None:
    mixed = model.rewrite([LINE], conditions={"version": "KJV:0.5,WEB:0.5"}, own={"version": "KJV"})
    assert len(mixed) == 1 and mixed[0].strip()


def test_no_verse_ships_and_no_chapter_is_on_both_sides(shared_data: Path, tmp_path: Path) -> None:
    if not (shared_data / FILE).is_file():
        pytest.skip("the Bible is not here")
    found = verses(shared_data)
    texts = {line for verse in found for line in verse.said.values() if len(line) > 30}
    for path in place().iterdir():
        inside = path.read_bytes().decode("utf-8", errors="ignore")
        assert not [line for line in inside.splitlines() if line in texts], path.name
    sides: dict[tuple[str, str], set[bool]] = {}
    for verse in found:
        sides.setdefault((verse.book, verse.chapter), set()).add(verse.held_out)
    assert all(len(side) == 1 for side in sides.values())
    held = sum(side == {True} for side in sides.values())
    assert 0.07 < held / len(sides) < 0.13


def test_a_table_has_a_line_for_each_version(tmp_path: Path) -> None:
    own = [Verse("Book", "1", str(n), {"KJV": f"thou, {n}", "WEB": f"you {n} and more"}) for n in (1, 2)]
    assert own[0].words(["KJV", "WEB"]) == 4 and own[0].name == "Book 1:1"
    table(tmp_path / "paired.csv", own, ["KJV", "WEB"])
    assert (tmp_path / "paired.csv").read_text().splitlines() == [
        "text,version,verse", '"thou, 1",KJV,Book 1:1', '"thou, 2",KJV,Book 1:2',
        "you 1 and more,WEB,Book 1:1", "you 2 and more,WEB,Book 1:2",
    ]  # fmt: skip
    table(tmp_path / "alone.csv", own, ["WEB"], paired=False)
    assert "Book" not in (tmp_path / "alone.csv").read_text()

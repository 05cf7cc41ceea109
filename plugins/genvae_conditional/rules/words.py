"""A line of English as lower-case words, contractions taken apart."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*'?|\d+(?:[.,:]\d+)*|'[a-z]+|[^\s\w]+")
_END = re.compile(r"(?<!\b[A-HJ-Z])(?<!\bMr)(?<!\bMrs)(?<!\bDr)(?<!\bMs)(?<!\bSt)(?<!\ba\.m)(?<!\bp\.m)(?<!\betc)"
                  r"([.?!]+)[\"')]*\s+(?=[\"'(]?[A-Z0-9])")  # fmt: skip
_FOLD = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"', "\u2014": ",", "\u2013": ","}
)

_WHOLE = {
    "cannot": ("can", "not"), "can't": ("can", "n't"), "won't": ("will", "n't"), "shan't": ("shall", "n't"),
    "ain't": ("ain", "n't"), "let's": ("let", "us"), "gonna": ("going", "to"), "gotta": ("got", "to"),
    "wanna": ("want", "to"), "'tis": ("it", "is"), "'twas": ("it", "was"), "y'all": ("you", "all"),
    "dunno": ("do", "n't", "know"), "lemme": ("let", "me"), "gimme": ("give", "me"), "o'clock": ("o'clock",),
    "ma'am": ("ma'am",), "c'mon": ("come", "on"), "d'you": ("do", "you"), "dont": ("do", "n't"),
    "im": ("i", "'m"), "i'd": ("i", "'d"),
}  # fmt: skip
_ENDINGS = ("n't", "'ll", "'re", "'ve", "'s", "'d", "'m")


def fold(line: str) -> str:
    """The line with straight quotation marks and apostrophes, and commas for dashes."""
    return line if line.isascii() else line.translate(_FOLD)


def sentences(line: str) -> list[str]:
    """The sentences of a line, each with its end mark."""
    if not any(mark in line[:-1] for mark in ".?!"):
        return [line]
    parts, start = [], 0
    for found in _END.finditer(line):
        parts.append(line[start : found.end(1)])
        start = found.end()
    parts.append(line[start:])
    return [part for part in parts if part.strip()]


def split(sentence: str) -> list[str]:
    """Words and commas; "don't" is "do", "n't", and "Tom's" is "tom", "'s". End marks and quotation marks are left out,
    other marks are commas."""
    words: list[str] = []
    for word in _WORD.findall(sentence.lower()):
        if "'" in word:
            if word in _WHOLE:
                words += _WHOLE[word]
                continue
            for ending in _ENDINGS:
                if word.endswith(ending) and len(word) > len(ending):
                    words += (word[: -len(ending)], ending)
                    break
            else:
                words.append(word.rstrip("'") or word)
        elif word in _WHOLE:
            words += _WHOLE[word]
        elif word[0].isalnum():
            words.append(word)
        elif word[0] in ",;:(-)" and words and words[-1] != ",":
            words.append(",")
    while words and words[-1] == ",":
        words.pop()
    return words

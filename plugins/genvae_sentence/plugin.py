"""What this plugin registers."""

from __future__ import annotations

from genvae.host import ModalityPart, Part, hookimpl

genvae_api = "1.0"


@hookimpl
def genvae_parts() -> list[Part]:
    """The sentence modality, its architectures and measures, and the starter model."""
    return [
        ModalityPart(
            id="sentence", factory="genvae_sentence.settings:SentenceSettings",
            rendering="genvae.core.decoding.options:Decoding", summary="lines of text",
        ),
        Part(kind="architecture", id="lstm", factory="genvae_sentence.lstm:LSTMSettings", modality="sentence",
             summary="LSTM encoder and decoder, z at every step and as first state"),
        Part(kind="measure", id="words", factory="genvae_sentence.measures:words", modality="sentence",
             summary="perplexity per word, bits per character"),
        Part(kind="measure", id="exact-match", factory="genvae_sentence.measures:exact_match", modality="sentence",
             summary="share of lines that greedy decoding gives back exactly"),
        Part(kind="measure", id="judge", factory="genvae_sentence.judge:judge", modality="sentence",
             summary="perplexity of samples under a 5-gram judge, beside that of the data"),
        Part(kind="starter", id="sentences-en", factory="genvae_sentence.starters:sentences_en", modality="sentence",
             summary="short English sentences (Tatoeba)"),
    ]  # fmt: skip

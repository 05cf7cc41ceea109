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
        Part(kind="architecture", id="lstm-places", factory="genvae_sentence.places:PlacesSettings",
             modality="sentence", summary="LSTM encoder and decoder, z a short sequence of vectors along the line"),
        Part(kind="architecture", id="lstm-aligned", factory="genvae_sentence.aligned:AlignedSettings",
             modality="sentence", summary="a vector a symbol, blanks among them, and an LSTM that says them all"),
        Part(kind="architecture", id="transformer",
             factory="genvae_sentence.transformer.settings:TransformerSettings", modality="sentence",
             summary="transformer encoder and decoder, z by prefix, addition or cross-attention"),
        *[
            Part(kind="measure", id=name, factory=f"{__package__}.measures.{place}", modality="sentence", summary=text)
            for name, place, text in (
                ("words", "likelihood:words", "perplexity per word, bits per character"),
                ("reconstruction", "reconstruction:reconstruction", "lines decoded greedily from their posterior mean"),
                ("diversity", "samples:diversity", "distinct n-grams and self-BLEU of samples, beside the data's"),
                ("copies", "samples:copied", "what of the samples is copied from training text"),
                ("judge", "judging:judge", "perplexity of samples under a 5-gram judge, beside that of the data"),
                ("judge-lstm", "judging:judge_lstm", "perplexity of samples under an LSTM judge"),
                ("reverse", "judging:reverse", "perplexity of the data under a 5-gram judge trained on samples"),
                ("reverse-lstm", "judging:reverse_lstm", "perplexity of the data under an LSTM trained on samples"),
                ("embedding", "embedding:embedding", "distance of samples from data by a pretrained encoder"),
            )
        ],
        Part(kind="starter", id="sentences-en", factory="genvae_sentence.starters:sentences_en", modality="sentence",
             summary="short English sentences (Tatoeba)"),
    ]  # fmt: skip

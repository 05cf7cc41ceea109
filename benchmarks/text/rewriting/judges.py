"""Who judges rewritings: two classifiers of unlike kinds and a language model, none of them part of any model.

``linear``         logistic regression on tf-idf of 1 to 3 words, the judge of the published figures as re-scored here
``convolutional``  the network of Kim ("Convolutional Neural Networks for Sentence Classification", 2014); nothing was
                   tuned on it
``fluency``        perplexity under an interpolated Kneser-Ney model of 5 words
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.text.rewriting.lines import Labelled
from genvae.evaluation.ngram import NGramJudge

Classifier = Callable[[Sequence[str]], np.ndarray]  # lines -> 0 or 1 each
SEED = 0


def linear(found: Labelled) -> Classifier:
    """Logistic regression on tf-idf of 1 to 3 words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    features = TfidfVectorizer(ngram_range=(1, 3), token_pattern=r"\S+", min_df=2)
    model = LogisticRegression(C=4, solver="liblinear", random_state=SEED)
    model.fit(features.fit_transform(found.lines), found.labels)
    return lambda lines: np.asarray(model.predict(features.transform(lines)))


class _Convolutional(nn.Module):
    def __init__(self, words: int, width: int = 100, filters: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=0)
        self.filters = nn.ModuleList([nn.Conv1d(width, filters, size, padding=size - 1) for size in (2, 3, 4)])
        self.dropout = nn.Dropout(0.5)
        self.last = nn.Linear(3 * filters, 2)

    def forward(self, words: Int[Tensor, "n t"]) -> Float[Tensor, "n 2"]:
        embedded = self.embedding(words).transpose(1, 2)
        pooled = [functional.relu(own(embedded)).amax(2) for own in self.filters]
        found: Tensor = self.last(self.dropout(torch.cat(pooled, 1)))
        return found


def convolutional(found: Labelled, epochs: int = 2) -> Classifier:
    """Kim's network on words seen at least twice."""
    seen = Counter(word for line in found.lines for word in line.split())
    numbers = {word: place for place, (word, count) in enumerate(seen.most_common(), 2) if count > 1}

    def padded(lines: Sequence[str]) -> Int[Tensor, "n t"]:
        rows = [[numbers.get(word, 1) for word in line.split()] for line in lines]
        longest = max(map(len, rows))
        return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        network = _Convolutional(len(numbers) + 2)
        words, labels = padded(found.lines), torch.tensor(found.labels)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
        for _ in range(epochs):
            for rows in torch.randperm(len(words)).split(128):
                loss = functional.cross_entropy(network(words[rows]), labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    network.eval().requires_grad_(False)
    return lambda lines: network(padded(lines)).argmax(1).numpy()


def fluency(found: Labelled) -> Callable[[Sequence[str]], float]:
    """Perplexity per word, ends counted."""
    judge = NGramJudge([line.split() for line in found.lines], order=5, least=2)
    return lambda lines: judge.perplexity([line.split() for line in lines])

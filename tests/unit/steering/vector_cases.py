"""Pairs of texts and plain loops that tests of vectors share."""

import json
from pathlib import Path

import torch

HERE = Path(__file__).parent
PACKAGE = json.loads((HERE / "steering_vectors_package.json").read_text(encoding="utf-8"))
"""What steering-vectors 0.12.2 gives for its `pairs` on `make("gpt2", 4)`: mean_aggregator and pca_aggregator."""
REPENG = HERE / "repeng.gguf"
"""What repeng 0.4.0 wrote for the same pairs: `ControlVector.train(method="pca_center")`, layers 1 to 3."""
PAIRS = [tuple(pair) for pair in PACKAGE["pairs"]]
"""Pairs of different lengths, all words of the tiny models' tokenizer."""


def many_pairs(n=24):
    """Different pairs that differ in one word: Paris or Rome, after beginnings of different lengths."""
    places = ("the Tower", "the Louvre", "the Museum", "the store", "John", "Mary", "a drink", "the Eiffel Tower")
    begin = ("When {} went to", "{} and the store is in", "John gave {} to Mary in", "{} is in")
    stems = [text.format(place) for text in begin for place in places][:n]
    return [(f"{stem} Paris", f"{stem} Rome") for stem in stems]


def activation(model, text, site):
    """One text's activations, by TransformerLens's own cache, [pos d]."""
    _, cache = model.run_with_cache(model.to_tokens(text))
    return cache[site][0].flatten(1)


def loop_auc(yes, no):
    """Chance that a positive lies above a negative, pair by pair."""
    wins = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in yes for b in no)
    return wins / (len(yes) * len(no))


def loop_separability(yes, no):
    """Distance of the means in pooled standard deviations, by sums."""
    mean = [sum(values) / len(values) for values in (yes, no)]
    var = [sum((x - m) ** 2 for x in values) / (len(values) - 1) for values, m in zip((yes, no), mean, strict=True)]
    return (mean[0] - mean[1]) / (sum(var) / 2) ** 0.5


def random_classes(n=12, layers=2, d=5, seed=0):
    """Activations of two classes that overlap, [pair layer d] each."""
    generator = torch.Generator().manual_seed(seed)
    yes, no = torch.randn(2, n, layers, d, generator=generator)
    return yes + 0.7, no

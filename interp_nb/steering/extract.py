"""`steering_vector`: vectors from pairs of texts that differ in what is to be steered.

1. Every pair is checked and tokenized; which tokens are read is chosen.
2. Each different text is run once; what is read of it is kept for all layers.
3. A vector is estimated in each layer from all pairs, and its quality on pairs held out from another fit.
"""

import hashlib
import json
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import torch

from interp_nb._errors import ConfigError, HookNameError, InterpError
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import SHORT_NAMES, hook_name, layer_of
from interp_nb.sae.fingerprint import remembered_identity
from interp_nb.steering.estimators import METHODS, Estimate, estimate
from interp_nb.steering.mismatch import model_type
from interp_nb.steering.quality import consistency, measure, split_pairs, suggested
from interp_nb.steering.reading import READS, ReadText, read_activations, read_text
from interp_nb.steering.records import PairRead
from interp_nb.steering.vectors import METHOD_WORDS, SteeringVector

SHOWN: Final = 3
"""Pairs whose tokens are kept, so that one can see which were read."""


def steering_vector(
    model: HookedModel,
    pairs: Sequence[Any],
    layers: int | Sequence[int] | None = None,
    *,
    site: str = "resid_post",
    method: str = "mean",
    read: str | int = "last",
    background: Sequence[Any] = (),
    name: str = "",
    n_folds: int = 5,
    held_out: float = 0.2,
    seed: int = 0,
    batch_tokens: int = 4096,
    progress: bool | None = None,
) -> SteeringVector:
    """Read a vector per layer from pairs of a positive and a negative text.

    vector = (d . u) u, with d the mean over pairs of positive less negative activation, and u the method's direction.

    Args:
        pairs: (positive, negative) each; a text, or a list of chat turns. With `read="answer"` each of the two is a
            (prompt, answer) of its own, and its tokens are those of the prompt and then those of the answer.
        layers: From 0, negative from the last; None = all. The one to steer at is suggested: the most separable on
            held-out pairs of those whose folds agree.
        method: "mean" = d itself; "pca" = first axis of the differences, uncentered; "centered" = mean of the positive
            texts less that of `background`; "logistic", "linear" = weights of a probe (standardized, L2 penalty 1).
        read: "last" token, "mean" over all, "answer" = mean over the answer's tokens, or a position in the tokens, from
            0 (begin-of-text, which is not read) or negative from the end. The last token of a chat that ends with the
            assistant is the template's, its end of turn; "answer" reads what was said.
        background: Neutral texts for "centered"; without any all that were read, which gives the mean difference.
        n_folds: Disjoint parts of the fitted pairs whose vectors are compared.
        held_out: Share of the pairs that the quality is measured on; the vector itself is read from all.
        batch_tokens: Tokens of one forward, padding included. Memory, not result.
        progress: Show a bar; None = at a terminal.

    Raises:
        ConfigError: no pairs, something that is no pair, or one whose texts are the same; says which.
        PromptError: a text is empty or longer than the context, or chat turns and no template; says which.
        HookNameError: no such site or layer.

    Cost: one forward per different text up to the last layer; once per model, a pass over its weights for their hash.

    Example:
        >>> steering_vector(model, [("I love it", "I hate it"), ("So good", "So bad")], name="liking")  # doctest: +SKIP
        SteeringVector(liking, mean difference, resid_post, layers 0-3, best 3, AUC 1.00 [1.00, 1.00], share 0.84)
    """
    _check_settings(method, read, n_folds, held_out)
    site, chosen, hooks = _places(model, site, layers)
    texts = _pairs_read(model, pairs, read)
    neutral = [_read(model, text, read, f"background text {index}") for index, text in enumerate(background)]
    flat = [text for pair in texts for text in pair]
    found = read_activations(model, [*flat, *neutral], hooks, batch_tokens=batch_tokens, progress=progress)
    positive, negative = found.acts[0 : len(flat) : 2], found.acts[1 : len(flat) : 2]
    others = found.acts[len(flat) :] if neutral else None

    def fit(which: list[int]) -> Estimate:
        return estimate(method, positive[which], negative[which], others)

    made = fit(list(range(len(texts))))
    _check_different(made, hooks)
    split = split_pairs([(yes.tokens, no.tokens) for yes, no in texts], held_out, seed)
    quality = measure(positive, negative, split, fit, n_folds=n_folds, seed=seed)
    settings = {"site": site, "layers": chosen, "method": method, "read": read, "n_folds": n_folds,
                "held_out": held_out, "seed": seed, "n_pairs": len(texts), "pairs": _hash(texts),
                "background": _hash(neutral)}  # fmt: skip
    # Where no layer can be suggested: pairs alike in how they differ, and a difference that is not lost in the stream.
    row = suggested(quality, consistency(positive, negative) * made.vectors.norm(dim=1) / found.norms)
    notes = [quality.note]
    if len(chosen) > 1 and not quality.suggests(row):
        notes.append(f"layer {chosen[row]} is taken because the pairs differ most, and most alike, there; try others")
    return SteeringVector.of(
        made.vectors, chosen, site=site, midpoint=made.midpoint, stream_norm=found.norms, quality=quality,
        layer=chosen[row], note="; ".join(note for note in notes if note),
        method=method, read_at=str(read), n_pairs=len(texts), name=name or METHOD_WORDS[method],
        pairs_read=[_shown_pair(model, *pair) for pair in texts[:SHOWN]], model_name=model_info(model).name,
        provenance=made_by(model, "steering_vector", settings),
    )  # fmt: skip


def made_by(model: HookedModel, function: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Say which function made a vector, how, of which model, with which versions: plain JSON.

    Cost: reads all of the model's weights for their hash, once per model, see `remembered_identity`.
    """
    versions = {"interp_nb": str(import_module("interp_nb").__version__), "torch": str(torch.__version__)}
    return {
        "function": function, "settings": settings, "model": remembered_identity(model),
        "model_type": model_type(model), "versions": versions,
    }  # fmt: skip


def _check_settings(method: str, read: str | int, n_folds: int, held_out: float) -> None:
    if method not in METHODS:
        estimate(method, torch.zeros(1, 1, 1), torch.zeros(1, 1, 1))  # says what there is
    if isinstance(read, bool) or (isinstance(read, str) and read not in READS):
        raise ConfigError(f"read must be one of {', '.join(READS)} or a position, got {read!r}")
    if n_folds < 2:
        raise ConfigError(f"n_folds must be at least 2, got {n_folds}")
    if not 0 <= held_out < 1:
        raise ConfigError(f"held_out must be from 0 to below 1, a share of the pairs; got {held_out}")


def _places(model: HookedModel, site: str, layers: int | Sequence[int] | None) -> tuple[str, list[int], list[str]]:
    """Find the short name of a site, the layers, and the full names."""
    n_layers = int(model.cfg.n_layers)
    if site not in SHORT_NAMES:
        full, layer = hook_name(model, site), layer_of(site) or 0
        short = next((key for key, form in SHORT_NAMES.items() if form.format(layer=layer) == full), full)
        if layers is not None and short == full:
            raise ConfigError(f"{site!r} is one place: leave layers out")
        if layers is None or short == full:
            return short, [layer], [full]
        raise HookNameError(f"{site!r} names its layer: leave layers out, or give site={short!r}")
    wanted = range(n_layers) if layers is None else [layers] if isinstance(layers, int) else layers
    hooks = {hook_name(model, site, layer): layer % n_layers for layer in wanted}
    if not hooks:
        raise ConfigError("layers is empty; give at least one, or None for all")
    ordered = sorted(hooks, key=lambda hook: hooks[hook])
    return site, [hooks[hook] for hook in ordered], ordered


def _pairs_read(model: HookedModel, pairs: Sequence[Any], read: str | int) -> list[tuple[ReadText, ReadText]]:
    """Check and tokenize all pairs; say which one is wrong."""
    if isinstance(pairs, str) or not len(pairs):
        raise ConfigError(f"pairs must be a list of (positive, negative), got {pairs!r}; give at least one pair")
    found = []
    for index, pair in enumerate(pairs):
        if isinstance(pair, (str, dict)) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise ConfigError(f"pair {index} must be (positive, negative), two texts or two chats; got {pair!r}")
        texts = [
            _read(model, text, read, f"pair {index}, {side}")
            for text, side in zip(pair, ("positive", "negative"), strict=True)
        ]
        if texts[0].tokens == texts[1].tokens:
            raise ConfigError(f"pair {index} has the same text twice, {pair[0]!r}; there is no difference to read")
        found.append((texts[0], texts[1]))
    return found


def _read(model: HookedModel, given: Any, read: str | int, where: str) -> ReadText:
    try:
        return read_text(model, given, read)
    except InterpError as error:
        raise type(error)(f"{where}: {error}") from error


def _check_different(made: Estimate, hooks: Sequence[str]) -> None:
    zero = [hook for hook, norm in zip(hooks, made.vectors.norm(dim=1).tolist(), strict=True) if not norm > 0]
    if len(zero) == len(hooks):
        raise ConfigError(
            f"the pairs do not differ at {', '.join(zero)}: what is read there is the same on both sides (a token that "
            "comes before they part?); read other tokens, such as read='mean'"
        )


def _shown_pair(model: HookedModel, yes: ReadText, no: ReadText) -> PairRead:
    strings = [[str(piece) for piece in model.to_str_tokens(torch.tensor(text.tokens))] for text in (yes, no)]
    return PairRead(strings[0], strings[1], list(yes.read), list(no.read))


def _hash(texts: Sequence[Any]) -> str:
    """Hash the tokens and what is read of them."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()

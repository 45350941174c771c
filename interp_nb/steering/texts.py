"""Texts as they grow in a generation, and what becomes of them in its result."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import SHORT_NAMES, check_hook, hook_name
from interp_nb.steering.coherence import degeneration
from interp_nb.steering.generation import Continuation, TokenLatents
from interp_nb.steering.prompts import decoded


class StepToken(NamedTuple):
    """One new token of one text."""

    token_id: int
    """The token."""
    string: str
    """The same as text."""
    log_prob_baseline: float
    """Its log-probability under the unsteered model, in nats; NaN where that is not run."""
    log_prob_steered: float
    """The same under the steered model."""
    finished: str
    """Why its text ends here: "end" or "length"; empty = it goes on."""


class GrowingText:
    """One text as far as it has come.

    Args:
        most: New tokens it may have.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.tokens: list[StepToken] = []
        self.finished = "" if most else "length"

    def add(self, token: StepToken, *, ends: bool) -> StepToken:
        """Append a token, and note whether the text is over."""
        self.finished = "end" if ends else "length" if len(self.tokens) + 1 == self.most else ""
        self.tokens.append(token._replace(finished=self.finished))
        return self.tokens[-1]

    def continuation(
        self, model: HookedModel, kept: dict[str, Tensor], latents: TokenLatents | None, *, is_steered: bool
    ) -> Continuation:
        """Make the record of the text.

        Args:
            kept: What was captured on prompt and text, by hook name.
            is_steered: Whether the steered model chose its tokens.
        """
        ids = [each.token_id for each in self.tokens]
        plain, steered = (
            torch.tensor([getattr(each, name) for each in self.tokens], dtype=torch.float32)
            for name in ("log_prob_baseline", "log_prob_steered")
        )
        return Continuation(
            text=decoded(model, ids[:-1] if self.finished == "end" else ids),
            tokens=[each.string for each in self.tokens],
            token_ids=ids,
            log_probs=steered if is_steered else plain,
            log_probs_baseline=plain,
            log_probs_steered=steered,
            finished=self.finished,
            activations={name: values.cpu() for name, values in kept.items()},
            latents=latents,
        )


def top_latents(sae: Any, acts: Float[Tensor, "pos d"], n: int) -> TokenLatents:
    """Rank the latents of every token by activation."""
    with torch.no_grad():
        found = sae.encode(acts.flatten(1).to(sae.encoder)).clamp(min=0).topk(min(n, sae.cfg.d_sae), dim=1)
    return TokenLatents(found.indices.cpu(), found.values.float().cpu())


def capture_sites(model: HookedModel, capture: Sequence[str]) -> list[str]:
    """Name the places to capture; a short name means every layer.

    Raises:
        HookNameError: there is no such place.
        ConfigError: a place that has no row per token.
    """
    if isinstance(capture, str):
        capture = (capture,)
    layers = range(int(model.cfg.n_layers))
    found = [
        name
        for site in capture
        for name in ([hook_name(model, site, at) for at in layers] if site in SHORT_NAMES else [hook_name(model, site)])
    ]
    pairs = [name for name in found if name.endswith(("hook_pattern", "hook_attn_scores"))]
    if pairs:
        raise ConfigError(
            f"capture keeps a row per token, {pairs[0]} holds pairs of tokens; use attention(model, text)"
        )
    return list(dict.fromkeys(found))


def sae_site(model: HookedModel, sae: Any) -> str:
    """Name the one place that an SAE reads.

    Raises:
        ConfigError: it names none, or several.
        HookNameError: the model has no such place.
    """
    cfg = getattr(sae, "cfg", None)
    if cfg is None or len(cfg.sites) < 1 or cfg.n_sites != 1:
        raise ConfigError(f"sae must be an SAE that reads one named place, got {sae!r}")
    check_hook(model, cfg.sites[0])
    return str(cfg.sites[0])


def stop_tokens(model: HookedModel) -> frozenset[int]:
    """List the tokens that end a text: the tokenizer's, and those of the model's own generation settings."""
    below = getattr(getattr(model, "original_model", None), "generation_config", None)
    found: set[int] = set()
    for owner in (getattr(model, "tokenizer", None), below):
        ends = getattr(owner, "eos_token_id", None)
        found |= {int(end) for end in (ends if isinstance(ends, (list, tuple)) else [ends]) if end is not None}
    return frozenset(found)


def faults(steered: Sequence[Continuation], baseline: Sequence[Continuation], *, compare: bool) -> list[str]:
    """Say which steered texts fall apart, and how.

    Args:
        baseline: The unsteered texts, if they were run.
        compare: Whether they are a yardstick.
    """
    said = []
    for number, own in enumerate(steered):
        known: dict[str, Any] = {}
        if baseline:
            known["log_probs"] = own.log_probs_baseline.tolist()
        if baseline and compare:
            known["baseline"] = baseline[number].token_ids
            known["baseline_log_probs"] = baseline[number].log_probs_baseline.tolist()
        which = f"steered text {number}" if len(steered) > 1 else "the steered text"
        said += [f"{which}: {fault}" for fault in degeneration(own.token_ids, **known)]
    return said

"""What latents add to an answer's logit by themselves, past all later layers: direct effects.

direct[latent, pos] = act[latent, pos] * (decoder row . direction[pos]), where `direction` is that of the residual
stream along which the answer gains most, with the final norm's scale frozen at what it is in the run. It is defined
where what the SAE writes is a part of the residual stream: resid_pre, resid_mid, resid_post, and attn_out and mlp_out
of models in which these are what is added to it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb import _measures
from interp_nb._errors import AnswerTokenError, ConfigError, HookNameError
from interp_nb.features.text_run import TextRun
from interp_nb.features.wiring import Wired
from interp_nb.models.prompts import answer_token
from interp_nb.models.protocol import HookedModel
from interp_nb.models.readout import read_readout
from interp_nb.models.sites import hook_name, layer_of

_STREAM: Final = ("hook_resid_pre", "hook_resid_mid", "hook_resid_post")
_ADDED: Final = ("hook_attn_out", "hook_mlp_out")
_AROUND: Final = ("resid_pre", "attn_out", "mlp_out", "resid_post")
_TOLERANCE: Final = 1e-3
"""Largest difference between a layer's output and the sum of its parts, relative to the largest value, that is taken
for rounding; enough for half precisions, and far below what a norm in between would do."""


class Question(NamedTuple):
    """What is asked of the token after the text: logit(answer) - logit(wrong), or - the mean of all logits."""

    answer: int
    """Token id of the answer."""
    wrong: int | None
    """Token id of the answer it is compared with; None = the mean over the vocabulary."""

    @classmethod
    def of(cls, model: HookedModel, answer: str, wrong: str | None) -> "Question":
        """Tokenize answers.

        Raises:
            AnswerTokenError: one is not a single token, or both are the same.
        """
        tokens = answer_token(model, answer), None if wrong is None else answer_token(model, wrong)
        if tokens[0] == tokens[1]:
            raise AnswerTokenError(
                f"answer and wrong must be different tokens, both are {answer!r} (token {tokens[0]}); "
                "their logit difference would always be 0"
            )
        return cls(*tokens)

    def measure(self, logits: Float[Tensor, "*run d_vocab"]) -> Float[Tensor, "*run"]:
        """Measure logits after the text, in logits."""
        answer, wrong = (
            None if token is None else torch.full(logits.shape[:-1], token, device=logits.device) for token in self
        )
        assert answer is not None
        if wrong is not None:
            return _measures.logit_diff(logits, answer, wrong)
        wide = logits.float()
        return wide.gather(-1, answer.unsqueeze(-1)).squeeze(-1) - wide.mean(-1)


class DirectParts(NamedTuple):
    """What the measure after the text is made of, in logits; it all adds up to the measure."""

    latents: float
    """All latents that fire on the last token."""
    bias: float
    """What the SAE writes besides them: its bias, and a skip connection."""
    error: float
    """What the SAE leaves unexplained of its site."""
    other: float
    """All that is not at its site: other components, and the constants of final norm and unembedding."""


def kept_for_direct(model: HookedModel, wired: Wired) -> list[str]:
    """Name the activations that direct effects need besides what the SAE reads and writes."""
    last = int(model.cfg.n_layers) - 1
    try:
        names = [hook_name(model, "resid_post", last)]
        for site in wired.source.writes:
            if site.endswith(_ADDED):
                names += [hook_name(model, part, layer_of(site)) for part in _AROUND]
    except HookNameError:
        return []  # `directions` says so, where they are asked for
    return names


def directions(run: TextRun, question: Question) -> Float[Tensor, "pos d_model"]:
    """Give the direction along which the answer gains most, at every position.

    Raises:
        ConfigError: what the SAE writes is no part of the residual stream, or the model's end cannot be read.
    """
    _check_sites(run)
    readout = read_readout(run.model)
    resid = run.kept[f"blocks.{int(run.model.cfg.n_layers) - 1}.hook_resid_post"][0]
    if not readout.agrees(resid[-1], run.logits):
        raise ConfigError(
            "this model's logits are not its last residual stream through final norm and unembedding, so direct "
            "effects are not known here; use the effect of ablating, rank_by='ablation'"
        )
    return readout.direction(resid, question.answer, question.wrong).cpu()


def direct_effects(
    run: TextRun,
    latents: Int[Tensor, " latent"],
    acts: Float[Tensor, "latent pos"],
    directions: Float[Tensor, "pos d_model"],
) -> Float[Tensor, "latent pos"]:
    """Give what latents add to the measure of the token after each position, in logits."""
    rows = run.wired.rows(latents).to(directions)
    return acts.to(rows) * (rows @ _for_sites(run, directions).T) + 0.0  # never -0.0


def direct_parts(run: TextRun, question: Question, direction: Float[Tensor, " d_model"]) -> DirectParts | None:
    """Divide the measure after the text; None where there is no SAE, or none on the last token."""
    if run.recons is None or not bool(run.text.counted[-1]):
        return None
    along = _for_sites(run, direction).double()
    last = run.fired.row == run.n_rows - 1
    rows = run.wired.rows(run.fired.latent[last]).double()
    latents = float(run.fired.value[last].double() @ (rows @ along))
    recons, there = (float(values[-1].double() @ along) for values in (run.recons, run.targets))
    measured = float(question.measure(run.logits))
    return DirectParts(latents, recons - latents, there - recons, measured - there)


def _for_sites(run: TextRun, directions: Float[Tensor, "*pos d_model"]) -> Float[Tensor, "*pos d_out"]:
    """Repeat directions for every site that is written: each adds to the same stream."""
    return torch.cat([directions] * len(run.wired.source.writes), -1)


def _check_sites(run: TextRun) -> None:
    sites = run.wired.source.writes
    if run.wired.is_crosscoder:
        raise ConfigError(
            "direct effects of a crosscoder are not defined: its sites hold the same stream several times; "
            "use rank_by='ablation'"
        )
    for site in sites:
        if not (site.endswith(_STREAM) or (site.endswith(_ADDED) and _adds(run, site))):
            raise ConfigError(
                f"direct effects need an SAE that writes to the residual stream, {site} of this model is no part of "
                "it; use rank_by='ablation'"
            )


def _adds(run: TextRun, site: str) -> bool:
    """Say whether a layer's output is its input and what attention and MLP add to it."""
    names: Sequence[str] = [f"blocks.{layer_of(site)}.hook_{part}" for part in _AROUND]
    if any(name not in run.kept for name in names):
        return False
    before, attn, mlp, after = (run.kept[name].float() for name in names)
    if not before.shape == attn.shape == mlp.shape == after.shape:
        return False
    return bool((before + attn + mlp - after).abs().max() <= _TOLERANCE * after.abs().max())

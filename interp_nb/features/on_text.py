"""Any text, now: which latents fire on it, where, and which of them matter for an answer.

One forward gives every latent's activation on every token. Where an answer is given, two more numbers say how a latent
bears on it: its direct effect (module `direct`), and its ablation effect, the change of the measure when the latent is
set to 0 on every token and what the SAE does not explain is kept (module `text_run`).
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb._errors import ConfigError, ShapeError, nearest
from interp_nb._show import Showable, result, two_decimals
from interp_nb.features.direct import DirectParts, Question, direct_parts, directions, kept_for_direct
from interp_nb.features.ranking import RANKINGS, Ranked, Ranking
from interp_nb.features.text_run import Text, TextRun, laid_out, read_text, run_text
from interp_nb.features.wiring import check_latent, wire
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.metrics import explained_variance

if TYPE_CHECKING:
    import pandas as pd


@result
class PromptFeatures(Showable):
    """Hold the latents that fire on a text, ranked."""

    _picture: ClassVar[str] = "prompt_features"

    prompt: str
    """The text, as far as it was read."""
    tokens: list[str]
    """One string per token."""
    token_ids: list[int]
    """Token id per position."""
    latents: Int[Tensor, " latent"]
    """Latents, first to last."""
    score: Float[Tensor, " latent"]
    """What they were ranked by; "ablation" and "direct" rank by its size and keep its sign."""
    acts: Float[Tensor, "latent pos"]
    """Their activations; NaN on tokens that do not count, as begin-of-text."""
    max: Float[Tensor, " latent"]
    """Largest activation."""
    mean: Float[Tensor, " latent"]
    """Mean activation over the tokens that count."""
    n_tokens_firing: Int[Tensor, " latent"]
    """Tokens on which they fire."""
    direct: Float[Tensor, "latent pos"] | None
    """With an answer: what a latent adds, past all later layers, to the measure of the token after each position, in
    logits. The last column is about the answer after the text. None where that is not defined, see `note`."""
    ablation: Float[Tensor, " latent"] | None
    """With an answer: how much the measure after the text falls when the latent is set to 0 on all tokens, in logits;
    positive = it helped the answer. NaN where it was not run."""
    direct_parts: DirectParts | None
    """What the measure is made of: latents, bias, error, other; in logits."""
    metric: float | None
    """With an answer: logit(answer) - logit(wrong), or - the mean of all logits, after the text."""
    explained_variance: float
    """Share of the variance of the activations on this text that the SAE explains; NaN for one token."""
    n_firing: int
    """Latents that fire anywhere on the text."""
    n_ablated: int
    """Latents whose ablation was run."""
    rank_by: str
    """"max" or "mean" of the activation, "ablation" or "direct" effect."""
    pos: int | None
    """The one token that counts for ranking by activation or direct effect; None = all, or the last."""
    answer: str | None
    """The answer asked for."""
    wrong: str | None
    """The answer it is compared with; None = the mean of all logits."""
    note: str
    """What the reader has to know: that the text was cut, that direct effects are not defined; else empty."""
    site: str
    """Where the SAE reads, and writes if elsewhere."""
    model_name: str
    """The model."""
    provenance: dict[str, Any]
    """What it takes to compute this again."""

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per latent: score, max, mean, tokens it fires on, the token of its maximum, effects."""
        import pandas as pd

        peak = self.acts.nan_to_num(nan=-torch.inf).argmax(1).tolist() if len(self.latents) else []
        columns = {
            "latent": self.latents.numpy(),
            "score": self.score.numpy(),
            "max": self.max.numpy(),
            "mean": self.mean.numpy(),
            "n_tokens_firing": self.n_tokens_firing.numpy(),
            "pos": peak,
            "token": [self.tokens[pos] for pos in peak],
        }
        if self.direct is not None:
            columns["direct"] = self.direct[:, -1 if self.pos is None else self.pos].numpy()
        if self.ablation is not None:
            columns["ablation"] = self.ablation.numpy()
        return pd.DataFrame(columns)

    def _summary(self) -> str:
        size = f"{len(self.latents)} of {self.n_firing} latents x pos={len(self.tokens)}"
        signed = self.rank_by in ("ablation", "direct")
        first = []
        if len(self.latents):
            first = [f"latent {int(self.latents[0])} first with {two_decimals(float(self.score[0]), sign=signed)}"]
        by = self.rank_by if self.pos is None else f"{self.rank_by} at pos {self.pos}"
        return f"PromptFeatures({', '.join([self.site, size, by, *first])})"


def prompt_features(
    model: HookedModel,
    sae: Any,
    prompt: str,
    *,
    answer: str | None = None,
    wrong: str | None = None,
    rank_by: str = "max",
    pos: int | None = None,
    n: int = 20,
    n_ablated: int = 64,
    latents: Sequence[int] | None = None,
) -> PromptFeatures:
    """Rank the latents that fire on a text, and what they do for an answer.

    ablation = measure - measure with the latent at 0 on every token; direct = act * (decoder row . direction of the
    answer), with the final norm's scale frozen. measure = logit(answer) - logit(wrong), or - the mean logit.

    Args:
        sae: An SAE, transcoder or crosscoder of this model, or a store of one.
        prompt: Any text; what is beyond the model's context, or 1024 tokens, is left out, and `note` says so.
        answer: One token, as written: for most models it begins with a space.
        rank_by: "max" or "mean" over the tokens that count; with an answer also "ablation" or "direct", by size.
        pos: Rank by the activation, or the direct effect, on this token alone.
        n: Latents to give at most; those that do not fire are left out.
        n_ablated: With rank_by="ablation", latents to ablate: where more fire, those for which the gradient promises
            most. Else those that are given are.
        latents: Give these, in this order, whether they fire or not.

    Returns:
        PromptFeatures with one row per latent.

    Raises:
        PromptError: the text is empty.
        AnswerTokenError: an answer is not one token, or both are the same.
        ShapeError: the SAE is of another width, or there is no such token or latent.
        ConfigError: a ranking that does not exist, needs an answer, or is not defined for this SAE.

    Cost: one forward; with an answer, one row of a batch per latent, from the SAE's layer on.
    """
    wired = wire(model, sae)
    _check(rank_by, answer, wrong, n, n_ablated)
    text = read_text(model, prompt)
    question = None if answer is None else Question.of(model, answer, wrong)
    run = run_text(model, wired, text, keep=kept_for_direct(model, wired) if question else ())
    along, unknown = _directions(run, question, needed=rank_by == "direct")
    ranking = Ranking(run, question, along, _position(text, pos))
    if latents is None:
        chosen = ranking.ranked(rank_by, n, n_ablated)
    else:
        these = torch.tensor([check_latent(wired, latent) for latent in latents], dtype=torch.long)
        chosen = Ranked(these, None if question is None else ranking.ablation(these), len(these) if question else 0)
    found = _numbers(ranking, chosen, rank_by)
    return PromptFeatures(
        prompt=text.read if text.cut else prompt,
        tokens=text.strings,
        token_ids=text.tokens[0].tolist(),
        **found,
        rank_by=rank_by,
        pos=ranking.pos,
        answer=answer,
        wrong=wrong,
        note="; ".join(text.note + unknown),
        site=wired.name,
        model_name=model_info(model).name,
        provenance={
            "function": "prompt_features",
            "latents": wired.described(),
            "model": model_info(model)._asdict(),
        },
    )


def _numbers(ranking: Ranking, chosen: Ranked, rank_by: str) -> dict[str, Any]:
    """Collect the fields that hold numbers, on the CPU."""
    run, question, latents = ranking.run, ranking.question, chosen.latents
    acts, direct, ablation = run.acts(latents), ranking.direct(latents), chosen.ablation
    parts = None
    if question is not None and ranking.directions is not None:
        parts = direct_parts(run, question, ranking.directions[-1])
    return {
        "latents": latents.cpu(),
        "score": ranking.scores(rank_by, latents, ablation).float().cpu(),
        "acts": laid_out(run, acts, torch.nan).float().cpu(),
        "max": acts.amax(1).float().cpu(),
        "mean": acts.mean(1).float().cpu(),
        "n_tokens_firing": (acts > 0).sum(1).cpu(),
        "direct": None if direct is None else direct.float().cpu(),
        "ablation": None if ablation is None else ablation.float().cpu(),
        "direct_parts": parts,
        "metric": None if question is None else float(question.measure(run.logits)),
        "explained_variance": math.nan if run.recons is None else explained_variance(run.targets, run.recons),
        "n_firing": len(ranking.firing),
        "n_ablated": chosen.n_ablated,
    }


def _directions(
    run: TextRun, question: Question | None, *, needed: bool
) -> tuple[Float[Tensor, "pos d_model"] | None, list[str]]:
    """Give the answer's directions; where they are not defined None, and why."""
    if question is None:
        return None, []
    try:
        return directions(run, question), []
    except ConfigError as error:
        if needed:
            raise
        return None, [f"no direct effects: {error}"]


def _check(rank_by: str, answer: str | None, wrong: str | None, n: int, n_ablated: int) -> None:
    if rank_by not in RANKINGS:
        raise ConfigError(
            f"rank_by must be one of {', '.join(RANKINGS)}, got {rank_by!r}; {nearest(rank_by, RANKINGS)}"
        )
    if answer is None and (wrong is not None or rank_by in ("ablation", "direct")):
        asked = f"wrong={wrong!r}" if wrong is not None else f"rank_by={rank_by!r}"
        raise ConfigError(f"{asked} needs an answer that effects are measured on; give answer=' Paris' or the like")
    for name, value in (("n", n), ("n_ablated", n_ablated)):
        if value < 1:
            raise ConfigError(f"{name} must be at least 1, got {value}")


def _position(text: Text, pos: int | None) -> int | None:
    """Check the position that was asked for; negative counts from the end."""
    n_pos = len(text.strings)
    if pos is None:
        return None
    if not -n_pos <= pos < n_pos or not bool(text.counted[pos]):
        counted = text.counted.nonzero()[:, 0].tolist()
        raise ShapeError(
            f"pos must be a token of the text that counts, {counted[0]} to {counted[-1]}, got {pos}; begin-of-text and "
            "padding have no latents"
        )
    return pos % n_pos

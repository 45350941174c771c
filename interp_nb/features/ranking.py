"""Which latents of a text come first: by activation, by direct effect, by what ablating them does."""

from typing import Final, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb.features.direct import Question, direct_effects
from interp_nb.features.text_run import TextRun, changed_logits, gradients, laid_out, runs_per_forward

RANKINGS: Final = ("max", "mean", "ablation", "direct")
_LATENTS_AT_ONCE: Final = 1024


class Ranked(NamedTuple):
    """Latents in order, and what ablating them does."""

    latents: Int[Tensor, " latent"]
    """The latents."""
    ablation: Float[Tensor, " latent"] | None
    """How much the measure falls without them; None without a question."""
    n_ablated: int
    """Latents that were ablated to find out."""


class Ranking:
    """The latents that fire on a text.

    Args:
        question: What is asked after the text, if anything.
        directions: Those of the answer, where they are defined.
        pos: The one position that counts; None = all of them, for direct effects the last.
    """

    def __init__(
        self,
        run: TextRun,
        question: Question | None,
        directions: Float[Tensor, "pos d_model"] | None,
        pos: int | None,
    ) -> None:
        self.run, self.question, self.directions, self.pos = run, question, directions, pos
        self.firing: Tensor = torch.unique(run.fired.latent[run.fired.value > 0])

    def direct(self, latents: Int[Tensor, " latent"]) -> Float[Tensor, "latent pos"] | None:
        """Give direct effects after each position, where they are defined."""
        if self.directions is None:
            return None
        return direct_effects(self.run, latents, laid_out(self.run, self.run.acts(latents), torch.nan), self.directions)

    def scores(
        self, rank_by: str, latents: Int[Tensor, " latent"], ablation: Float[Tensor, " latent"] | None
    ) -> Float[Tensor, " latent"]:
        """Give what latents are ranked by."""
        if rank_by == "ablation":
            assert ablation is not None
            return ablation
        if rank_by == "direct":
            effects = self.direct(latents)
            assert effects is not None
            return effects[:, -1 if self.pos is None else self.pos].nan_to_num(nan=0.0)
        acts = self.run.acts(latents)
        if self.pos is not None:
            return laid_out(self.run, acts, torch.nan)[:, self.pos]
        return acts.amax(1) if rank_by == "max" else acts.mean(1)

    def ranked(self, rank_by: str, n: int, n_ablated: int) -> Ranked:
        """Rank the latents that fire, by the size of their score.

        Args:
            n_ablated: Latents to ablate when that is what ranks them.
        """
        candidates, effects = self.firing, None
        if rank_by == "ablation":
            candidates = self._promising(n_ablated)
            effects = self.ablation(candidates)
        sizes = self.scores(rank_by, candidates, effects)
        if rank_by in ("ablation", "direct"):
            sizes = sizes.abs()
        order = sizes.argsort(descending=True, stable=True)
        if rank_by == "direct" or (self.pos is not None and rank_by != "ablation"):
            order = order[sizes[order] > 0]  # the others do not fire there
        order = order[:n]
        if effects is not None:
            return Ranked(candidates[order], effects[order], len(candidates))
        effects = None if self.question is None else self.ablation(candidates[order])
        return Ranked(candidates[order], effects, 0 if effects is None else len(order))

    def ablation(self, latents: Int[Tensor, " latent"]) -> Float[Tensor, " latent"]:
        """Give how much the measure falls when a latent is set to 0 on every token.

        Each forward has a row in which nothing is changed, to compare with: differences hold no rounding between ways
        of computing.
        """
        assert self.question is not None
        found = [torch.zeros(0)]
        for part in torch.split(latents, max(1, runs_per_forward(self.run) - 1)):
            rows = self.run.wired.rows(part)
            acts = laid_out(self.run, self.run.acts(part), 0.0).to(rows)
            changes = -acts.unsqueeze(-1) * rows.unsqueeze(1)
            logits = changed_logits(self.run, torch.cat([torch.zeros_like(changes[:1]), changes]))
            measured = self.question.measure(logits).cpu()
            found.append(measured[0] - measured[1:])
        effects: Tensor = torch.cat(found)
        return effects

    def _promising(self, n: int) -> Int[Tensor, " latent"]:
        """Choose the latents to ablate: those for which the gradient promises most, where not all can be.

        The promise is sum over positions of act * (decoder row . gradient of the measure).

        Source: Syed et al. 2023 (attribution patching, eq. 3), https://arxiv.org/abs/2310.10348; for latents Marks et
        al. 2024, https://arxiv.org/abs/2403.19647.
        """
        if len(self.firing) <= n:
            return self.firing
        assert self.question is not None
        slope = gradients(self.run, self.question.measure)
        promised = []
        for part in torch.split(self.firing, _LATENTS_AT_ONCE):
            rows = self.run.wired.rows(part)
            promised.append(((rows @ slope.to(rows).T) * laid_out(self.run, self.run.acts(part), 0.0)).sum(1))
        chosen = torch.cat(promised).abs().argsort(descending=True, stable=True)[:n]
        return self.firing[chosen.sort().values]

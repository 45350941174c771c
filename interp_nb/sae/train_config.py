"""How an SAE is trained: frozen records that check themselves and become JSON and back.

Settings that belong together are records of their own (`SparsityConfig`, `AuxKConfig`). Names that users give loosely,
`train_sae(..., k=8, l1_coefficient=5)`, are put into these records by `overrides`.
"""

import math
from dataclasses import dataclass, field
from typing import Final

from interp_nb._errors import ConfigError
from interp_nb.sae.records import Record, check_count, check_not_negative, check_one_of, check_positive, check_share

SPARSITY_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "relu": ("l1", "tanh"),
    "jumprelu": ("step", "tanh", "target_l0"),
    "gated": ("l1",),
}
"""Sparsity losses an architecture can be trained with, its own paper's first; the others are kept sparse by k."""


@dataclass(frozen=True)
class SparsityConfig(Record):
    """Say what makes latents rare."""

    kind: str | None = None
    """The loss: "l1", "step", "tanh" or "target_l0"; None = the architecture's own (none where k does it)."""
    coefficient: float | None = None
    """Weight of that loss; None = a usual one for activations of mean squared norm d_in."""
    target_l0: float | None = None
    """Latents per token that "target_l0" aims at."""
    tanh_scale: float = 4.0
    """How soon "tanh" saturates, per unit of activation (Anthropic 2025)."""
    warmup: float = 0.05
    """Share of the run over which the coefficient rises from 0."""
    k_start: int | None = None
    """k at the beginning of the run; None = k all along."""
    k_anneal: float = 0.1
    """Share of the run over which k falls from `k_start`."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.kind is not None:
            check_one_of("sparsity kind", self.kind, ("l1", "step", "tanh", "target_l0"))
        if self.coefficient is not None:
            check_not_negative("sparsity coefficient", self.coefficient)
        if self.k_start is not None:
            check_count("k_start", self.k_start)
        if self.target_l0 is not None:
            check_positive("target_l0", self.target_l0)
        check_positive("tanh_scale", self.tanh_scale)
        for name in ("warmup", "k_anneal"):
            check_share(name, getattr(self, name))


@dataclass(frozen=True)
class AuxKConfig(Record):
    """Say how dead latents are brought back: they model what the living ones miss (Gao et al. 2024, A.2)."""

    k_aux: int | None = None
    """Dead latents used per token; None = half of the width that is written."""
    coefficient: float = 1 / 32
    """Weight of the loss; 0 = none."""
    dead_after_tokens: int | None = None
    """Tokens without firing after which a latent counts as dead; None = 10 million, or a tenth of a shorter run."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        for name in ("k_aux", "dead_after_tokens"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))
        check_not_negative("auxk coefficient", self.coefficient)


@dataclass(frozen=True)
class TrainConfig(Record):
    """Say how an SAE is trained."""

    n_tokens: int = 2_000_000
    """Tokens to train on."""
    batch_size: int = 2048
    """Tokens per step."""
    lr: float | None = None
    """Learning rate; None = 2e-4 * sqrt(2**14 / d_sae) for long runs (Gao et al. 2024), more for shorter ones: see
    `resolved_lr`."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's decay rates."""
    lr_warmup: float = 0.02
    """Share of the run over which the learning rate rises from 0."""
    lr_decay: float = 0.2
    """Share of the run over which it falls to 0 at the end."""
    sparsity: SparsityConfig = field(default_factory=SparsityConfig)
    """What makes latents rare."""
    auxk: AuxKConfig = field(default_factory=AuxKConfig)
    """How dead latents are brought back."""
    resample_every: int | None = None
    """Tokens between resamplings of dead latents (Bricken et al. 2023); None = never."""
    b_dec_init: str = "geometric_median"
    """Decoder bias before training, from the first activations: "geometric_median", "mean" or "zero"."""
    normalize: bool = True
    """Scale activations to a mean squared norm of d_in while training; stored in the SAE, not visible in its use."""
    buffer_tokens: int = 65536
    """Tokens that are shuffled together."""
    grad_clip: float | None = 1.0
    """Largest norm of the gradient of all weights together: of the loss on activations of mean squared norm d_in (or as
    they are, without `normalize`). 1 as in SAELens and dictionary_learning; None = as it comes (Gao et al.'s code)."""
    precision: str = "fp32"
    """Either "fp32", or "candidates_bf16": a fast product proposes latents, fp32 decides; the same numbers."""
    dtype: str = "float32"
    """Precision of the weights: "float32" or "float64"."""
    seed: int = 0
    """Seed of weights and shuffling."""
    record_every: int = 10
    """Steps between records of the history."""
    eval_every: int | None = None
    """Steps between evaluations on held-out text; None = ten in a run."""
    n_eval_tokens: int = 8192
    """Held-out tokens."""
    ablation: str = "mean"
    """What loss recovered is measured against: "mean" or "zero" activations."""
    checkpoint_every: int | None = None
    """Steps between checkpoints; None = ten in a run, where there is a folder for them."""
    keep_checkpoints: int = 2
    """Checkpoints kept."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        for name in ("n_tokens", "batch_size", "buffer_tokens", "n_eval_tokens", "record_every", "keep_checkpoints"):
            check_count(name, getattr(self, name))
        for name in ("resample_every", "eval_every", "checkpoint_every"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))
        for name in ("lr", "grad_clip"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        for name in ("lr_warmup", "lr_decay"):
            check_share(name, getattr(self, name))
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"betas must be two numbers from 0 to below 1, got {list(self.betas)}")
        check_one_of("b_dec_init", self.b_dec_init, ("geometric_median", "mean", "zero"))
        check_one_of("precision", self.precision, ("fp32", "candidates_bf16"))
        check_one_of("dtype", self.dtype, ("float32", "float64"))
        check_one_of("ablation", self.ablation, ("mean", "zero"))

    def resolved_lr(self, d_sae: int) -> float:
        """Give the learning rate for a dictionary of this size, and a run of this length.

        2e-4 * sqrt(2**14 / d_sae) is Gao et al.'s, for 300,000 steps. A shorter run takes larger ones, by
        (300,000 / n_steps)^0.32, up to 0.01: on the pocket model's activations, 1000 steps at the long run's rate leave
        twice the error (17 % of the variance instead of 9 %).

        Source: Gao et al. 2024, https://arxiv.org/abs/2406.04093 (the largest run: 40 billion tokens in batches of
        131,072); Bjorck et al. 2024, https://arxiv.org/abs/2409.19913 (the exponent, for language models).
        """
        if self.lr is not None:
            return self.lr
        long_run = 2e-4 * math.sqrt(2**14 / d_sae)
        n_steps = -(-self.n_tokens // self.batch_size)
        return max(long_run, min(1e-2, long_run * float((300_000 / n_steps) ** 0.32)))

    def dead_window(self) -> int:
        """Give the number of tokens without firing after which a latent counts as dead."""
        return self.auxk.dead_after_tokens or max(1, min(10_000_000, self.n_tokens // 10))

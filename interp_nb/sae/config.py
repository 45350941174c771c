"""What an SAE is and how it is trained: frozen records that check themselves and become JSON and back.

Training settings that belong together are records of their own (`SparsityConfig`, `AuxKConfig`). Names that users give
loosely, `train_sae(..., k=8, l1_coefficient=5)`, are put into these records by `overrides`.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from interp_nb._errors import ConfigError
from interp_nb.sae.records import Record, check_count, check_not_negative, check_one_of, check_positive, check_share

ARCHITECTURES: Final = ("relu", "topk", "batch_topk", "matryoshka", "jumprelu", "gated")
KINDS: Final = ("sae", "transcoder", "skip_transcoder", "crosscoder", "clt")
TAKES_K: Final = ("topk", "batch_topk", "matryoshka")
MULTI_SITE: Final = ("crosscoder", "clt")
DEFAULT_K: Final = 32
FREE_NORM: Final = 0.1
"""Norm of decoder rows that are learned, before training (Conerly et al. 2024, April update)."""

SPARSITY_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "relu": ("l1", "tanh"),
    "jumprelu": ("step", "tanh", "target_l0"),
    "gated": ("l1",),
}
"""Sparsity losses an architecture can be trained with, its own paper's first; the others are kept sparse by k."""


@dataclass(frozen=True)
class SAEConfig(Record):
    """Say what an SAE is: its widths, how it activates, what it reads and writes."""

    d_in: int
    """Width of the activations it reads; several sites one after another for crosscoders."""
    d_sae: int
    """Number of latents."""
    architecture: str = "batch_topk"
    """How latents activate: "relu", "topk", "batch_topk", "matryoshka", "jumprelu" or "gated"."""
    k: int | None = None
    """Active latents per token (a mean over the batch for "batch_topk"); 32 unless given; None where nothing is kept
    to a number."""
    d_out: int | None = None
    """Width of what it writes; `d_in` unless it is a transcoder."""
    kind: str = "sae"
    """What is reconstructed from what: "sae", "transcoder", "skip_transcoder", "crosscoder" or "clt"."""
    n_sites: int = 1
    """Number of sites a crosscoder or cross-layer transcoder reads."""
    matryoshka_widths: tuple[int, ...] | None = None
    """Nested dictionary sizes, ascending, the last `d_sae`; a 16th, an 8th, a 4th, a half and all unless given."""
    bandwidth: float | None = None
    """Width of JumpReLU's kernel around the threshold, in units of the scaled pre-activation; 0.3 times the initial
    threshold's default unless given. The paper's 0.001 is for billions of tokens."""
    init_threshold: float | None = None
    """JumpReLU's threshold before training, in the same units; the norm of decoder rows then (1 or 0.1) unless given.
    That is the pre-activations' standard deviation: about a sixth of the latents fire, and thresholds are where they
    matter; from the paper's 0.001 Adam needs thousands of steps to get there."""
    decoder_norm: str | None = None
    """Either "unit": every decoder row has norm 1; or "free": norms are learned and weigh the sparsity loss. By default
    "free" for "relu" (the April update) and where there are several sites, else "unit"."""
    subtract_b_dec: bool | None = None
    """Whether the decoder's bias is taken off the input; by default for SAEs and not where input and output differ."""
    sites: tuple[str, ...] = ()
    """Hook names it was trained on, for error messages and cards; of a transcoder, input then output."""
    model: str | None = None
    """Name of the model it was trained on."""

    def __post_init__(self) -> None:
        """Fill in what depends on other fields, and refuse what makes no sense."""
        check_one_of("architecture", self.architecture, ARCHITECTURES)
        check_one_of("kind", self.kind, KINDS)
        for name in ("d_in", "d_sae", "n_sites"):
            check_count(name, getattr(self, name))
        for name, value in self._derived().items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        for name in ("bandwidth", "init_threshold"):
            check_positive(name, getattr(self, name))
        check_count("d_out", self.d_out)
        check_one_of("decoder_norm", self.decoder_norm, ("unit", "free"))
        self._check_k()
        self._check_widths()
        self._check_kind()

    @property
    def output_width(self) -> int:
        """Width of what it writes; `d_out` once it is known."""
        assert self.d_out is not None
        return self.d_out

    def _derived(self) -> dict[str, Any]:
        takes_k, multi = self.architecture in TAKES_K, self.kind in MULTI_SITE
        decoder_norm = self.decoder_norm or ("free" if self.architecture == "relu" or multi else "unit")
        norm = 1.0 if decoder_norm == "unit" else FREE_NORM
        shares = {max(1, self.d_sae // part) for part in (16, 8, 4, 2, 1)}
        return {
            "k": min(DEFAULT_K, self.d_sae) if takes_k else None,
            "d_out": self.d_in,
            "matryoshka_widths": tuple(sorted(shares)) if self.architecture == "matryoshka" else None,
            "decoder_norm": decoder_norm,
            "subtract_b_dec": self.kind == "sae",
            "bandwidth": 0.3 * norm,
            "init_threshold": norm,
        }

    def _check_k(self) -> None:
        if self.architecture not in TAKES_K:
            if self.k is not None:
                raise ConfigError(
                    f"{self.architecture} has no k, got k={self.k}: how many latents fire follows from its sparsity "
                    f"coefficient; leave k out, or choose {' or '.join(map(repr, TAKES_K))}"
                )
            return
        check_count("k", self.k)
        assert self.k is not None
        if self.k > self.d_sae:
            raise ConfigError(f"k must be at most d_sae={self.d_sae}, got {self.k}: there are not that many latents")

    def _check_widths(self) -> None:
        widths = self.matryoshka_widths
        if widths is None:
            return
        if self.kind == "clt":
            raise ConfigError("matryoshka needs one dictionary, and a clt has one per site; choose 'batch_topk'")
        if self.architecture != "matryoshka":
            raise ConfigError(f"matryoshka_widths need architecture='matryoshka', got {self.architecture!r}")
        if not widths or widths[0] < 1 or any(a >= b for a, b in pairwise(widths)):
            raise ConfigError(f"matryoshka_widths must be ascending and positive, got {list(widths)}")
        if widths[-1] != self.d_sae:
            raise ConfigError(
                f"matryoshka_widths must end in d_sae={self.d_sae}, the whole dictionary, got {list(widths)}"
            )

    def _check_kind(self) -> None:
        if self.kind not in MULTI_SITE:
            if self.n_sites != 1:
                raise ConfigError(f"n_sites={self.n_sites} needs kind='crosscoder' or 'clt', got {self.kind!r}")
        elif self.d_in % self.n_sites or self.output_width % self.n_sites:
            raise ConfigError(f"d_in={self.d_in} and d_out={self.d_out} must be multiples of n_sites={self.n_sites}")
        elif self.decoder_norm == "unit":
            raise ConfigError(
                f"decoder_norm must be 'free' for a {self.kind}, got 'unit': how strongly a latent writes to each site "
                "is what it has to learn"
            )
        if self.kind in ("sae", "crosscoder") and self.d_out != self.d_in:
            raise ConfigError(
                f"a {self.kind} writes what it reads: d_out={self.d_out} must equal d_in={self.d_in}; for another "
                "output give kind='transcoder'"
            )
        if self.kind != "sae" and self.subtract_b_dec:
            raise ConfigError(f"subtract_b_dec must be False for a {self.kind}: b_dec lives where it writes")
        if self.kind == "clt" and self.d_sae % self.n_sites:
            raise ConfigError(
                f"d_sae={self.d_sae} must be a multiple of n_sites={self.n_sites}: latents belong to sites"
            )


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

"""What an SAE is: a frozen record that checks itself and becomes JSON and back; how it is trained is `train_config`."""

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Final

from interp_nb._errors import ConfigError
from interp_nb.sae.imported import INPUT_NORMS, LATER, check_imported, settings_of_pairs
from interp_nb.sae.imported import KINDS as IMPORTED_KINDS
from interp_nb.sae.imported import NAMES as IMPORTED
from interp_nb.sae.records import Record, check_count, check_one_of, check_positive

ARCHITECTURES: Final = ("relu", "topk", "batch_topk", "matryoshka", "jumprelu", "gated")
"""What `train_sae` trains; `imported` has the architectures that are only read from other libraries' files."""
KINDS: Final = ("sae", "transcoder", "skip_transcoder", "crosscoder", "clt")
TAKES_K: Final = ("topk", "batch_topk", "matryoshka", "abs_topk", "group_max", "signed_topk")
CROSS_LAYER: Final = ("clt", "skip_clt")
MULTI_SITE: Final = ("crosscoder", *CROSS_LAYER)
DEFAULT_K: Final = 32
FREE_NORM: Final = 0.1
"""Norm of decoder rows that are learned, before training (Conerly et al. 2024, April update)."""


@dataclass(frozen=True)
class SAEConfig(Record):
    """Say what an SAE is: its widths, how it activates, what it reads and writes."""

    d_in: int
    """Width of the activations it reads; several sites one after another for crosscoders."""
    d_sae: int
    """Number of latents."""
    architecture: str = "batch_topk"
    """How latents activate: "relu", "topk", "batch_topk", "matryoshka", "jumprelu" or "gated"; of imported SAEs also
    "abs_topk", "group_max", "matching_pursuit", "temporal", "signed_jumprelu" or "signed_topk"."""
    k: int | None = None
    """Active latents per token (a mean over the batch for "batch_topk"); 32 unless given; None where nothing is kept
    to a number."""
    d_out: int | None = None
    """Width of what it writes; `d_in` unless it is a transcoder."""
    kind: str = "sae"
    """What is reconstructed from what: "sae", "transcoder", "skip_transcoder", "crosscoder" or "clt"; of
    imported SAEs also "skip_clt"."""
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
    """Either "unit": every decoder row has norm 1; or "free": norms are learned and weigh the sparsity loss; or, of
    imported SAEs, "any": rows have whatever norm, and nothing is ranked or weighed by it. By default "free" for "relu"
    (the April update) and where there are several sites, else "unit"."""
    subtract_b_dec: bool | None = None
    """Whether the decoder's bias is taken off the input; by default for SAEs and not where input and output differ."""
    sites: tuple[str, ...] = ()
    """Hook names it was trained on, for error messages and cards; of a transcoder, input then output."""
    model: str | None = None
    """Name of the model it was trained on."""
    exact_threshold: bool = False
    """Whether an imported JumpReLU's thresholds are kept as numbers, negative ones included, not as logarithms."""
    input_norm: str = "none"
    """What is done to each row on entry and undone on exit, of imported SAEs: "none", "layer_norm" (mean 0, standard
    deviation 1) or "constant_norm" (norm sqrt(d_in))."""
    n_heads: int | None = None
    """Heads of the activations it reads, 0 = its files do not say how many; these may then come as [... head d_head]
    too."""
    settings: tuple[tuple[str, Any], ...] | dict[str, Any] = ()
    """Further settings of an imported architecture, by name; may be given as a dict."""

    def __post_init__(self) -> None:
        """Fill in what depends on other fields, and refuse what makes no sense."""
        check_one_of("architecture", self.architecture, (*ARCHITECTURES, *IMPORTED))
        check_one_of("kind", self.kind, (*KINDS, *IMPORTED_KINDS))
        check_one_of("input_norm", self.input_norm, INPUT_NORMS)
        object.__setattr__(self, "settings", settings_of_pairs(self.settings))
        for name in ("d_in", "d_sae", "n_sites"):
            check_count(name, getattr(self, name))
        for name, value in self._derived().items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        for name in ("bandwidth", "init_threshold"):
            check_positive(name, getattr(self, name))
        check_count("d_out", self.d_out)
        check_one_of("decoder_norm", self.decoder_norm, ("unit", "free", "any"))
        self._check_k()
        self._check_widths()
        self._check_kind()
        check_imported(self)

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` turns back into an equal record.

        Fields that files from before them do not have are left out at their defaults, so that hashes stay what they
        were.
        """
        written = super().to_json()
        if self.settings:
            written["settings"] = dict(self.settings)
        for item in fields(self):
            if item.name in LATER and getattr(self, item.name) == item.default:
                del written[item.name]
        return written

    def setting(self, name: str) -> Any:
        """Give one of `settings`; None where it is not there."""
        return dict(self.settings).get(name)

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
        if self.kind in CROSS_LAYER:
            raise ConfigError(f"matryoshka needs one dictionary, a {self.kind} has one per site; choose 'batch_topk'")
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
        if self.kind in CROSS_LAYER and self.d_sae % self.n_sites:
            raise ConfigError(
                f"d_sae={self.d_sae} must be a multiple of n_sites={self.n_sites}: latents belong to sites"
            )

"""The rows of a report's tables: numbers with their intervals, histograms, concepts, probes, latents."""

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jaxtyping import Float, Int
from torch import Tensor


class Metric(NamedTuple):
    """A number, and how sure it is."""

    value: float
    """The number; NaN where it has no meaning here."""
    low: float
    """Lower end of its 95 % interval; NaN where nothing can be said."""
    high: float
    """Upper end."""
    n: int
    """How many of what is resampled it is from."""
    unit_resampled: str
    """What the interval resamples: "documents", "latents" or "concepts"."""
    with_bos: float
    """The same number with begin-of-text tokens counted; NaN where it has no meaning."""


class Distribution(NamedTuple):
    """A histogram."""

    edges: Float[Tensor, " edge"]
    """Edges of the bins, ascending; a value on an edge is in the bin above it, the last edge in the last bin."""
    counts: Int[Tensor, " bin"]
    """How many lie in each bin; one less than edges."""
    label: str
    """What is counted along the axis, such as "tokens by cosine similarity"."""


class Concept(NamedTuple):
    """A labelled concept, and the latent that tells it best."""

    name: str
    """Such as "entity_type=city"."""
    field: str
    """The label's field, such as "entity_type"."""
    value: str
    """Its value, such as "city"."""
    n_tokens: int
    """Tokens that have it, in the half that is scored."""
    n_docs: int
    """Documents they are from."""
    latent_idx: int
    """The latent, chosen on the other half; -1 where none was live there."""
    threshold: float
    """It says yes above this activation."""
    precision: float
    """Share of the tokens it says yes to that have the concept."""
    recall: float
    """Share of the tokens with the concept that it says yes to."""
    f1: float
    """Harmonic mean of the two."""
    low: float
    """Lower end of the 95 % interval of `f1`, documents resampled."""
    high: float
    """Upper end."""
    lookup_f1: float
    """F1 of a look-up of the token, learned on the same half."""
    context: bool
    """Whether the concept depends on context: within the half that is not scored, a look-up does not solve it."""
    probe_f1: float
    """F1 of a linear probe of the activations; NaN where none was fitted."""
    precision_low: float = math.nan
    """Lower end of the 95 % interval of `precision`, documents resampled."""
    precision_high: float = math.nan
    """Upper end."""
    recall_low: float = math.nan
    """Lower end of the 95 % interval of `recall`, documents resampled."""
    recall_high: float = math.nan
    """Upper end."""
    lookup_low: float = math.nan
    """Lower end of the 95 % interval of `lookup_f1`, documents resampled."""
    lookup_high: float = math.nan
    """Upper end."""
    probe_low: float = math.nan
    """Lower end of the 95 % interval of `probe_f1`, documents resampled."""
    probe_high: float = math.nan
    """Upper end."""


class ProbeRow(NamedTuple):
    """A probe that reads k latents."""

    task: str
    """What it tells."""
    k: int
    """Latents it may read."""
    latents: tuple[int, ...]
    """Which ones."""
    accuracy: float
    """Balanced accuracy on documents it did not see, 0.5 = chance."""
    low: float
    """Lower end of its 95 % interval, documents resampled."""
    high: float
    """Upper end."""
    dense_accuracy: float
    """The same of a probe of the activations themselves."""
    dense_low: float = math.nan
    """Lower end of its 95 % interval, documents resampled."""
    dense_high: float = math.nan
    """Upper end."""


class AbsorptionRow(NamedTuple):
    """How far a narrower concept's latent took over tokens of a broader one."""

    parent: str
    """The broader concept, such as "entity_type=city"."""
    child: str
    """The narrower one, such as "entity=Paris"."""
    parent_latents: tuple[int, ...]
    """Latents of the broader concept."""
    absorbing_latents: tuple[int, ...]
    """Latents that fire in their place."""
    rate: float
    """Share of the child's tokens that were taken over."""
    low: float
    """Lower end of its 95 % interval, documents resampled."""
    high: float
    """Upper end."""
    n: int
    """Tokens of the child."""


class CausalRow(NamedTuple):
    """What taking one latent out does to the predictions, beside a random direction of equal norm."""

    latent_idx: int
    """The latent."""
    effect: float
    """Nats per firing; NaN where it could not be measured."""
    random: float
    """The same of the random direction."""
    low: float
    """Lower end of the 95 % interval of effect - random, paired, documents resampled."""
    high: float
    """Upper end."""
    beyond: bool
    """Whether the latent does more than the random direction, by a test that chance passes 5 times in 100."""
    n_docs: int
    """Documents it was measured in."""
    effect_low: float = math.nan
    """Lower end of the 95 % interval of `effect`, documents resampled."""
    effect_high: float = math.nan
    """Upper end."""
    random_low: float = math.nan
    """Lower end of the 95 % interval of `random`, documents resampled."""
    random_high: float = math.nan
    """Upper end."""


@dataclass(frozen=True, eq=False)
class GroupResult:
    """What one group of a report found; what could not be measured is in `skipped` with the reason."""

    metrics: dict[str, Metric]
    """By name; only names of the group."""
    distributions: dict[str, Distribution] = field(default_factory=dict)
    """By name."""
    tables: dict[str, list[Any]] = field(default_factory=dict)
    """Rows of the report's tables: "concepts", "probes", "absorbed" or "causal"."""
    notes: list[str] = field(default_factory=list)
    """What the reader has to know."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Names of numbers that were not measured, and why."""
    sums: dict[str, Float[Tensor, "doc 2"]] = field(default_factory=dict)
    """Per document numerators and denominators of metrics that are ratios of sums over documents."""

"""Which labels people should look at first, and how far people and machine agree.

    queue = review_queue(store, model)          # latents that move the model most, first
    store.labels.judge(queue.items[0].latent_idx, right=True, author="ada")
    agreement(store)                            # Cohen's kappa of people's verdicts and the machine's own

The machine's verdict on its label is `reliable`; a person's is given with `LabelBook.judge` or `write(verdict=...)`.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb._show import two_decimals
from interp_nb._stats import bootstrap_counts
from interp_nb.features.effects import measure_effects
from interp_nb.models.protocol import HookedModel

if TYPE_CHECKING:
    import pandas as pd

RankBy = Literal["firing", "token"]

N_WINDOWS: Final = 8
"""Windows per latent: enough to rank by, see `effects.N_WINDOWS` for what intervals need."""


class ReviewItem(NamedTuple):
    """A latent that waits for a person's verdict."""

    latent_idx: int
    """Index of the latent."""
    causal_effect: float
    """How far predictions move when it is taken out where it fires, nats per firing."""
    per_token: float
    """The same per token of text: times its density."""
    label: str
    """The machine's label; empty where it has none."""
    method: str
    """Who made it."""
    reliable: bool | None
    """The machine's own verdict on it."""


@dataclass(frozen=True)
class ReviewQueue:
    """Latents in the order in which people should look at them."""

    items: tuple[ReviewItem, ...]
    """The first is the one that matters most."""
    by: RankBy
    """What they are ranked by: the effect of a firing, or of the latent on all the text."""
    n_unmeasured: int = 0
    """Latents that were to be ranked and are not here, because no window of text was found to measure them in."""

    def __repr__(self) -> str:
        """One line."""
        first = f", first {self.items[0].latent_idx}" if self.items else ""
        left_out = f", {self.n_unmeasured} not measured" if self.n_unmeasured else ""
        return f"ReviewQueue({len(self.items)} latents by effect per {self.by}{first}{left_out})"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per latent, in order."""
        import pandas as pd

        return pd.DataFrame(list(self.items), columns=list(ReviewItem._fields)).set_index("latent_idx")


class Agreement(NamedTuple):
    """How far two verdicts on the same latents agree."""

    kappa: float
    """Cohen's kappa: 1 = always, 0 = as often as by chance; NaN where both always say the same one thing."""
    low: float
    """Lower end of its 95 % interval over latents."""
    high: float
    """Upper end of its 95 % interval."""
    share: float
    """Share of latents on which they agree."""
    n: int
    """Latents that both gave a verdict on."""

    def __repr__(self) -> str:
        """One line."""
        ends = f"{two_decimals(self.low)} to {two_decimals(self.high)}"
        return f"Agreement(kappa {two_decimals(self.kappa)} ({ends}), {self.share:.0%} of {self.n} latents)"


def review_queue(
    store: Any,
    model: HookedModel,
    *,
    latents: Sequence[int] | Int64[np.ndarray, " latent"] | None = None,
    by: RankBy = "firing",
    n: int = 50,
    n_windows: int = N_WINDOWS,
    seed: int = 0,
) -> ReviewQueue:
    """Rank latents that nobody has given a verdict on by how far they move the model's predictions.

    Args:
        latents: Which ones to choose from; None = those with a machine's label, or all that fired where none has.
        by: "firing": effect where it fires; "token": that times how often it fires.
        n: Length of the queue.
        n_windows: Windows of text in which each latent is taken out.

    Raises:
        ConfigError: nothing to choose from, or sizes that make no sense.

    Cost: see `measure_effects`: n_windows short forwards per latent to choose from.
    """
    if by not in ("firing", "token") or n < 1:
        raise ConfigError(f"by must be 'firing' or 'token' and n at least 1, got {by!r} and {n}")
    book = store.labels
    judged = {latent for latent, label in book.current().items() if label.human} | set(verdicts(store)[0])
    if latents is None:
        alive = np.flatnonzero(np.asarray(store.column("count")) > 0).tolist()
        labelled = [latent for latent in alive if book.machine(latent) is not None]
        latents = labelled or alive
    open_ones = [int(latent) for latent in dict.fromkeys(latents) if int(latent) not in judged]
    if not open_ones:
        return ReviewQueue((), by)
    effects = measure_effects(store, model, open_ones, n_windows=n_windows, seed=seed)
    density = np.asarray(store.column("density"))
    items = []
    for latent, effect in zip(open_ones, effects.causal_effect.tolist(), strict=True):
        label = book.machine(latent)
        made = (label.text, label.method, label.reliable) if label is not None else ("", "", None)
        items.append(ReviewItem(latent, effect, effect * float(density[latent]), *made))
    measured = [item for item in items if np.isfinite(item.causal_effect)]
    measured.sort(key=lambda one: (-(one.causal_effect if by == "firing" else one.per_token), one.latent_idx))
    return ReviewQueue(tuple(measured[:n]), by, len(items) - len(measured))


def verdicts(store: Any) -> tuple[dict[int, bool], dict[int, bool]]:
    """Return the newest verdicts by latent: people's, and the machine's on its newest label."""
    people: dict[int, bool] = {}
    machine: dict[int, bool] = {}
    for latent in store.labels.latents():
        for label in store.labels.history(latent):
            if label.human and label.reliable is not None:
                people[latent] = label.reliable
        newest = store.labels.machine(latent)
        if newest is not None and newest.reliable is not None:
            machine[latent] = newest.reliable
    return people, machine


def agreement(store: Any, *, seed: int = 0) -> Agreement:
    """Say how far people and the machine agree on which labels are right.

    Raises:
        ConfigError: there is no latent on which both gave a verdict.
    """
    people, machine = verdicts(store)
    both = sorted(people.keys() & machine.keys())
    if not both:
        raise ConfigError(
            f"no latent has a verdict of a person ({len(people)} have) and of the machine ({len(machine)} have); "
            "store.labels.judge gives one, label_features the other"
        )
    return cohen_kappa([people[latent] for latent in both], [machine[latent] for latent in both], seed=seed)


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable], *, seed: int = 0) -> Agreement:
    """Compute Cohen's kappa of two lists of verdicts, with an interval over what they are about.

    kappa = (share that agrees - share expected by chance) / (1 - share expected by chance)

    Raises:
        ConfigError: the lists are empty, or of different length.

    Source: Cohen 1960, A coefficient of agreement for nominal scales; computed by scikit-learn.
    """
    if len(first) != len(second) or not first:
        raise ConfigError(f"two lists of verdicts on the same latents are needed, got {len(first)} and {len(second)}")
    from sklearn.metrics import cohen_kappa_score

    numbers = {verdict: number for number, verdict in enumerate(dict.fromkeys([*first, *second]))}
    rows, columns = ([numbers[verdict] for verdict in verdicts] for verdicts in (first, second))
    k = len(numbers)
    kappa = float(cohen_kappa_score(rows, columns, labels=list(range(k)))) if k > 1 else float("nan")
    pairs = torch.zeros(len(rows), k * k)
    pairs[torch.arange(len(rows)), torch.tensor(rows) * k + torch.tensor(columns)] = 1.0

    def statistic(sums: Float[Tensor, "*batch pair"]) -> Float[Tensor, "*batch 1"]:
        table = (sums / sums.sum(-1, keepdim=True)).reshape(*sums.shape[:-1], k, k)
        agreed = table.diagonal(dim1=-2, dim2=-1).sum(-1)
        chance = (table.sum(-1) * table.sum(-2)).sum(-1)
        kappas: Tensor = ((agreed - chance) / (1 - chance)).unsqueeze(-1)
        return kappas

    low, high = bootstrap_counts(pairs, statistic, seed=seed)
    share = float(np.mean([one == other for one, other in zip(rows, columns, strict=True)]))
    return Agreement(kappa, float(low[0]), float(high[0]), share, len(rows))

"""Advice in plain words: what is unusual about an SAE's numbers, and which setting to change.

The training monitor and the report give the same advice. Each rule is a rule of thumb: it says what is unusual, not
what is wrong, and names what would tell. Nothing is said of what was not measured, or of too little text.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from interp_nb.sae.config import TAKES_K

USUAL_SHARE: Final = (0.02, 0.05)
"""Share of latents active on a token, of dictionaries of up to about a thousand latents."""
USUAL_L0: Final = (20.0, 200.0)
"""Latents active on a token, of wide dictionaries. A token has only so much to say: from thousands to millions of
latents, published SAEs keep L0 at tens to a few hundreds, far below 2 % of the width (Gao et al. 2024,
https://arxiv.org/abs/2406.04093; Lieberum et al. 2024, https://arxiv.org/abs/2408.05147)."""
FAR: Final = 2.0
"""Times outside of the usual range from which it is worth a word."""
MANY_DEAD: Final = 0.1
MANY_DENSE: Final = 0.02
FEWEST_DENSE: Final = 3
"""One or two dense latents are found in nearly every SAE, for position or the mean."""
SHRUNK: Final = 0.9
INFLATED: Final = 1.1
POOR: Final = 0.5
"""Explained variance below which a reconstruction is a poor stand-in."""
GOOD: Final = 0.8
"""Explained variance from which few latents seem to suffice."""
FEW_DOCUMENTS: Final = 20
"""Documents below which bootstrap intervals are too narrow (see `_stats.bootstrap_ratio`)."""
FIRINGS_TO_JUDGE: Final = 50
"""Times the average latent must have fired before latents that never did are called dead. Rare ones fire less."""
TOKENS_TO_JUDGE: Final = 1_000
"""Tokens below which not even L0 is judged."""
FELL: Final = 0.1
"""Fall of explained variance, at no lower L0, that is not noise."""


def advise(
    *,
    d_sae: int,
    n_tokens: int,
    architecture: str = "",
    k: int | None = None,
    l0: float = math.nan,
    dead_fraction: float = math.nan,
    dense_fraction: float = math.nan,
    shrinkage: float = math.nan,
    explained_variance: float = math.nan,
    window_tokens: int | None = None,
    n_docs: int | None = None,
    coefficient: str = "",
    training: bool = False,
) -> list[str]:
    """Say what is unusual about an SAE, and what to change.

    Args:
        n_tokens: Tokens that the numbers are from.
        architecture: What makes it sparse, so that the setting can be named; "" = not known.
        dense_fraction: Share of latents that fire on more than a tenth of the tokens.
        shrinkage: Mean length of the reconstruction / length of the activation.
        window_tokens: `dead_fraction` is of latents that fired on none of that many tokens; None = of all of them.
        n_docs: Documents the intervals resample; None = there are no intervals.
        coefficient: Name of the weight of the sparsity loss, where it is not the architecture's usual one.
        training: The SAE is in training: settings can still be changed.

    Returns:
        Sentences, the weightiest first; none where nothing is unusual. NaN is not measured: nothing is said of it.

    Source: the 2 to 5 % are a rule of thumb for small dictionaries, `USUAL_L0` what is published of wide ones. What too
        low and too high L0 do: Chanin and Garriga-Alonso 2025, https://arxiv.org/abs/2508.16560. Dense latents that
        mean something: Sun et al. 2025, https://arxiv.org/abs/2506.15679. Shrinkage: Wright and Sharkey 2024; Jermyn et
        al. 2024.
    """
    if n_tokens < TOKENS_TO_JUDGE:
        return [] if training else [_too_little(n_tokens, "nothing can be judged")]
    low, high = usual_l0(d_sae)
    wanted = "sparser" if l0 > FAR * high else "denser" if l0 < low / FAR else ""
    setting = _Setting(architecture, k, coefficient, training, wanted)
    said = [
        _unreconstructed(explained_variance, setting),
        _sparsity(l0, d_sae, explained_variance, setting),
        _dead(dead_fraction, d_sae, l0, window_tokens or n_tokens, setting),
        _dense(dense_fraction, d_sae, setting),
        _shrunk(shrinkage, setting),
    ]
    if n_docs is not None and n_docs < FEW_DOCUMENTS:
        said.append(
            f"The text has {n_docs} {'document' if n_docs == 1 else 'documents'}: intervals resample documents, and of "
            f"fewer than {FEW_DOCUMENTS} they are too narrow or cannot be given. Evaluate on more text."
        )
    return [text for text in said if text]


def usual_l0(d_sae: int) -> tuple[float, float]:
    """Give the range of L0 that is usual for a dictionary of this width.

    From 2 % of the latents (20 of them at most) to 5 % (200 at most, and 2 in the smallest dictionaries).
    """
    return min(USUAL_SHARE[0] * d_sae, USUAL_L0[0]), max(2.0, min(USUAL_SHARE[1] * d_sae, USUAL_L0[1]))


def advise_training(
    history: Sequence[Mapping[str, Any]],
    *,
    d_sae: int,
    architecture: str,
    n_tokens: int,
    n_dead: int,
    n_dense: int,
    window_tokens: int,
    settled_from: float = 0.0,
    coefficient: str = "",
    over: bool = False,
) -> list[str]:
    """Say what is unusual about an SAE in training; nothing before there is enough to judge.

    Args:
        history: Its own records, in order, or the latest of them; see `TrainingRun.history`.
        n_tokens: Tokens it is to train on.
        n_dead: Latents that fired on none of the last `window_tokens` tokens.
        n_dense: Latents that fire on more than a tenth of recent tokens.
        settled_from: Share of the run over which schedules still raise sparsity: nothing is judged before.
        coefficient: Name of the weight of its sparsity loss; "" = it has none.
        over: Nothing can be changed any more but in another run.
    """
    if not history:
        return []
    last = history[-1]
    tokens, l0 = int(last["tokens"]), _number(last.get("l0"))
    # A tenth of the run, too: how an SAE looks in its first steps says nothing of how it ends.
    judged = tokens >= max(settled_from, 0.1) * n_tokens and tokens * max(l0, 0.0) >= FIRINGS_TO_JUDGE * d_sae
    if not judged:
        return []
    found = advise(
        d_sae=d_sae, n_tokens=tokens, architecture=architecture, l0=l0, dead_fraction=n_dead / d_sae,
        dense_fraction=n_dense / d_sae, explained_variance=_number(last.get("explained_variance")),
        window_tokens=window_tokens, coefficient=coefficient, training=not over,
    )  # fmt: skip
    return [text for text in (_unstable(history, settled_from * n_tokens), *found) if text]


class _Setting:
    """How to name what makes an SAE sparse, and how to change it.

    Args:
        wanted: What L0 by itself asks for, "sparser" or "denser": no other rule then advises the opposite.
    """

    def __init__(self, architecture: str, k: int | None, coefficient: str, training: bool, wanted: str) -> None:
        self.architecture, self.training, self._wanted = architecture, training, wanted
        usual = {"relu": "l1_coefficient", "gated": "l1_coefficient", "jumprelu": "sparsity_coefficient"}
        self._coefficient = coefficient or usual.get(architecture, "its sparsity setting")
        self._takes_k = architecture in TAKES_K or k is not None

    def change(self, to: str) -> str:
        """Say which setting makes it "sparser" or "denser"; "" where L0 asks for the opposite."""
        if self._wanted not in ("", to):
            return ""
        # A weight of the loss: more of it is sparser.
        raised = (to == "denser") == self._takes_k
        again = "" if self.training else " and train it again"
        return f"{'raise' if raised else 'lower'} {'k' if self._takes_k else self._coefficient}{again}"


def _joined(*options: str) -> str:
    """Write what may be done: "a, b, or c"."""
    known = [option for option in options if option]
    return ", or ".join(filter(None, (", ".join(known[:-1]), known[-1])))


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.095 else f"{100 * share:.0f} %"


def _too_little(n_tokens: int, what: str) -> str:
    return f"The text has {n_tokens:,} tokens, of which {what}: evaluate on more text."


def _unreconstructed(explained_variance: float, setting: _Setting) -> str:
    if math.isnan(explained_variance) or explained_variance >= POOR:
        return ""
    if explained_variance <= 0:
        said = (
            f"The reconstruction is no better than the mean activation (explained variance {explained_variance:.2f}):"
        )
        if setting.training:
            return f"{said} {_joined('lower lr', 'keep normalize=True', setting.change('denser'))}."
        return f"{said} check that it is the model, the site and the scale of activations that it was trained on."
    return (
        f"Explained variance is {explained_variance:.2f}, and what the SAE does not reconstruct may be what matters: "
        f"{_joined('train on more tokens', 'raise d_sae', setting.change('denser'))}."
    )


def _sparsity(l0: float, d_sae: int, explained_variance: float, setting: _Setting) -> str:
    """Hold L0 against the usual range; for wide dictionaries that is a number of latents, not a share."""
    low, high = usual_l0(d_sae)
    if math.isnan(l0) or low / FAR <= l0 <= high * FAR:
        return ""
    usual = "2 to 5 %"
    if low == USUAL_L0[0]:
        usual = f"{low:.3g} to {high:.3g} (the 2 to 5 % of small dictionaries do not carry over to wide ones)"
    said = (
        f"{l0:.3g} of {d_sae:,} latents are active on a token (L0; {_percent(l0 / d_sae)}); usual for a dictionary of "
        f"this width is {usual}."
    )
    if l0 > high:
        return f"{said} So many may mix several meanings in one latent: {setting.change('sparser')}."
    if explained_variance >= GOOD:
        return (
            f"{said} It reconstructs well nevertheless (explained variance {explained_variance:.2f}), which a small "
            f"model or simple text allows. Before you rely on its features, compare: {setting.change('denser')}."
        )
    return f"{said} So few may merge meanings that occur together: {setting.change('denser')}."


def _dead(dead_fraction: float, d_sae: int, l0: float, window_tokens: int, setting: _Setting) -> str:
    if math.isnan(dead_fraction) or dead_fraction < MANY_DEAD:
        return ""
    said = f"{_percent(dead_fraction)} of the latents ({round(dead_fraction * d_sae):,}) fired on none of "
    if setting.training:
        return (
            f"{said}the last {window_tokens:,} tokens: they are dead. Raise auxk_coefficient; in another run, set "
            "resample_every, lower lr, or take a smaller d_sae."
        )
    if not window_tokens * l0 >= FIRINGS_TO_JUDGE * d_sae:
        return f"{said}{window_tokens:,} tokens, which is too little text to call them dead: evaluate on more."
    return (
        f"{said}{window_tokens:,} tokens: they are dead, or very rare. Raise auxk_coefficient, set resample_every, "
        "lower lr, or take a smaller d_sae, and train it again."
    )


def _dense(dense_fraction: float, d_sae: int, setting: _Setting) -> str:
    count = 0 if math.isnan(dense_fraction) else round(dense_fraction * d_sae)
    if count < FEWEST_DENSE or dense_fraction < MANY_DENSE:
        return ""
    return (
        f"{count:,} latents ({_percent(dense_fraction)}) fire on more than a tenth of the tokens. A few stand for "
        f"position or the mean, so many say little about a token: {_joined(setting.change('sparser'), 'lower lr')}."
    )


def _shrunk(shrinkage: float, setting: _Setting) -> str:
    if math.isnan(shrinkage) or SHRUNK <= shrinkage <= INFLATED:
        return ""
    if shrinkage > INFLATED:
        return (
            f"Reconstructions are {shrinkage:.2f} times as long as the activations: check that these are on the scale "
            "it was trained on."
        )
    said = f"Reconstructions are {shrinkage:.2f} times as long as the activations."
    if setting.architecture == "relu":
        other = "take architecture='batch_topk', 'jumprelu' or 'gated', which do not shrink"
        return f"{said} The L1 loss shrinks whatever fires: {_joined(setting.change('denser'), other)}."
    return f"{said} What is not reconstructed is missing there: {_joined(setting.change('denser'), 'train longer')}."


def _unstable(history: Sequence[Mapping[str, Any]], settled_tokens: float) -> str:
    """Find a fall of explained variance that more sparsity does not explain."""
    last = history[-1]
    now, l0 = _number(last.get("explained_variance")), _number(last.get("l0"))
    before = [
        _number(record.get("explained_variance"))
        for record in history[:-1]
        if record["tokens"] >= settled_tokens and _number(record.get("l0")) <= 1.1 * l0
    ]
    best = max((value for value in before if not math.isnan(value)), default=math.nan)
    if not best - now > FELL:
        return ""
    return (
        f"Explained variance fell from {best:.2f} to {now:.2f} although L0 is no lower: training is unstable. "
        "Lower lr, and keep grad_clip=1."
    )

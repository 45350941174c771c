"""Where a training run is, what was changed in it, and what is known of its SAEs: plain values, as JSON has them."""

from typing import Any, Final

from interp_nb.evaluation.names import DENSE_ABOVE
from interp_nb.sae.advice import advise_training
from interp_nb.sae.train_config import TrainConfig
from interp_nb.widgets.train_words import known, readable

MAX_NAMED: Final = 60
"""Dead latents that are named; the others are counted."""
RECENT: Final = 200
"""Records of each SAE that advice looks at, the latest ones: it is given anew at every push."""


def status(result: Any) -> dict[str, Any]:
    """Collect where a run is; what is not known is None."""
    return {
        "state": str(result.state),
        "tokens": int(result.tokens),
        "n_tokens": int(result.n_tokens),
        "step": int(result.step),
        "filling": known(result.filling),
        "tokens_per_second": known(result.tokens_per_second),
        "seconds_left": known(result.seconds_left),
        "reason": str(result.reason),
        # A run that was loaded has nothing that could be set, and nothing to go on with.
        "resumable": str(result.state) in ("stopped", "interrupted", "failed") and any(result.settings),
    }


def changes(result: Any) -> list[dict[str, Any]]:
    """List what was changed, one entry where several SAEs got the same value at the same step."""
    found: list[dict[str, Any]] = []
    for change in list(result.changes):
        same = {name: change[name] for name in ("step", "tokens", "setting", "new")}
        last = found[-1] if found else None
        if last is not None and all(last[name] == value for name, value in same.items()):
            last["saes"].append(change["sae"])
            last["old"] = last["old"] if last["old"] == change["old"] else None
        else:
            found.append({**same, "old": change["old"], "saes": [change["sae"]], "label": readable(change["setting"])})
    return found


def sae_facts(result: Any, index: int) -> dict[str, Any]:
    """Collect what is known of one SAE: its name, its settings, its dead latents."""
    dead = result.dead(index)
    return {
        "name": result.labels[index],
        "d_sae": len(dead),
        "settings": [
            {"name": name, "label": readable(name), **{key: _plain(value) for key, value in facts.items()}}
            for name, facts in result.settings[index].items()
        ],
        "dead": int(dead.sum()),
        "window": int(result.dead_window_tokens[index]),
        "dead_first": [int(latent) for latent in dead.nonzero().flatten()[:MAX_NAMED]],
        "advice": advice(result, index),
    }


def advice(result: Any, index: int) -> list[str]:
    """Say what is unusual about one SAE of a run, and what to change; nothing while there is too little to judge."""
    failures = list(result.failures)
    if failures and failures[index]:
        # The reason of the failure says what to do; its last numbers are no judgement.
        return []
    recent = list(result.history)[-RECENT * len(result.labels) :]
    sae, train = result.configs[index]["sae"], TrainConfig.from_json(result.configs[index]["train"])
    schedules = (train.sparsity.warmup if sae["k"] is None else 0.0, train.lr_warmup,
                 train.sparsity.k_anneal if train.sparsity.k_start is not None else 0.0)  # fmt: skip
    settings, over = result.settings[index], result.state in ("done", "data ended")
    names = [name for name in settings if name in ("l1_coefficient", "sparsity_coefficient")]
    firing = result.firing(index)
    return advise_training(
        [record for record in recent if record["sae"] == index], d_sae=len(firing), architecture=sae["architecture"],
        n_tokens=int(result.n_tokens), n_dead=int(result.dead(index).sum()), n_dense=int((firing > DENSE_ABOVE).sum()),
        window_tokens=int(result.dead_window_tokens[index]), settled_from=max(schedules),
        coefficient=names[0] if names else "", over=over or not settings,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    """Keep JSON's values; a number that is not finite is None."""
    return known(value) if isinstance(value, float) else value

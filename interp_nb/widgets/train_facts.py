"""Where a training run is, what was changed in it, and what is known of its SAEs: plain values, as JSON has them."""

from typing import Any, Final

from interp_nb.widgets.train_words import known, readable

MAX_NAMED: Final = 60
"""Dead latents that are named; the others are counted."""


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
    }


def _plain(value: Any) -> Any:
    """Keep JSON's values; a number that is not finite is None."""
    return known(value) if isinstance(value, float) else value

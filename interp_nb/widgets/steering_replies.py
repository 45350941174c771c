"""What a playground sends, as JSON: its sliders and choices, the text as far as it has come, next tokens."""

from typing import Any, Final

from interp_nb._show import Live
from interp_nb.steering.next_tokens import TOP, NextTokens
from interp_nb.steering.pair_text import MAX_PAIRS
from interp_nb.steering.playground_settings import MAX_CHARS, MAX_NEW, MAX_SLIDERS, operators_of
from interp_nb.widgets import steering_words as says
from interp_nb.widgets.feature_list import drawable
from interp_nb.widgets.feature_replies import number, numbers

SCHEMA: Final = 1
RANGE: Final = 2.0
"""Sliders go from minus this to this; beyond it strengths are typed."""
STEP: Final = 0.05
SIDES: Final = ("baseline", "steered")


def meta_json(playground: Any, offer: dict[str, Any] | None, linked: bool) -> dict[str, Any]:
    """Write what does not change while text comes.

    Args:
        offer: The latent that a linked dashboard has selected, if any.
        linked: Whether a dashboard is linked.
    """
    live = getattr(playground, "_live", None)
    alive = isinstance(live, Live) and live.alive
    n_ctx = int(live.model().cfg.n_ctx) if isinstance(live, Live) and live.alive else None
    return {
        "schema": SCHEMA,
        "arrays": {},
        "subject": f"steering_playground {playground.model_name}",
        "labels": {
            "heading": says.heading(playground),
            "note": says.note(playground) + (f" · context {n_ctx:,}" if n_ctx else ""),
            "model": playground.model_name,
        },
        "live": alive,
        "can": {"generate": alive, "make": alive, "latents": linked and alive},
        "sliders": [slider_json(playground, name) for name in playground.vectors],
        "operators": says.OPERATORS,
        "positions": says.POSITIONS,
        "methods": says.METHODS,
        "limits": {
            "n_new": MAX_NEW,
            "n_ctx": n_ctx,
            "prompt_chars": MAX_CHARS,
            "sliders": MAX_SLIDERS,
            "pairs": MAX_PAIRS,
            "top": TOP,
        },
        "offer": offer,
        "hints": says.HINTS,
        "summary": repr(playground),
    }


def slider_json(playground: Any, name: str) -> dict[str, Any]:
    """Write what is known of one vector."""
    vector, choice = playground.vectors[name], playground.choices.get(name)
    quality = vector.quality
    return {
        "name": drawable(name),
        "kind": "vector" if vector.latent_idx is None else "latent",
        "about": says.about(vector),
        "note": vector.note,
        "site": vector.site,
        "layers": list(vector.layers),
        "norm_share": numbers(playground.shares[name]),
        "latent_idx": vector.latent_idx,
        "quality": []
        if quality is None
        else [
            {"layer": layer, "auc": number(auc), "low": number(low), "high": number(high)}
            for layer, auc, low, high in zip(
                vector.layers, *(each.tolist() for each in (quality.auc, quality.auc_low, quality.auc_high)),
                strict=True,
            )
        ],
        "operators": list(operators_of(vector)),
        "range": [-RANGE, RANGE],
        "step": STEP,
        "marks": says.marks(choice),
        "choice": None if choice is None else {"layer": choice[0], "strength": choice[1]},
        "removable": playground.origins[name]["kind"] != "given",
        "summary": repr(vector),
    }  # fmt: skip


def run_json(playground: Any) -> dict[str, Any]:
    """Write the generation that runs or ran last, as far as it has come."""
    run, job = playground.run, playground._job()
    text, settings = run.generation, run.settings
    if settings is None:
        # Loaded, or never run: what is kept is shown.
        text, settings = playground.generation, playground.generated_with
    found: dict[str, Any] = {
        "run": run.number,
        "state": "done" if job is None else job.state,
        "settings": None if settings is None else settings.as_json(),
        "n_new": 0 if settings is None else settings.n_new,
        "step": 0,
        "prompt_tokens": [],
        "baseline": _side(None),
        "steered": None if settings is not None and not settings.acting else _side(None),
        "diverges_at": None,
        "shares": [],
        "warnings": [],
        "code": run.code,
    }
    if text is not None:
        sides = [getattr(text, side)[:1] for side in SIDES]
        found |= {
            "step": max((len(side[0].tokens) for side in sides if side), default=0),
            "prompt_tokens": [drawable(token) for token in text.prompt_tokens[0]],
            "baseline": _side(sides[0][0] if sides[0] else None),
            "steered": _side(sides[1][0]) if sides[1] else None,
            "diverges_at": text.diverges_at[0] if text.diverges_at else None,
            "shares": _shares(playground, text),
            "warnings": list(text.warnings),
        }
    return found


def _side(continuation: Any) -> dict[str, Any]:
    if continuation is None:
        return {"tokens": [], "log_probs_baseline": [], "log_probs_steered": [], "finished": ""}
    return {
        "tokens": [drawable(token) for token in continuation.tokens],
        "log_probs_baseline": numbers(continuation.log_probs_baseline),
        "log_probs_steered": numbers(continuation.log_probs_steered),
        "finished": continuation.finished,
    }


def _shares(playground: Any, text: Any) -> list[dict[str, Any]]:
    """Name what each steering of a text added, as a share of the residual norm."""
    settings = playground.run.settings or playground.generated_with or playground.settings
    return [
        {"name": drawable(name), "share": number(share)}
        for name, share in zip(settings.acting, text.norm_share_added, strict=False)
    ]


def next_json(found: NextTokens, side: int, n: int) -> dict[str, Any]:
    """Write what comes next, before and after."""
    rows = zip(found.tokens, numbers(found.before), numbers(found.after), strict=True)
    return {
        "side": side,
        "n": n,
        "rows": [{"token": drawable(token), "before": before, "after": after} for token, before, after in rows],
        "kl": number(found.kl),
        "context": drawable(found.follows),
    }

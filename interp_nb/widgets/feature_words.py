"""A feature dashboard in words: headings, what each panel shows, and the Python that gives the view again.

The live view and the picture say the same, because both take it from here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from interp_nb._recipes import call, model_lines, script
from interp_nb.features.records import TOP_BAND

COLUMNS: Final[list[dict[str, str]]] = [
    {"name": "interesting", "label": "interesting", "unit": "", "kind": "number",
     "hint": "High where a latent fires neither rarely nor everywhere, and strongly."},
    {"name": "density", "label": "density", "unit": "of tokens", "kind": "share",
     "hint": "Share of the tokens on which the latent fires."},
    {"name": "max", "label": "largest activation", "unit": "", "kind": "number",
     "hint": "Largest activation on the text of the store."},
    {"name": "mean", "label": "mean activation", "unit": "", "kind": "number",
     "hint": "Mean activation where it fires."},
    {"name": "score", "label": "label score", "unit": "balanced accuracy", "kind": "number",
     "hint": "How well the label predicts firing on held-out text; 0.5 is chance."},
    {"name": "label", "label": "label", "unit": "", "kind": "text",
     "hint": "What the latent stands for: a person's label before a machine's."},
    {"name": "concept", "label": "concept", "unit": "", "kind": "text",
     "hint": "The concept of the answer key that goes with it best, where the text has one."},
    {"name": "latent_idx", "label": "latent", "unit": "", "kind": "index", "hint": "Index of the latent."},
]  # fmt: skip
"""What the list can be sorted by."""

HINTS: Final = {
    "examples": "Where it fires: the strongest firings, then a sample of each fifth of all firings, strongest first. "
    "Shading is its activation on each token.",
    "histogram": "How many firings have each activation; steps are powers.",
    "decoder": "How large the weights of its decoder direction are.",
    "heads": "How much of what it writes goes to each attention head, by norm.",
    "tokens": "The tokens it fires on: how often, how strongly, and on what share of that token's occurrences.",
    "logits": "Tokens that its direction makes likelier and less likely, in logits per unit of activation.",
    "neighbours": "Latents whose decoder directions are nearest, by cosine.",
    "cofiring": "Latents that fire on the same tokens, as a share of this one's firings.",
    "text": "Runs the text through the model and ranks the latents that fire on it.",
    "effect": "Changes this latent on the text and runs the model on; the rest of the activations stays as it is.",
    "map": "Decoder directions on a plane: those that are near point the same way, as far as two axes can show it.",
    "compare": "This latent beside another one, of this store or of the second.",
    "label": "Your words for it, kept in the store with your name and the time; no machine overwrites them.",
}
"""One or two sentences for each panel."""


def heading(dashboard: Any) -> str:
    """Say what is looked at."""
    store = dashboard.store
    beside = "" if dashboard.compare_path is None else ", two stores side by side"
    return f"Features of {store.site}{beside}"


def note(store: Any) -> str:
    """Say what a store was built from."""
    n_alive = int(len(store.column("dead")) - store.column("dead").sum())
    parts = [str(store.model_name), f"{store.d_sae:,} latents, {n_alive:,} alive", f"{store.n_tokens:,} tokens"]
    return " · ".join(part for part in parts if part)


def band_name(band: int, n_bands: int) -> str:
    """Name a group of examples."""
    if band == TOP_BAND:
        return "strongest"
    return f"firings {100 * band // n_bands} to {100 * (band + 1) // n_bands} %"


def dashboard_code(dashboard: Any, options: Mapping[str, Any]) -> str:
    """Write the Python that shows the dashboard again as it is now.

    Args:
        options: Traits of the view that are not as they were, by name.
    """
    stores = [("store", dashboard.store)] + ([("other", dashboard.beside(1))] if dashboard.compare_path else [])
    model = [] if dashboard._live is None else model_lines(dashboard.model_name, dashboard.provenance)
    given = {name: getattr(dashboard, name) for name in ("prompt", "answer", "wrong") if getattr(dashboard, name)}
    if dashboard.latents is not None:
        given["latents"] = list(dashboard.latents)
    arguments = ["store", *(["model"] if model else []), *(["compare=other"] if len(stores) > 1 else [])]
    lines = [
        *model,
        *(_store_line(name, store) for name, store in stores),
        f"dashboard = {call('feature_dashboard', *arguments, **given)}",
        call("dashboard.show", **options) if options else "dashboard",
    ]
    called = ("feature_dashboard", "load_model", "load_store")
    return script([name for name in called if any(f"= {name}(" in line for line in lines)], *lines)


def _store_line(name: str, store: Any) -> str:
    if store.temporary:
        return f"{name} = ...  # a temporary store: give feature_store(..., path=) a folder to load it again"
    return f"{name} = load_store({str(store.path)!r})"


def latent_code(latent_idx: int, store: int) -> str:
    """Write the Python that gives what a latent's panel shows."""
    return f"{store_name(store)}.latent({latent_idx})"


def text_code(prompt: str, store: int, options: Mapping[str, Any]) -> str:
    """Write the Python that ranks the features of a text again."""
    return _with_import("prompt_features", "model", store_name(store), repr(prompt), options)


def effect_code(latent_idx: int, prompt: str, store: int, options: Mapping[str, Any]) -> str:
    """Write the Python that changes a latent again."""
    return _with_import("feature_effect", "model", store_name(store), str(latent_idx), repr(prompt), options)


def _with_import(function: str, *arguments: Any) -> str:
    *written, options = arguments
    return script([function], call(function, *written, **options))


def store_name(index: int) -> str:
    """Name a store as the code does."""
    return "other" if index else "store"


def listed(words: Sequence[str]) -> str:
    """Write a few tokens on one line."""
    return " | ".join(words)

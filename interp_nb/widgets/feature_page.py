"""What an exported page of a feature dashboard shows with no kernel: the requests whose replies it carries."""

from typing import Any, Final

from interp_nb.widgets.feature_meta import RANKS, n_stores

N_TEXT: Final = 20
"""Latents of a text that an exported page has; the front end asks for as many first."""


def recorded_requests(result: Any, prompt: str, meta: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """List what a page can show: every latent of the list, its match, the map, and the text as it is now."""
    # In the order of the tables, which are read a group at a time.
    latents = result.best() if result.latents is None else sorted(result.latents)
    details = [("detail", {"latent_idx": latent, "store": 0}) for latent in latents]
    wanted: list[tuple[str, dict[str, Any]]] = [*_texts(prompt, meta), *details]
    if n_stores(result) > 1:
        near = [result.nearest(latent, store=1, n=1) for latent in latents]
        matches = dict.fromkeys(int(pairs[0][0]) for pairs in near if pairs)
        wanted += [("compare", {"latent_idx": latent, "other": None, "store": 1}) for latent in latents]
        wanted += [("detail", {"latent_idx": latent, "store": 1}) for latent in matches]
    return [*wanted, ("map", {"method": "pca", "store": 0})]


def _texts(prompt: str, meta: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    if not prompt or not meta["can"]["text"]:
        return []
    given: dict[str, Any] = {**meta["prompt"], "latents": None, "n": N_TEXT, "pos": None, "store": 0}
    ranks = RANKS if given["answer"] else RANKS[:2]
    return [("text", {"prompt": prompt, "rank_by": rank_by, **given}) for rank_by in ranks]

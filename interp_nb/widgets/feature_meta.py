"""What a feature dashboard says once: its stores, its columns, its panels' words, and what it can do here."""

from typing import Any, Final

import numpy as np

from interp_nb._show import Live
from interp_nb.widgets import feature_words as says
from interp_nb.widgets.feature_replies import numbers

SCHEMA: Final = 1
RANKS: Final = ("max", "mean", "ablation", "direct")
"""What the latents of a text are ranked by; the last two with an answer."""
AUTHOR: Final = "me"
"""Who a label is by, when nobody gives a name."""


def meta_of(result: Any) -> dict[str, Any]:
    """Write what does not depend on rows and choices."""
    here = alive(result)
    return {
        "schema": SCHEMA,
        "subset": result.latents is not None,
        "columns": says.COLUMNS,
        "stores": [_store(result.beside(index), index) for index in range(n_stores(result))],
        "can": {"text": here, "effect": here, "label": True, "compare": True, "answer": here},
        "rank_by": list(RANKS),
        "live": here,
        "labels": {"heading": says.heading(result), "note": says.note(result.store), "model": result.model_name},
        "hints": says.HINTS,
        "author": AUTHOR,
        "prompt": {"answer": result.answer, "wrong": result.wrong},
        "code": says.dashboard_code(result, {}),
        "summary": repr(result),
    }


def alive(result: Any) -> bool:
    """Whether the model is there."""
    live = getattr(result, "_live", None)
    return isinstance(live, Live) and live.alive


def n_stores(result: Any) -> int:
    """Count the stores: two when one is compared with another."""
    return 1 if result.compare_path is None else 2


def state_of(result: Any) -> list[list[int]]:
    """Say how far each store has come: generation, tokens read, bytes of labels, which are only ever appended."""
    stores = [result.beside(index) for index in range(n_stores(result))]
    files = [store.labels.path for store in stores]
    return [
        [int(store.generation), int(store.n_tokens), file.stat().st_size if file.is_file() else 0]
        for store, file in zip(stores, files, strict=True)
    ]


def _store(store: Any, index: int) -> dict[str, Any]:
    """Describe one store."""
    dead, dense = (np.asarray(store.column(name), dtype=bool) for name in ("dead", "dense"))
    return {
        "name": says.store_name(index) if store.temporary else str(store.path.name),
        "d_sae": int(store.d_sae),
        "site": str(store.site),
        "n_tokens": int(store.n_tokens),
        "n_docs": int(store.n_docs),
        "alive": int((~dead).sum()),
        "dead": int(dead.sum()),
        "dense": int(dense.sum()),
        "edges": numbers(store.edges),
        "n_bands": int(store.n_bands),
        "note": says.note(store),
    }

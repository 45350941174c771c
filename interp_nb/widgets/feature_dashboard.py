"""The live feature dashboard: a list of all latents, one of them in full, any text and any change in the kernel.

1. The list travels as columns of numbers, which the front end sorts and filters itself, with or without a kernel.
2. What is said about one latent, a text or a change is asked for, and comes as one small reply (`feature_replies`).
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import traitlets

from interp_nb._errors import ConfigError, nearest
from interp_nb.widgets import feature_words as says
from interp_nb.widgets.base import Payload, ResultWidget, bundle
from interp_nb.widgets.codec import MAX_TRAIT_BYTES, pack
from interp_nb.widgets.feature_list import columns, texts_of
from interp_nb.widgets.feature_meta import RANKS, alive, meta_of, n_stores, state_of
from interp_nb.widgets.feature_page import recorded_requests
from interp_nb.widgets.feature_replies import detail, effect_reply, label_json, named, number, text_reply
from interp_nb.widgets.requests import Answer, Handler
from interp_nb.widgets.selection import Limits, SelectionError

MAX_WHOLE: Final = 4096
"""Rows whose texts travel at once, about 200 kB; of longer lists the first `MAX_ROWS` do."""
MAX_ROWS: Final = 256
MAX_ASKED: Final = 512
"""Rows that one request may ask for."""
MAX_COLUMNS_BYTES: Final = 4_000_000
MAX_SHOWN: Final = 64
"""Latents of a text that one reply may hold."""
N_POS: Final = 2048
"""Positions that can be selected before any text was run."""
N_NEAREST: Final = 8
SEARCH: Final = ("any", "label", "token", "text")
KINDS: Final = ("ablate", "boost", "set")
MAPS: Final = ("pca", "umap")


class FeatureDashboardWidget(ResultWidget):
    """Show a `FeatureDashboard`."""

    _esm = bundle("feature_dashboard")
    _axes: Mapping[str, bool] = {"latent_idx": True, "pos": False}
    _page_traits = ("sort", "query", "search_by", "prompt")
    _large_page = True

    sort = traitlets.Unicode("interesting", help="Column the list is sorted by; '-density' = the other way.").tag(
        sync=True
    )
    query = traitlets.Unicode("", help="What is searched for; '' = all latents.").tag(sync=True)
    search_by = traitlets.Enum(SEARCH, "any", help="Where: label, token, text of examples, or label and token.").tag(
        sync=True
    )
    prompt = traitlets.Unicode("", help="The text that is tried.").tag(sync=True)

    def __init__(self, result: Any, **traits: Any) -> None:
        self._n_pos = N_POS
        super().__init__(result, **{"prompt": result.prompt, **traits})
        if self.selected is None:
            self.selected = {"latent_idx": self._meta["first"]["detail"]["latent_idx"]}

    @traitlets.validate("sort")
    def _check_sort(self, proposal: Any) -> str:
        known = [column["name"] for column in says.COLUMNS]
        if proposal["value"].removeprefix("-") not in known:
            raise SelectionError(
                f"sort takes a column, with or without -, got {proposal['value']!r}; known are {known}"
            )
        return str(proposal["value"])

    def follow(self, other: "FeatureDashboardWidget") -> None:
        """Look as another dashboard of the same store does, as far as the latents here allow."""
        self.sort, self.query, self.search_by, self.prompt = other.sort, other.query, other.search_by, other.prompt
        if other.selected is not None and other.selected["latent_idx"] in self._limits()["latent_idx"]:
            self.selected = other.selected

    def refresh(self) -> None:
        """Show what came to the stores since, from any process: labels made in another cell, more text."""
        with self._push_lock:
            for index in range(n_stores(self.result)):
                self._store(index).refresh()
            if state_of(self.result) != self._shown_state:
                self._push()

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        self.refresh()
        return super()._repr_mimebundle_(**kwargs)

    def _encode(self, result: Any) -> Payload:
        self._shown_state = state_of(result)
        latents = None if result.latents is None else np.array(result.latents)
        order = result.order
        arrays = columns(result.store, latents)
        paged = sum(each.nbytes for each in arrays.values()) > MAX_TRAIT_BYTES * 0.95
        specs, data = pack({} if paged else arrays)
        rows = order if len(order) <= MAX_WHOLE else order[:MAX_ROWS]
        chosen = int(order[0]) if self.selected is None else int(self.selected["latent_idx"])
        varying = {
            # Numbers and the first texts may come out the same though a label changed: this does not.
            "as_of": self._shown_state,
            "arrays": specs,
            "n_rows": len(order),
            "paged": paged,
            "rows": texts_of(result.store, rows.tolist()),
            "first": {"detail": self._detail(result, chosen, 0)},
        }
        return meta_of(result) | varying, data

    def _routes(self) -> dict[str, Handler]:
        routes = super()._routes()
        del routes["control"]
        return routes | {
            "code": self._answer_code,
            "columns": self._answer_columns,
            "compare": self._answer_compare,
            "detail": self._answer_detail,
            "effect": self._answer_effect,
            "label": self._answer_label,
            "map": self._answer_map,
            "rows": self._answer_rows,
            "search": self._answer_search,
            "text": self._answer_text,
        }

    def _limits(self) -> Limits:
        result: Any = self.result
        allowed = range(result.store.d_sae) if result.latents is None else sorted(result.latents)
        return {"latent_idx": allowed, "pos": range(self._n_pos)}

    # The list.

    def _answer_columns(self) -> Answer:
        """Send the numbers of a list that is too long for a trait."""
        result: Any = self.result
        specs, block = pack(columns(result.store, None if result.latents is None else np.array(result.latents)))
        if len(block) > MAX_COLUMNS_BYTES:
            raise ConfigError(
                f"{self._meta['n_rows']:,} latents are too many for one list: feature_dashboard(..., latents=...) "
                "shows some of them"
            )
        return {"arrays": specs}, [block]

    def _answer_rows(self, *, latents: Any, store: Any) -> Answer:
        if not isinstance(latents, list) or len(latents) > MAX_ASKED:
            raise ConfigError(f"rows takes a list of at most {MAX_ASKED} latents")
        index = self._checked_store(store)
        chosen = [self._checked_latent(latent, index) for latent in latents]
        self.refresh()
        return texts_of(self._store(index), chosen)

    def _answer_search(self, *, text: Any, by: Any, store: Any) -> Answer:
        """Find latents by their labels, the tokens they fire on, or the text of their examples; best first."""
        if not isinstance(text, str) or by not in SEARCH:
            raise ConfigError(f"search takes a text and one of {', '.join(SEARCH)}, got {text!r} and {by!r}")
        index = self._checked_store(store)
        ways = ("label", "token") if by == "any" else (by,)
        found = (
            [int(latent) for way in ways for latent in self._store(index).search(text, by=way)] if text.strip() else []
        )
        result: Any = self.result
        shown = None if result.latents is None or index else set(result.latents)
        chosen = [latent for latent in dict.fromkeys(found) if shown is None or latent in shown]
        specs, block = pack({"latents": np.array(chosen, dtype=np.int32)})
        return {"by": by, "text": text, "n": len(chosen), "arrays": specs}, [block]

    # One latent.

    def _detail(self, result: Any, latent: int, index: int) -> dict[str, Any]:
        effects = result.token_effects(latent, store=index) if alive(result) else None
        store = result.beside(index)
        return detail(store, store.latent(latent), index, effects)

    def _answer_detail(self, *, latent_idx: Any, store: Any) -> Answer:
        index = self._checked_store(store)
        latent = self._checked_latent(latent_idx, index)
        self.refresh()
        return self._detail(self.result, latent, index)

    def _answer_label(self, *, latent_idx: Any, text: Any, author: Any) -> Answer:
        """Keep a person's label in the store; an empty text takes it back."""
        if not isinstance(text, str) or not isinstance(author, str):
            raise ConfigError("label takes a text and an author")
        result: Any = self.result
        latent = self._checked_latent(latent_idx, 0)
        result.add_label(latent, text, author=author)
        labels = result.store.labels
        with self._push_lock:
            self._push()
        return {
            "label": label_json(labels.of(latent)),
            "labels": [label_json(each) for each in reversed(labels.history(latent))],
        }

    def _answer_compare(self, *, latent_idx: Any, other: Any, store: Any) -> Answer:
        """Say how alike two latents are, and which of the other store's are most alike."""
        result: Any = self.result
        index = self._checked_store(store)
        latent = self._checked_latent(latent_idx, 0)
        near = result.nearest(latent, store=index, n=N_NEAREST)
        if other is None and not near:
            raise ConfigError("These stores share nothing to compare latents by: name the other latent yourself.")
        second = int(near[0][0]) if other is None else self._checked_latent(other, index)
        found = result.overlap(latent, second, store=index)
        return {
            "latent_idx": latent,
            "other": second,
            "store": index,
            "cosine": number(found.decoder_cosine),
            "correlation": number(found.correlation),
            "jaccard": number(found.jaccard),
            "note": ""
            if found.n_rows
            else "The stores were built from different texts: their activations cannot be set side by side.",
            "nearest": named(self._store(index), near),
            "code": f"dashboard.overlap({latent}, {second}, store={index})",
        }

    # Text.

    def _answer_text(
        self, *, prompt: Any, rank_by: Any, pos: Any, n: Any, answer: Any, wrong: Any, latents: Any, store: Any
    ) -> Answer:
        """Run a text and rank the latents that fire on it."""
        index = self._checked_store(store)
        if not all(isinstance(text, str) for text in (prompt, answer, wrong)):
            raise ConfigError("text takes a prompt, an answer and a wrong answer, each a string")
        if rank_by not in RANKS:
            raise ConfigError(
                f"rank_by must be one of {', '.join(RANKS)}, got {rank_by!r}; {nearest(str(rank_by), RANKS)}"
            )
        if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MAX_SHOWN:
            raise ConfigError(f"n must be from 1 to {MAX_SHOWN}, got {n!r}")
        if pos is not None and (isinstance(pos, bool) or not isinstance(pos, int)):
            raise ConfigError(f"pos must be a position in the text, or none, got {pos!r}")
        if latents is not None and not isinstance(latents, list):
            raise ConfigError(f"latents must be a list, or none, got {latents!r}")
        chosen = None if latents is None else [self._checked_latent(latent, index) for latent in latents[:MAX_SHOWN]]
        asked = {"rank_by": rank_by, "pos": pos, "n": n, "answer": answer or None, "wrong": wrong or None}
        result: Any = self.result
        found = result.features_of(prompt, store=index, latents=chosen, **asked)
        self._n_pos = max(N_POS, len(found.tokens))
        return text_reply(self._store(index), found, prompt, index, asked)

    def _answer_effect(self, *, latent_idx: Any, prompt: Any, kind: Any, strength: Any, store: Any) -> Answer:
        """Change a latent on a text: what comes next, before and after."""
        index = self._checked_store(store)
        latent = self._checked_latent(latent_idx, index)
        if not isinstance(prompt, str) or kind not in KINDS:
            raise ConfigError(f"effect takes a prompt and one of {', '.join(KINDS)}, got {prompt!r} and {kind!r}")
        if strength is not None and (isinstance(strength, bool) or not isinstance(strength, (int, float))):
            raise ConfigError(f"strength must be a number, got {strength!r}")
        asked = {"kind": kind} | ({} if strength is None else {"strength": float(strength)})
        result: Any = self.result
        return effect_reply(result.effect_of(latent, prompt, store=index, **asked), latent, prompt, index, asked)

    def _answer_map(self, *, method: Any, store: Any) -> Answer:
        if method not in MAPS:
            raise ConfigError(f"map takes one of {', '.join(MAPS)}, got {method!r}; {nearest(str(method), MAPS)}")
        result: Any = self.result
        if self._checked_store(store):
            raise ConfigError("The map is of the first store: open a dashboard of the other one for its map.")
        specs, block = pack({"xy": result.map_of(method)})
        note, methods = result.map_note(method), result.map_methods()
        return {"method": method, "note": note, "methods": methods, "arrays": specs}, [block]

    def _answer_code(self) -> Answer:
        """Write the Python that shows this view again."""
        result: Any = self.result
        as_made = {"sort": "interesting", "query": "", "search_by": "any", "prompt": result.prompt}
        changed = {name: getattr(self, name) for name, value in as_made.items() if getattr(self, name) != value}
        chosen = (
            {} if self.selected is None else {"selected": {k: v for k, v in self.selected.items() if v is not None}}
        )
        return {"code": says.dashboard_code(result, chosen | changed)}

    # Checks.

    def _store(self, index: int) -> Any:
        result: Any = self.result
        return result.beside(index)

    def _checked_store(self, store: Any) -> int:
        n_stores = len(self._meta["stores"])
        if isinstance(store, bool) or store not in range(n_stores):
            raise ConfigError(f"store must be from 0 to {n_stores - 1}, got {store!r}")
        return int(store)

    def _checked_latent(self, latent: Any, index: int) -> int:
        d_sae = self._store(index).d_sae
        if isinstance(latent, bool) or not isinstance(latent, int) or not 0 <= latent < d_sae:
            raise ConfigError(f"latents are from 0 to {d_sae - 1}, got {latent!r}")
        return latent

    def _recorded_requests(self) -> list[tuple[str, dict[str, Any]]]:
        return recorded_requests(self.result, self.prompt, self._meta)

"""The dashboard of a store: what its live view, its picture and its exports are made of.

    dashboard = feature_dashboard(store, model)
    dashboard                                  # the live view, as a cell's last line
    dashboard.latent                           # all that is known of the latent chosen there
    dashboard.to_html("features.html", latents=[3, 17])

It computes nothing itself: statistics are the store's, texts are run by `on_text`, changes by `intervene`. How it looks
is the widget's business.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from jaxtyping import Float32, Int64

from interp_nb._errors import ConfigError
from interp_nb._show import Live, Showable, result
from interp_nb.features.exporting import write_neuronpedia
from interp_nb.features.geometry import latent_logits
from interp_nb.features.intervene import FeatureEffect, feature_effect
from interp_nb.features.labels import Label
from interp_nb.features.maps import feature_map, map_methods, map_note
from interp_nb.features.on_text import PromptFeatures, prompt_features
from interp_nb.features.overlap import Overlap, latent_overlap, nearest_latents, patterns_of
from interp_nb.features.patterns import Patterns
from interp_nb.features.records import Feature
from interp_nb.features.store import FeatureStore, load_store
from interp_nb.models.protocol import HookedModel

if TYPE_CHECKING:
    import pandas as pd

EXPORTED: Final = 256
"""Latents of an exported page when none are named: a page of about two megabytes."""


@result
class FeatureDashboard(Showable):
    """The latents of a store, to be looked through, tried on text, changed and labelled.

    Saved, it is the paths of its stores and what was asked for; the stores themselves stay where they are.
    """

    _widget: ClassVar[str] = "interp_nb.widgets.feature_dashboard:FeatureDashboardWidget"

    store_path: str
    """Folder of the store."""
    compare_path: str | None = None
    """Folder of the store beside it, if any."""
    latents: list[int] | None = None
    """The latents that are shown; None = all."""
    prompt: str = ""
    """The text that is tried first."""
    answer: str = ""
    """What the features of the prompt are to explain: a token; empty = none."""
    wrong: str = ""
    """The token it is compared with; empty = the mean over the vocabulary."""
    model_name: str = ""
    """Name of the model the store was built with."""
    provenance: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Where the store comes from."""
    _store: FeatureStore | None = dataclasses.field(default=None, compare=False)
    _compare: FeatureStore | None = dataclasses.field(default=None, compare=False)
    _live: Live | None = dataclasses.field(default=None, compare=False)

    def _summary(self) -> str:
        parts = [repr(self.store)]
        if self.compare_path is not None:
            parts.append(f"beside {self.beside(1)!r}")
        if self.latents is not None:
            parts.append(f"{len(self.latents)} latents shown")
        return f"FeatureDashboard({', '.join(parts)})"

    def show(self, **options: Any) -> Any:
        """Return the live widget, with the labels and the text that the store has by now; see `Showable.show`."""
        widget = super().show(**options)
        widget.refresh()
        return widget

    @property
    def store(self) -> FeatureStore:
        """The store, opened when it is first needed."""
        return self.beside(0)

    def beside(self, index: int) -> FeatureStore:
        """Return one of the stores: 0 = the store, 1 = the one it is compared with.

        Raises:
            ConfigError: there is no second store.
            ModelNotFoundError: the store is not in its folder any more, as a temporary one.
        """
        name, path = ("_compare", self.compare_path) if index else ("_store", self.store_path)
        if path is None:
            raise ConfigError("This dashboard has one store: give feature_dashboard(..., compare=) another to compare.")
        if getattr(self, name) is None:
            object.__setattr__(self, name, load_store(path))
        store: FeatureStore = getattr(self, name)
        return store

    @property
    def model(self) -> Any:
        """The model that texts are run through.

        Raises:
            ConfigError: there is none, or it is gone.
        """
        if self._live is None:
            raise ConfigError(
                "This needs the model: call feature_dashboard(store, model) with the one it was built with."
            )
        return self._live.model()

    @property
    def order(self) -> Int64[np.ndarray, " row"]:
        """The latents that are shown, the most interesting first; dead ones last."""
        ranked = np.asarray(self.store.order(by="interesting", alive=False), dtype=np.int64)
        return ranked if self.latents is None else ranked[np.isin(ranked, self.latents)]

    @property
    def latent(self) -> Feature:
        """All that the store has of the latent that is selected; of the most interesting one when none is."""
        chosen = (self.selected or {}).get("latent_idx")
        return self.store.latent(int(self.order[0]) if chosen is None else chosen)

    def features_of(self, prompt: str, *, store: int = 0, **options: Any) -> PromptFeatures:
        """Rank the features of a text; see `prompt_features`."""
        return prompt_features(self.model, self.beside(store), prompt, **options)

    def effect_of(self, latent_idx: int, prompt: str, *, store: int = 0, **options: Any) -> FeatureEffect:
        """Change a latent on a text and see what follows; see `feature_effect`."""
        return feature_effect(self.model, self.beside(store), latent_idx, prompt, **options)

    def add_label(self, latent_idx: int, text: str, *, author: str) -> Label:
        """Keep a person's label in the store; an empty text takes that person's own back.

        Raises:
            ConfigError: no author, or a text that is too long.
        """
        label: Label = self.store.labels.write(latent_idx, text, author=author)
        return label

    def map_of(self, method: str = "pca") -> Float32[np.ndarray, "row 2"]:
        """Place the latents that are shown on a plane, those with like decoder directions near each other."""
        places = feature_map(self.store, method)
        return places if self.latents is None else places[self.latents]

    def map_note(self, method: str = "pca") -> str:
        """Say how much of the directions such a map shows."""
        return map_note(self.store, method)

    def map_methods(self) -> dict[str, str]:
        """Say of each method of `map_of` what it lacks here: "" = nothing, it can be used."""
        return map_methods()

    def nearest(self, latent_idx: int, *, store: int = 1, n: int = 8) -> list[tuple[int, float]]:
        """List the latents of a store that are most like one of the first store, with how alike they are."""
        return nearest_latents(self.store, latent_idx, self.beside(store), n, patterns=self._shared(store))

    def overlap(self, latent_idx: int, other: int, *, store: int = 1) -> Overlap:
        """Say how alike two latents are, the second one of any store; see `latent_overlap`."""
        return latent_overlap(self.store, latent_idx, self.beside(store), other, patterns=self._shared(store))

    def _shared(self, store: int) -> Patterns:
        """Return what both stores sampled, kept: reading it takes seconds, and comparing goes from latent to latent."""
        kept: dict[int, Patterns] = vars(self).setdefault("_patterns", {})
        if store not in kept:
            kept[store] = patterns_of(self.store, self.beside(store))
        return kept[store]

    def token_effects(self, latent_idx: int, *, store: int = 0) -> Float32[np.ndarray, " d_vocab"] | None:
        """Return what one unit of a latent adds to every token's logit, directly; None where that cannot be said.

        The final norm's scale counts as 1, as in the store's `logits_up`.
        """
        return latent_logits(self.model, self.beside(store), latent_idx)

    def only(self, latents: Sequence[int]) -> "FeatureDashboard":
        """Return the dashboard of some latents, in this order.

        Raises:
            ConfigError: none are named, one is named twice, or there is no such latent.
        """
        return dataclasses.replace(self, latents=checked_latents(latents, self.store.d_sae))

    def best(self, n: int = EXPORTED) -> list[int]:
        """List the latents that are shown, at most `n` of them, the most interesting ones."""
        return sorted(int(latent_idx) for latent_idx in self.order[:n])

    def to_html(self, path: str | Path | None = None, *, latents: Sequence[int] | None = None) -> str:
        """Return one page of some latents that stays interactive with no kernel; write it to a path.

        Args:
            latents: Which ones; the 256 most interesting if left out. Each takes a few kilobytes.

        Raises:
            ConfigError: there is no such latent.
        """
        chosen = self.only(self.best() if latents is None else latents)
        shown = self._shown()
        view = chosen.show()
        try:
            if shown is not None:
                view.follow(shown)
            return super(FeatureDashboard, chosen).to_html(path)
        finally:
            view.close()

    def to_json(self, path: str | Path, *, latents: Sequence[int] | None = None, form: str = "batch") -> list[Path]:
        """Write the latents as Neuronpedia and SAEDashboard write theirs; see `write_neuronpedia`.

        Args:
            latents: Which ones; all that are shown if left out.
        """
        chosen = self.best(len(self.order)) if latents is None else checked_latents(latents, self.store.d_sae)
        model = self.model if self._live is not None and self._live.alive else None
        return write_neuronpedia(self.store, path, chosen, form=form, model=model)

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per latent that is shown: its numbers and its label."""
        frame = self.store.to_frame()
        return frame if self.latents is None else frame.loc[self.latents]


def feature_dashboard(
    store: FeatureStore | str | Path,
    model: HookedModel | None = None,
    *,
    compare: FeatureStore | str | Path | None = None,
    prompt: str | None = None,
    answer: str | None = None,
    wrong: str | None = None,
    latents: Sequence[int] | None = None,
) -> FeatureDashboard:
    """Show the latents of a store.

    Args:
        store: The store, or its folder.
        model: The model the store was built with; without it, texts cannot be tried.
        compare: A second store, to see its latents beside the first one's.
        prompt: A text to try at once.
        answer: A token that the features of the prompt are to explain.
        wrong: The token it is compared with.
        latents: Show only these.

    Raises:
        ConfigError: there is no such latent, or `wrong` was given without `answer`.
        StoreMismatchError: the model is not the one that the store was built with.
    """
    if wrong and not answer:
        raise ConfigError("`wrong` is what `answer` is compared with: give answer= too.")
    first, second = _opened(store, model), None if compare is None else _opened(compare, model)
    return FeatureDashboard(
        store_path=str(first.path),
        compare_path=None if second is None else str(second.path),
        latents=None if latents is None else checked_latents(latents, first.d_sae),
        prompt=prompt or "",
        answer=answer or "",
        wrong=wrong or "",
        model_name=str(first.model_name),
        provenance=dict(first.provenance),
        _store=first,
        _compare=second,
        _live=None if model is None else Live(model),
    )


def checked_latents(latents: Sequence[int], d_sae: int) -> list[int]:
    """Return latents as a list of ints that are all there, each once.

    Raises:
        ConfigError: none are named, one is named twice, or there is no such latent.
    """
    chosen = [int(latent_idx) for latent_idx in latents]
    wrong = [latent_idx for latent_idx in chosen if not 0 <= latent_idx < d_sae]
    if wrong:
        raise ConfigError(f"latents are from 0 to {d_sae - 1}, got {wrong[0]}")
    if not chosen or len(set(chosen)) != len(chosen):
        raise ConfigError(f"latents= needs at least one latent, each once; got {chosen[:8]}")
    return chosen


def _opened(store: FeatureStore | str | Path, model: HookedModel | None) -> FeatureStore:
    """Open a store from its folder; a store that knows its model is checked against the one that is given."""
    opened = store if isinstance(store, FeatureStore) else load_store(store)
    if model is not None and opened.provenance.get("model") is not None:
        load_store(opened.path, model=model).close()
    return opened

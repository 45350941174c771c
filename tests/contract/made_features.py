"""A feature store made by hand: six latents, one dead, one dense, one labelled by a person; every number is dyadic."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from interp_nb._errors import ConfigError
from interp_nb._show import Live
from interp_nb.features.dashboard import FeatureDashboard
from interp_nb.features.labels import Label, LabelBook
from interp_nb.features.latents import latents_of
from interp_nb.features.records import Example, Feature, TokenStat
from interp_nb.features.store import FeatureStore
from interp_nb.features.token_sample import TokenSample
from interp_nb.sae.batches import CONTEXT
from tests.contract.made import BOS, PROVENANCE

VOCABULARY = [BOS, "The", " dog", " cat", " runs", " sleeps", ".", "\n", " Paris", " é", " <b>", " the"]
D_SAE = 6
EDGES = np.array([0.0625, 0.25, 1.0, 4.0, 16.0])
WORDS = [[2, 3, -1], [8, -1, -1], [1, 11, 6], [-1, -1, -1], [10, 9, 7], [4, 5, -1]]
MODEL = type("Model", (), {"to_str_tokens": lambda self, text: [BOS, *text.split()]})()
COUNTS = np.array([64, 32, 512, 0, 8, 128], dtype=np.int64)
TIME = "2026-01-01T00:00:00+00:00"


class MadeStore(FeatureStore):
    """What a dashboard asks of a store, without files."""

    d_sae, n_tokens, n_docs, n_bands, generation = D_SAE, 1024, 16, 2, 1
    sites = ("blocks.2.hook_resid_post",)
    site, model_name, edges = sites[0], "pocket", EDGES
    provenance: Any = PROVENANCE | {"data": [{"kind": "made by hand"}]}
    source: Any = None
    labels: Any = None

    def __init__(self, path: Path, name: str = "store") -> None:
        self.path = Path(name)
        self.source = latents_of(torch.eye(D_SAE, 4) + 0.25, None)
        self.labels = LabelBook(path / name)
        if not self.labels.history(0):
            tops = {"detection": {"balanced_accuracy": 0.75, "low": 0.5, "high": 0.875}, "correlation": 0.5}
            self.labels.add(Label(0, "animals", "tokens", "interp_nb", TIME, tops, reliable=True))
            self.labels.add(Label(0, "animal: dog", "ground_truth", "pocket", TIME))
            self.labels.add(Label(1, "cities", "human", "ada", TIME, human=True))

    def __repr__(self) -> str:
        return "FeatureStore(pocket blocks.2.hook_resid_post, 6 latents, 1024 tokens, 5 alive)"

    def refresh(self) -> None:
        """Nothing is written elsewhere."""

    def column(self, name: str) -> Any:
        """One number per latent."""
        density = COUNTS / self.n_tokens
        return {
            "count": COUNTS,
            "density": density.astype(np.float32),
            "mean": np.where(COUNTS > 0, 1.5, np.nan).astype(np.float32),
            "max": np.where(COUNTS > 0, 8.0, 0.0).astype(np.float32),
            "dead": COUNTS == 0,
            "dense": density > 0.1,
            "interesting": np.array([1.0, 0.75, 0.0, 0.0, 0.25, 0.5], dtype=np.float32),
        }[name]

    def order(self, by: str = "interesting", descending: bool = True, alive: bool = True, where: Any = None) -> Any:
        """Latents by a column."""
        order = np.argsort(-self.column(by), kind="stable")
        return order[~self.column("dead")[order]] if alive else order

    def latent(self, latent_idx: int) -> Feature:
        """One latent."""
        return made_feature(latent_idx)

    def latents(self, indices: Any) -> list[Feature]:
        """Several latents."""
        return [made_feature(int(latent_idx)) for latent_idx in indices]

    def token_strings(self, ids: Any) -> list[str]:
        """Tokens as text."""
        return [VOCABULARY[int(token)] for token in ids]

    def top_token_ids(self, latents: Any, n: int = 3) -> Any:
        """The tokens latents fire on most."""
        return np.array([WORDS[int(latent)][:n] for latent in latents], dtype=np.int32)

    def sample(self) -> TokenSample:
        """128 tokens: 4 fires where 0 does, 1 on half of that, 5 on an eighth of what 2 fires on."""
        firings = {0: (32, 1.0), 1: (16, 2.0), 2: (64, 1.0), 4: (32, 4.0), 5: (8, 0.5)}
        first = {2: 64, 5: 120}
        rows = [first.get(latent, 0) + np.arange(count) for latent, (count, _) in firings.items()]
        latents = np.repeat(np.array([*firings], np.int32), [len(each) for each in rows])
        values = np.array([firings[latent][1] for latent in latents.tolist()], np.float32)
        ids, place = np.full(128, 2, np.int32), np.arange(128)
        return TokenSample(
            ids, np.full((128, CONTEXT), 2, np.int32), place, place, np.concatenate(rows), latents, values
        )

    def search(self, text: str, by: str = "token") -> Any:
        """Latents by what they fire on, or by what they are called."""
        if by == "label":
            return np.array([i for i, label in self.labels.texts().items() if text in label], dtype=np.int64)
        hits = [i for i, ids in enumerate(WORDS) if any(text in VOCABULARY[token] for token in ids if token >= 0)]
        return np.array(hits, dtype=np.int64)

    def to_frame(self) -> Any:
        """The numbers as a frame."""
        import pandas as pd

        return pd.DataFrame({"density": self.column("density")}, index=pd.RangeIndex(D_SAE, name="latent_idx"))

    def examples_frame(self, latent_idx: int) -> Any:
        """The examples as a frame."""
        import pandas as pd

        return pd.DataFrame({"value": [each.value for each in made_feature(latent_idx).examples]})


def made_feature(latent_idx: int) -> Feature:
    """One latent; the dead one has nothing."""
    dead = COUNTS[latent_idx] == 0
    return Feature(
        latent_idx=latent_idx,
        count=int(COUNTS[latent_idx]),
        density=float(COUNTS[latent_idx] / 1024),
        mean=float("nan") if dead else 1.5,
        max=0.0 if dead else 8.0,
        histogram=np.array([0, 0, 0, 0] if dead else [8, 4, 2, latent_idx], dtype=np.int64),
        examples=() if dead else made_examples(latent_idx),
        top_tokens=() if dead else (TokenStat(2, 32, 2.0, 0.5), TokenStat(3, 16, 1.0, float("nan"))),
        logits_up=((2, 0.5), (3, 0.25)),
        logits_down=((8, -0.5), (9, -0.125)),
        neighbors=((latent_idx ^ 1, 0.5),),
        cofiring=() if dead else ((1, 0.25),),
        decoder_norm=1.0,
        encoder_norm=2.0,
        encoder_decoder_cosine=0.5,
        bias=-0.25,
        decoder_histogram=np.array([1, 2, 1], dtype=np.int64),
        decoder_edges=np.array([-1.0, -0.25, 0.25, 1.0]),
        dead=bool(dead),
        dense=latent_idx == 2,
    )


def made_examples(latent_idx: int) -> tuple[Example, ...]:
    """Two strongest firings, one of each band; a BOS is no row."""
    found = []
    for number, (value, band) in enumerate([(8.0, -1), (6.0, -1), (4.0, 1), (0.5, 0)]):
        tokens = np.array([0, 1, 2 + (latent_idx + number) % 9, 4, 6], dtype=np.int32)
        values = np.array([np.nan, 0.0, value, 0.25, 0.0], dtype=np.float32)
        found.append(Example(number, 2, tokens, values, 2, value, band))
    return tuple(found)


def made_dashboard(path: Path, *, two: bool = False, **changes: Any) -> FeatureDashboard:
    """A dashboard of made stores; without a model."""
    store, other = MadeStore(path), MadeStore(path, "other") if two else None
    fields: dict[str, Any] = {
        "store_path": "store",
        "compare_path": "other" if two else None,
        "model_name": "pocket",
        "provenance": store.provenance,
        "_store": store,
        "_compare": other,
    }
    return FeatureDashboard(**fields | changes)


def made_live_dashboard(path: Path, monkeypatch: Any, **changes: Any) -> FeatureDashboard:
    """The same with a model, whose answers are made by hand too."""
    answers: dict[str, Any] = {
        "features_of": lambda self, prompt, store, **asked: made_prompt_features(prompt, **asked),
        "effect_of": lambda self, latent_idx, prompt, store, kind, strength=None: made_effect(kind),
        "token_effects": lambda self, latent_idx, store: np.arange(len(VOCABULARY), dtype=np.float32) / 8,
        "map_of": lambda self, method: np.arange(2 * len(self.order), dtype=np.float32).reshape(-1, 2),
        "map_note": lambda self, method: "2 axes hold 50 % of the variance",
        "map_methods": lambda self: {"pca": "", "umap": "needs umap-learn: pip install umap-learn"},
        "nearest": lambda self, latent_idx, store, n: [(latent_idx ^ 1, 0.5), (latent_idx, 0.25)][:n],
        "overlap": lambda self, latent_idx, other, store: SimpleNamespace(
            decoder_cosine=0.5, correlation=float("nan"), jaccard=float("nan"), n_rows=0
        ),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(FeatureDashboard, name, answer)
    return made_dashboard(path, _live=Live(MODEL), **changes)


def made_prompt_features(prompt: str, **asked: Any) -> Any:
    """What a model would make of a text of three tokens."""
    if not prompt:
        raise ConfigError("The text is empty.")
    latents = torch.tensor([0, 5] if asked["latents"] is None else asked["latents"])
    acts = torch.tensor([[float("nan"), 1.0, 4.0]] * len(latents)) / torch.arange(1, len(latents) + 1)[:, None]
    answered = asked["answer"] is not None
    return SimpleNamespace(
        tokens=[BOS, "The", " dog"], latents=latents, acts=acts, note="", metric=2.0 if answered else None,
        max=acts[:, 2], mean=acts[:, 1:].mean(1), n_tokens_firing=torch.full((len(latents),), 2), score=acts[:, 2],
        direct=acts / 4 if answered else None, ablation=acts[:, 2] / 8 if answered else None,
        direct_parts=(0.5, 0.25, 0.25, 1.0) if answered else None,
    )  # fmt: skip


def made_effect(kind: str) -> Any:
    """What a model would say with a latent changed."""
    return SimpleNamespace(
        tokens=[BOS, "The"], acts=torch.tensor([float("nan"), 2.0]), new_acts=torch.tensor([float("nan"), 8.0]),
        token_strings=[" dog", " cat"], before=torch.tensor([0.5, 0.25]), after=torch.tensor([0.125, 0.75]),
        kl=torch.tensor(0.5).item(), continuation_before=[" dog", " runs"], continuation_after=[" cat", " sleeps"],
        note="" if kind == "ablate" else "made by hand",
    )  # fmt: skip

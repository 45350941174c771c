"""A playground made by hand: a vector of two layers, a latent, text on both sides; every number is dyadic."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from interp_nb._show import Live
from interp_nb.models.info import ModelInfo
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.steering.generation import Applied, Continuation, Generation
from interp_nb.steering.next_tokens import NextTokens
from interp_nb.steering.playground import PlaygroundRun, SteeringPlayground
from interp_nb.steering.playground_settings import PlaygroundSettings, Slider
from interp_nb.steering.records import VectorQuality
from interp_nb.steering.vectors import SteeringVector
from interp_nb.widgets.links import link
from tests.contract.made import BOS, PROVENANCE
from tests.contract.made_features import MadeStore, made_dashboard

SITE = "blocks.1.hook_resid_post"
MODEL = type(
    "Model",
    (),
    {
        "cfg": SimpleNamespace(n_ctx=64, n_layers=2, d_model=4),
        "to_str_tokens": lambda self, text: [BOS, *text.split()],
        "interp_nb": ModelInfo("pocket", False, None, "float32", "cpu", "GPT2LMHeadModel"),
    },
)()
MADE_SAE = SAE(SAEConfig(d_in=4, d_sae=6, k=2, sites=(SITE,)))
SETTINGS = PlaygroundSettings(
    "The visit was", {"sentiment": Slider(0.5, 1), "latent 4": Slider(1.0, 1, "set", muted=True)}, n_new=4
)


class SAEStore(MadeStore):
    """A store of an SAE."""

    sae: Any = MADE_SAE


def made_vector(**changes: Any) -> SteeringVector:
    """Two layers, one tells the texts apart and the other does not."""
    half = torch.tensor([0.5, 1.0])
    known: dict[str, Any] = {
        "name": "sentiment",
        "method": "mean",
        "read_at": "last",
        "n_pairs": 8,
        "stream_norm": torch.tensor([8.0, 2.0]),
        "quality": VectorQuality(half, half, half / 2, half, half, half, 6, 2, ""),
        "model_name": "pocket",
    }
    return SteeringVector.of(torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0]]), [0, 1], **known | changes)


def made_latent() -> SteeringVector:
    """The vector of latent 4."""
    return SteeringVector.of(
        torch.tensor([[0.0, 0, 1, 0]]), [1], name="latent 4", method="latent", latent_idx=4, _sae=MADE_SAE
    )


def made_text() -> Generation:
    """Two texts that part at the second token."""

    def text(tokens: list[str], before: list[float], after: list[float], chosen: list[float]) -> Continuation:
        ids = [len(token) for token in tokens]
        tensors = (torch.tensor(each) for each in (chosen, before, after))
        return Continuation("".join(tokens), tokens, ids, *tensors, "length", {}, None)

    baseline = [-0.5, -1.0, -0.25, -2.0]
    steered = [-0.25, -0.5, -1.0, -0.125]
    return Generation(
        prompts=["The visit was"],
        prompt_tokens=[[BOS, "The", " visit", " was"]],
        prompt_ids=[[0, 1, 2, 3]],
        baseline=[text([" very", " dull", ".", "\n"], baseline, [-0.75, -4.0, -0.5, float("nan")], baseline)],
        steered=[text([" very", " <b>good", "!", " é"], [-0.5, -8.0, -2.0, -4.0], steered, steered)],
        steering=[Applied("sentiment", 0.5, "add", "all", [1], "resid_post")],
        norm_share_added=[0.25],
        warnings=["steered text: it repeats itself"],
        n_samples=1,
        n_new=4,
        temperature=0.0,
        seed=0,
        model_name="pocket",
        provenance=PROVENANCE,
    )


def made_next() -> NextTokens:
    """Three tokens, one that steering brings."""
    return NextTokens([" very", " good", " dull"], [5, 6, 7], [0.5, 0.0625, 0.25], [0.25, 0.5, 0.125], 0.5, " was")


def made_playground(**changes: Any) -> SteeringPlayground:
    """A playground after its first text; a sweep chose a strength for the vector."""
    fields: dict[str, Any] = {
        "vectors": {"sentiment": made_vector(), "latent 4": made_latent()},
        "settings": SETTINGS,
        "generation": made_text(),
        "generated_with": SETTINGS,
        "next_token": made_next(),
        "shares": {"sentiment": [0.125, 0.5], "latent 4": [float("nan")]},
        "choices": {"sentiment": (1, 0.75)},
        "origins": {"sentiment": {"kind": "given"}, "latent 4": {"kind": "latent", "store": "store"}},
        "model_name": "pocket",
        "provenance": PROVENANCE,
        "_live": Live(MODEL),
        "_run": PlaygroundRun(1, SETTINGS, "generate(...)", made_text(), made_next()),
    }
    return SteeringPlayground(**fields | changes)


def made_live_playground(path: Path, monkeypatch: Any) -> Any:
    """Its widget, linked with a dashboard; what a model would say is made by hand too."""

    def start(self: Any, settings: Any) -> None:
        object.__setattr__(self, "_run", PlaygroundRun(2, settings))

    def make_vector(self: Any, pairs: str, method: str, name: str) -> Any:
        vector = made_vector(name=name, n_pairs=2, quality=None)
        return self.vectors[self.add_vector(vector, name=name, kind="pairs", pairs=[["a", "b"]], method=method)]

    answers: dict[str, Any] = {
        "start": start,
        "make_vector": make_vector,
        "next_tokens": lambda self, settings, after: made_next(),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(SteeringPlayground, name, answer)
    sliders = "interp_nb.steering.playground_sliders"
    monkeypatch.setattr(f"{sliders}.check_model", lambda vector, model: None)
    monkeypatch.setattr(f"{sliders}._shares", lambda model, vector, prompt: [0.125, 0.5])
    store = SAEStore(path)
    dashboard = made_dashboard(path, _store=store)
    widget = made_playground().show()
    # Both ends of a link live as long as somebody holds them.
    widget.held = [dashboard, link(dashboard, widget)]
    dashboard.selected = {"latent_idx": 1, "pos": None}
    return widget

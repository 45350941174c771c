"""A training run made by hand: two SAEs on one stream, every number exact in float32."""

import math
import threading
from typing import Any

import torch

from interp_nb.sae.batches import HeldOut
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.learner import Setting
from interp_nb.sae.run import TrainingRun
from interp_nb.sae.top_tokens import TopToken
from interp_nb.sae.train_config import TrainConfig
from tests.contract.made import BOS, PROVENANCE

NEVER = 10_000


class MadeTrainer:
    """What a `TrainingRun` asks of its trainer while it is looked at and steered."""

    complete, stopped, group, reason = False, True, None, "stopped after step 40"
    step, tokens, tokens_per_second, filling = 40, 4_000, 2_000.0, None
    held = HeldOut(torch.zeros(1, 2, dtype=torch.int64), torch.ones(1, 2, dtype=torch.bool), *[torch.zeros(2, 4)] * 2)

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.learners = [
            MadeLearner({"lr": (0.25, None), "k": (2, 8)}),
            MadeLearner({"lr": (0.25, None), "l1_coefficient": (0.125, None)}),
        ]
        self.requests: list[tuple[int | None, str, float]] = []

    def settings(self) -> list[dict[str, Setting]]:
        """Per SAE, what may be changed."""
        return [learner.settings() for learner in self.learners]

    def request(self, index: int | None, name: str, value: float) -> None:
        """Keep what was asked for."""
        self.requests.append((index, name, value))


class MadeLearner:
    """Settings, of an SAE that learns."""

    failure = None

    def __init__(self, values: dict[str, tuple[float, float | None]]) -> None:
        self.values = values

    def settings(self) -> dict[str, Setting]:
        """What may be changed."""
        unit = {"k": "latents per token"}
        return {
            name: Setting(value, name == "k", int(name == "k"), high, unit.get(name, ""))
            for name, (value, high) in self.values.items()
        }


def made_run(**changes: Any) -> TrainingRun:
    """A run stopped after 4 of 10 thousand tokens: BatchTopK with two dead latents, ReLU with one NaN."""
    shares = [
        torch.tensor([0.5, 0.0, 0.0625, 0.03125, 0.0078125, 0.00390625, 0.000244140625, 0.0]),
        torch.tensor([0.5, 0.0625, 0.03125, 0.00390625]),
    ]
    configs = [
        {"sae": SAEConfig(4, 8, k=2).to_json(), "train": TrainConfig(n_tokens=10_000).to_json()},
        {"sae": SAEConfig(4, 4, architecture="relu").to_json(), "train": TrainConfig(n_tokens=10_000).to_json()},
    ]
    lowered = {"step": 20, "tokens": 2_000, "setting": "lr", "old": 0.5, "new": 0.25}
    fields: dict[str, Any] = {
        "history": made_history(),
        "changes": [
            lowered | {"sae": 0},
            lowered | {"sae": 1},
            {"step": 30, "tokens": 3_000, "sae": 0, "setting": "k", "old": 4, "new": 2},
        ],
        "firing_shares": shares,
        "since_fired": [torch.where(each > 0, 0, NEVER) for each in shares],
        "labels": ["batch_topk 8 k=2", "relu 4"],
        "site": "blocks.2.hook_resid_post",
        "model_name": "pocket",
        "n_tokens": 10_000,
        "dead_window_tokens": [1_000, 2_000],
        "ablation": "mean",
        "configs": configs,
        "provenance": PROVENANCE | {"arguments": {"site": "resid_post", "layer": 2, "reading": {"ctx_len": 64}}},
        "outcome": {"state": "stopped", "reason": "stopped after step 40", "step": 40, "tokens": 4_000},
        "_trainer": MadeTrainer(),
        "_saes": [None, None],
    }
    return TrainingRun(**fields | changes)


def made_history() -> list[dict[str, Any]]:
    """Four records of two SAEs: evaluated in the last ones, one NaN, a loss term that the other has not."""
    records: list[dict[str, Any]] = []
    for step, loss in enumerate([8.0, 2.0, 1.0, 0.5], start=1):
        common = {"step": 10 * step, "tokens": 1_000 * step, "lr": 0.25, "loss_recovered": None}
        topk = {"loss": loss, "loss_mse": loss, "l0": 2.0, "explained_variance": 1 - loss / 8, "dead_fraction": 0.25}
        relu = {
            "loss": 2 * loss, "loss_mse": loss, "loss_l1": loss, "l0": 8.0 - step, "dead_fraction": 0.0,
            "explained_variance": math.nan if step == 2 else 1 - loss / 4,
        }  # fmt: skip
        records += [common | topk | {"sae": 0, "k": 2}, common | relu | {"sae": 1, "k": None}]
    records[-2]["loss_recovered"], records[-1]["loss_recovered"] = 0.75, 0.5
    return records


def made_tops() -> list[TopToken]:
    """Two top tokens in their contexts."""
    near = [0.0, 0.0, 0.5, 2.0, 0.25, 0.0]
    return [
        TopToken(" sleep", [BOS, "The", " cats"], [" at", " night"], 2.0, near, 3, 3),
        TopToken("A", [], [" dog"], 1.0, [1.0, 0.0], 5, 1),
    ]

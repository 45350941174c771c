"""Stores whose latents were planted: directions, and activations on tokens, as `drift` and `gate` read them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

N_TYPES = 300


class PlantedStore:
    """What `compare_dictionaries` reads of a store, from a matrix of activations [token latent]."""

    def __init__(self, directions: torch.Tensor, acts: np.ndarray, *, text: int = 0, labels: Any = ()) -> None:
        from interp_nb.features.plain_latents import Directions

        self.source = Directions(directions)
        self.d_sae, self.sae = len(directions), None
        self._dead = ~(acts > 0).any(0)
        rows, latents = np.nonzero(acts)
        drawn = np.random.default_rng(text)
        tokens = drawn.integers(0, N_TYPES, len(acts)).astype(np.int32)
        contexts = np.repeat(tokens[:, None], 16, axis=1)
        self._sample = SimpleNamespace(
            token_ids=tokens, contexts=contexts, doc=np.arange(len(acts)) // 50, pos=np.arange(len(acts)) % 50,
            row_of=rows, latent=latents.astype(np.int32), value=acts[rows, latents].astype(np.float32),
        )  # fmt: skip
        named = {index: SimpleNamespace(text=text) for index, text in dict(labels).items()}
        self.labels = SimpleNamespace(current=lambda: named)

    def sample(self) -> Any:
        return self._sample

    def token_strings(self, ids: Any) -> list[str]:
        return [f"t{token}" for token in ids]

    def column(self, name: str) -> np.ndarray:
        assert name == "dead"
        return self._dead

    def __repr__(self) -> str:
        return f"PlantedStore({self.d_sae} latents)"


def planted(n: int = 24, d: int = 64, n_tokens: int = 3000, density: float = 0.06) -> tuple[torch.Tensor, np.ndarray]:
    """Directions that are orthogonal to one another, and activations that are independent."""
    directions = torch.linalg.qr(torch.randn(d, d, generator=torch.Generator().manual_seed(3)))[0][:n]
    drawn = np.random.default_rng(4)
    acts = drawn.uniform(0.5, 2, (n_tokens, n)) * (drawn.random((n_tokens, n)) < density)
    return directions, acts.astype(np.float32)


def rotated(directions: torch.Tensor, degrees: float) -> torch.Tensor:
    """Turn every direction by an angle, each towards another random one."""
    aside = torch.randn(directions.shape, generator=torch.Generator().manual_seed(9))
    unit = torch.nn.functional.normalize(directions, dim=1)
    aside = torch.nn.functional.normalize(aside - (aside * unit).sum(1, keepdim=True) * unit, dim=1)
    angle = torch.tensor(degrees).deg2rad()
    return (unit * angle.cos() + aside * angle.sin()) * directions.norm(dim=1, keepdim=True)

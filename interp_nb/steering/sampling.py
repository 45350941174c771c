"""The next token: greedy or sampled, with noise that two runs of one text can share.

A token is drawn as argmax(logits / temperature + noise) with Gumbel noise, which samples from the softmax. Two runs
that draw with the same noise differ only where their distributions do (Gumbel coupling): the same distribution gives
the same token.

Source: Maddison, Tarlow and Minka 2014 (A* sampling), https://arxiv.org/abs/1411.0030, for the Gumbel-max trick.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb._errors import ConfigError


class Sampler:
    """Choose tokens, the same way every time.

    The noise is a function of seed, prompt number, sample and step alone, whatever else is in the batch.

    Args:
        temperature: What logits are divided by; 0 = the likeliest token.
        top_k: Sample from this many of the likeliest tokens; None = all.
        top_p: Sample from the fewest tokens that hold this much probability; None = all.

    Raises:
        ConfigError: a number outside of its range.
    """

    def __init__(
        self,
        n_prompts: int,
        n_samples: int,
        *,
        temperature: float | int = 0.0,
        top_k: int | None = None,
        top_p: float | int | None = None,
        seed: int = 0,
    ) -> None:
        if not (math.isfinite(temperature) and temperature >= 0):
            raise ConfigError(f"temperature must be 0 (greedy) or positive and finite, got {temperature}")
        if top_k is not None and top_k < 1:
            raise ConfigError(f"top_k must be at least 1, got {top_k}; None = all tokens")
        if top_p is not None and not 0 < top_p <= 1:
            raise ConfigError(f"top_p must be above 0 and at most 1, got {top_p}; None = all tokens")
        self._temperature, self._top_k, self._top_p = float(temperature), top_k, top_p
        self._streams = [
            torch.Generator().manual_seed(_mixed(seed, prompt, sample))
            for prompt in range(n_prompts)
            for sample in range(n_samples)
        ]

    def noise(self, like: Float[Tensor, "sequence d_vocab"]) -> Float[Tensor, "sequence d_vocab"] | None:
        """Draw one step's noise for every sequence; None where nothing is left to chance.

        Call it once a step, for runs to share.
        """
        if not self._temperature:
            return None
        uniform = torch.stack([torch.rand(like.shape[-1], generator=stream) for stream in self._streams])
        # Uniform numbers may be 0, whose double logarithm is infinite.
        return -(-uniform.clamp(min=1e-20).log()).log().to(like.device)

    def choose(
        self, logits: Float[Tensor, "sequence d_vocab"], noise: Float[Tensor, "sequence d_vocab"] | None
    ) -> Int[Tensor, " sequence"]:
        """Choose every sequence's next token."""
        if noise is None:
            return logits.argmax(-1)
        scaled = logits.float() / self._temperature
        return (self._kept(scaled) + noise).argmax(-1)

    def _kept(self, logits: Float[Tensor, "sequence d_vocab"]) -> Float[Tensor, "sequence d_vocab"]:
        """Rule out what top_k and top_p leave out."""
        if self._top_k is not None and self._top_k < logits.shape[-1]:
            least = logits.topk(self._top_k, dim=-1).values[:, -1:]
            logits = logits.masked_fill(logits < least, -torch.inf)
        if self._top_p is not None and self._top_p < 1:
            ordered, at = logits.sort(dim=-1, descending=True, stable=True)
            odds = ordered.softmax(-1)
            # A token stays if those before it hold less than top_p, so the likeliest always does.
            out = odds.cumsum(-1) - odds >= self._top_p
            logits = logits.masked_fill(torch.zeros_like(out).scatter(-1, at, out), -torch.inf)
        return logits


def _mixed(seed: int, prompt: int, sample: int) -> int:
    """Make one seed of three numbers, such that no two triples share one by being near each other."""
    mixed = 0
    for number in (seed, prompt, sample):
        # SplitMix64's finalizer (Steele, Lea and Flood 2014).
        mixed = (mixed + number + 0x9E3779B97F4A7C15) & _64_BITS
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _64_BITS
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _64_BITS
        mixed ^= mixed >> 31
    return mixed >> 1


_64_BITS = 2**64 - 1

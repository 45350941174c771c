"""Candidates from a product in bfloat16, decided in full precision: the same pairs as `survivors` finds, sooner.

With u = 2^-8, the rounding of bfloat16, x~ and w~ the rounded rows, s the exact score x . w + b and s~ the computed:

    |s~ - s| <= d + 2 u (|s~| + max|b|),   d = |x - x~| max|w| + |x~| max|w - w~| + max|b - b~| + (rounding of float32)

by Cauchy and Schwarz; the norms of what rounding took away are computed, not estimated, which makes d less than half of
2 u |x| |w|. Hence what reaches a cut c in full precision reaches c - d in low precision, less the second term; and the
k largest of a row reach the k-th largest s~, less twice that. What is proposed is computed again in full precision, and
only that decides. A row with too many candidates (nothing stands out in it) is computed in full precision entirely.

Sources of the bound: Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1.
"""

from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interp_nb.sae.products import dense_product, pair_dots
from interp_nb.sae.survivors import (
    TINY,
    Found,
    Memory,
    Reading,
    Survivors,
    block_cut,
    joined,
    positions,
)

_ROUNDING: Final = 1.02 * 2.0**-8
"""u, and some for its square."""
_ROUNDING_32: Final = 2.0**-24
_TOO_MANY: Final = 8
"""Candidates per value wanted, from which on a row is computed in full precision entirely."""
_LATENTS_AT_A_TIME: Final = 4096


def fast_bfloat16(device: torch.device) -> bool:
    """Say whether a product in bfloat16 is faster here than in float32, with sums as exact as the bound asks.

    On CUDA the latter needs `torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False`.
    """
    if device.type == "cuda":
        exact_sums = not torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction
        return exact_sums and bool(torch.cuda.is_bf16_supported())
    cpu = torch.cpu
    checks = [getattr(cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return device.type == "cpu" and any(check is not None and check() for check in checks)


class Proposals(Survivors):
    """Low precision proposes, full precision decides."""

    def __init__(
        self,
        reading: Reading,
        memory: Memory,
        scale: Float[Tensor, " d_sae"] | None = None,
        among: Bool[Tensor, " d_sae"] | None = None,
    ) -> None:
        super().__init__(reading, memory, scale, among)
        self._round_encoder()
        self._round_acts()

    def top(self, rows: slice, k: int) -> Found:
        """Propose what may be among the k largest positive scores of a row."""
        low = self._low(rows)
        edge = block_cut(low, k)
        if edge is None:
            edge = low.topk(min(k, low.shape[1]), sorted=False).values.amin(1)
        # At least k values reach `edge` here, hence `sure` in full precision; what may reach that is proposed.
        sure = self._lowered(rows, edge.to(self._slack.dtype)).clamp_min(TINY)
        return self._proposed(rows, low, self._lowered(rows, sure), k)

    def reaching(self, rows: slice, cut: float) -> Found:
        """Propose what may reach a cut."""
        return self._proposed(rows, self._low(rows), self._lowered(rows, self._slack.new_full((), cut)), None)

    def joined(self, parts: list[Found]) -> Found:
        """Put what was proposed in the chunks one after another, and compute it in full precision.

        All at once: sorted by latent, the encoder is then read once.
        """
        acts, encoder, b_enc, n_sites = self.reading
        found = joined(parts)
        return found._replace(pre=pair_dots(acts, encoder, b_enc, found.pairs(len(encoder)), n_sites))

    def _round_encoder(self) -> None:
        """Write scale * encoder and its bias in low precision; measure what rounding takes away."""
        _, encoder, b_enc, _ = self.reading
        self._encoder: Tensor = self.memory.buffer("encoder16", encoder, *encoder.shape, dtype=torch.bfloat16)
        norms, lost = [], []
        for start in range(0, len(encoder), _LATENTS_AT_A_TIME):
            chunk = slice(start, start + _LATENTS_AT_A_TIME)
            weights = encoder[chunk] if self.scale is None else encoder[chunk] * self.scale[chunk, None]
            self._encoder[chunk] = weights
            norms.append(weights.norm(dim=1).amax())
            lost.append((weights - self._encoder[chunk]).norm(dim=1).amax())
        bias = b_enc if self.scale is None else b_enc * self.scale
        self._b_enc = bias.bfloat16()
        self._norm, self._lost = torch.stack(norms).amax(), torch.stack(lost).amax()
        self._bias, self._bias_lost = bias.abs().amax(), (bias - self._b_enc).abs().amax()

    def _round_acts(self) -> None:
        """Write the activations in low precision; bound, row by row, what a score loses before it is rounded itself."""
        acts = self.reading.acts
        self._acts = acts.bfloat16()
        back = self._acts.to(acts.dtype)
        # Both sums, the low one's and the one that decides, are rounded in float32; the factor covers both twice over.
        summed = 4 * acts.shape[1] * _ROUNDING_32 * acts.norm(dim=1) * self._norm
        lost = (acts - back).norm(dim=1) * self._norm + back.norm(dim=1) * self._lost
        self._slack: Tensor = lost + self._bias_lost + summed

    def _low(self, rows: slice) -> Float[Tensor, "row d_sae"]:
        acts, encoder, _, n_sites = self.reading
        buffer = self.memory.buffer("low", acts, self._height(), len(encoder), dtype=torch.bfloat16)
        out = buffer[: rows.stop - rows.start]
        dense_product(self._acts[rows], self._encoder, self._b_enc, n_sites, out=out)
        if self.among is not None:
            out.masked_fill_(~self.among, -torch.inf)
        return out

    def _lowered(self, rows: slice, cut: Float[Tensor, "*row"]) -> Float[Tensor, " row"]:
        """Lower a cut by all that separates a score in low precision from the same in full precision."""
        slack = self._slack[rows]
        found: Tensor = cut - slack - 2 * _ROUNDING * (cut.abs() + slack + self._bias)
        return found

    def _proposed(self, rows: slice, low: Tensor, cut: Float[Tensor, " row"], k: int | None) -> Found:
        """Find what reaches a cut in low precision; where that is too much for k, what full precision finds."""
        mask = self._mask(low)
        # Rounded down, so that nothing is lost.
        cut = (cut - cut.abs() * _ROUNDING).bfloat16()[:, None]
        if bool((cut > 0).all()):
            # Positive numbers of either kind are ordered as the integers with the same bits, which compare faster.
            torch.ge(low.view(torch.int16), cut.view(torch.int16), out=mask)
        else:
            torch.ge(low, cut, out=mask)
        found = _listed(mask)
        crowded = found.counts > (low.shape[1] if k is None else _TOO_MANY * k)
        if k is None or not bool(crowded.any()):
            return found
        alone = Survivors(
            self.reading._replace(acts=self.reading.acts[rows][crowded]), Memory(), self.scale, self.among
        )
        exact = joined([alone.top(chunk, k) for chunk in alone.chunks()])
        mask[crowded] = False
        mask[crowded.nonzero().view(-1).repeat_interleave(exact.counts), exact.latents] = True
        return _listed(mask)


def _listed(mask: Bool[Tensor, "row d_sae"]) -> Found:
    """List what is set; pre-activations are not known yet."""
    flat = positions(mask)
    rows = flat // mask.shape[1]
    none = torch.empty(0, device=mask.device)
    return Found(flat - rows * mask.shape[1], torch.bincount(rows, minlength=len(mask)), none)

"""The two products on the sparse code, encoding and decoding, with their gradients.

Both compute on the (row, latent) pairs of a layout (`pairs`) and no others. Backward, everything is computed on the
pairs sorted by latent, which is done once and shared: a latent's weights are then read once and stay in cache, and a
weight gradient is a sum over each latent's rows, written latent after latent.
"""

from collections.abc import Iterable
from itertools import accumulate
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from interp_nb.sae.bags import dots, sums, sums_by_latent, unsorted
from interp_nb.sae.pairs import AllPairs, ByLatent, Layout, Pairs


def encode_pairs(
    acts: Float[Tensor, "row d_in"],
    encoder: Float[Tensor, "d_sae d_read"],
    b_enc: Float[Tensor, " d_sae"],
    pairs: Layout,
    pre: Float[Tensor, "*value"] | None = None,
    *,
    center: Float[Tensor, " d_in"] | None = None,
    n_sites: int = 1,
) -> Float[Tensor, "*value"]:
    """Compute pre-activations at the pairs: acts[row] . encoder[latent] + b_enc[latent].

    Args:
        pre: The result, where it is known already; only its gradient is computed then.
        center: What was subtracted from `acts` before. Its gradient, -(sum over rows of d pre) @ encoder, costs one
            pass over the encoder; through `acts` it would cost one over all pairs.
        n_sites: Into how many sites a row of `acts` is divided; each latent reads one, the first d_sae / n_sites
            latents the first.
    """
    return _Encode.apply(acts, encoder, b_enc, center, pairs, pre, n_sites)  # type: ignore[no-any-return, no-untyped-call]


def decode_pairs(
    values: Float[Tensor, "*value"], pairs: Layout, W_dec: Float[Tensor, "d_sae d_out"]
) -> Float[Tensor, "row d_out"]:
    """Add up decoder rows: recons[row] = sum over the row's pairs of value * W_dec[latent]."""
    return _Decode.apply(values, W_dec, pairs)  # type: ignore[no-any-return, no-untyped-call]


def decode_prefixes(
    values: Float[Tensor, "*value"],
    pairs: Layout,
    W_dec: Float[Tensor, "d_sae d_out"],
    widths: Iterable[int],
    offset: Float[Tensor, "*row d_out"] | None = None,
) -> list[Float[Tensor, "row d_out"]]:
    """Reconstruct from the first widths[0] latents, the first widths[1], and so on; every pair is decoded once.

    Args:
        widths: Ascending; the last is d_sae.
        offset: Added to every prefix.
    """
    widths = tuple(widths)
    if isinstance(pairs, Pairs):
        parts = decode_pairs(values, pairs.grouped(widths), W_dec).view(pairs.n_rows, len(widths), -1).unbind(1)
    else:
        bounds = zip((0, *widths[:-1]), widths, strict=True)
        parts = tuple(values[:, start:stop] @ W_dec[start:stop] for start, stop in bounds)
    # Not cumsum: over a short axis between longer ones it takes ten times as long.
    first = parts[0] if offset is None else parts[0] + offset
    return list(accumulate((first, *parts[1:]), torch.add))


class _Encode(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, acts: Tensor, encoder: Tensor, b_enc: Tensor, center: Tensor | None, pairs: Layout,
        pre: Tensor | None, n_sites: int,
    ) -> Tensor:  # fmt: skip
        ctx.save_for_backward(acts, encoder)
        ctx.pairs, ctx.n_sites = pairs, n_sites
        if pre is not None:
            return pre.view_as(pre)
        if isinstance(pairs, AllPairs):
            return dense_product(acts, encoder, b_enc, n_sites)
        found = pairs.by_latent
        read = acts.view(len(acts) * n_sites, -1)
        products = dots(encoder, read, found.latents, _read(found, pairs.d_sae, n_sites))
        return unsorted(products, found.order) + b_enc[pairs.latents]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        acts, encoder = ctx.saved_tensors
        pairs, n_sites = ctx.pairs, ctx.n_sites
        to_acts, to_encoder, to_bias, to_center, *_ = ctx.needs_input_grad
        d_bias = pairs.sums(grad) if to_bias or to_center else None
        d_center = None
        if to_center and d_bias is not None:
            d_center = -torch.cat([b @ e for b, e in zip(d_bias.chunk(n_sites), encoder.chunk(n_sites), strict=True)])
        d_encoder = _encoder_gradient(grad, acts, encoder, pairs, n_sites) if to_encoder else None
        d_acts = None
        if to_acts:
            width = len(encoder) // n_sites
            split = pairs if n_sites == 1 else None
            if isinstance(pairs, Pairs):
                split = split or pairs.grouped(range(width, len(encoder) + 1, width))
                d_acts = sums(split.latents, encoder, split.offsets[:-1], grad).view_as(acts)
            else:
                parts = zip(grad.chunk(n_sites, 1), encoder.chunk(n_sites), strict=True)
                d_acts = torch.cat([part @ site for part, site in parts], 1)
        return d_acts, d_encoder, d_bias if to_bias else None, d_center, None, None, None


class _Decode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, W_dec: Tensor, pairs: Layout) -> Tensor:
        ctx.save_for_backward(values, W_dec)
        ctx.pairs = pairs
        if isinstance(pairs, AllPairs):
            return values @ W_dec
        return sums(pairs.latents, W_dec, pairs.offsets[:-1], values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        values, W_dec = ctx.saved_tensors
        pairs, grad = ctx.pairs, grad.contiguous()
        to_values, to_weight, _ = ctx.needs_input_grad
        d_values = d_weight = None
        if isinstance(pairs, AllPairs):
            d_values = grad @ W_dec.T if to_values else None
            d_weight = torch.mm(values.T, grad, out=_memory(W_dec, pairs)) if to_weight else None
            return d_values, d_weight, None
        found = pairs.by_latent
        if to_values:
            d_values = unsorted(dots(W_dec, grad, found.latents, found.rows), found.order)
        if to_weight:
            d_weight = sums_by_latent(found.rows, grad, found.starts, values[found.order], _memory(W_dec, pairs))
        return d_values, d_weight, None


def dense_product(
    acts: Float[Tensor, "row d_in"],
    encoder: Float[Tensor, "d_sae d_read"],
    b_enc: Float[Tensor, " d_sae"],
    n_sites: int = 1,
    out: Float[Tensor, "row d_sae"] | None = None,
) -> Float[Tensor, "row d_sae"]:
    """Compute all pre-activations, site by site where a latent reads only one."""
    if n_sites == 1:
        return torch.addmm(b_enc, acts, encoder.T, out=out)
    sites = zip(acts.chunk(n_sites, 1), encoder.chunk(n_sites), b_enc.chunk(n_sites), strict=True)
    return torch.cat([torch.addmm(bias, part, site.T) for part, site, bias in sites], 1, out=out)


def pair_dots(
    acts: Float[Tensor, "row d_in"],
    encoder: Float[Tensor, "d_sae d_read"],
    b_enc: Float[Tensor, " d_sae"],
    pairs: Pairs,
    n_sites: int = 1,
) -> Float[Tensor, " pair"]:
    """Compute pre-activations at the pairs, without gradient."""
    with torch.no_grad():
        return encode_pairs(acts, encoder, b_enc, pairs, n_sites=n_sites)


def _encoder_gradient(grad: Tensor, acts: Tensor, encoder: Tensor, pairs: Layout, n_sites: int) -> Tensor:
    memory = _memory(encoder, pairs)
    if isinstance(pairs, AllPairs):
        sites = zip(grad.chunk(n_sites, 1), acts.chunk(n_sites, 1), memory.chunk(n_sites), strict=True)
        for part, site, out in sites:
            torch.mm(part.T, site, out=out)
        return memory
    found = pairs.by_latent
    read = acts.view(len(acts) * n_sites, -1)
    return sums_by_latent(_read(found, pairs.d_sae, n_sites), read, found.starts, grad[found.order], memory)


def _read(found: ByLatent, d_sae: int, n_sites: int) -> Tensor:
    """Say which piece of the activations each pair reads."""
    return found.rows if n_sites == 1 else found.rows * n_sites + found.latents // (d_sae // n_sites)


def _memory(weight: Tensor, pairs: Layout) -> Tensor:
    if pairs.spare is None:
        return torch.empty_like(weight, memory_format=torch.contiguous_format)
    return pairs.spare.take(weight)

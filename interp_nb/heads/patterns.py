"""One prompt's attention: every head's pattern, with what can be read off it.

Rows are destinations, columns sources, positions count from 0; the begin-of-text token is a position like any other.
What is not here: scores over many random prompts (`battery`) and the drawing (the widget, looked up when shown).
"""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_nb._errors import ConfigError, HookNameError, PromptError, ShapeError
from interp_nb._show import Live, Showable, result, two_decimals
from interp_nb.heads.circuitsvis_view import CircuitsVisHTML, attention_heads_html
from interp_nb.heads.roles import HeadRoles, attention_mass, first_best, make_roles, pattern_scores
from interp_nb.models.edit import capture
from interp_nb.models.finite import check_pattern
from interp_nb.models.info import model_info
from interp_nb.models.prompts import tokenize
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import hook_name

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Pairs = Mapping[str, Sequence[Sequence[int]]]
"""Name of a relation -> `[dest, src]` positions, such as every verb and its subject."""


@result
class AttentionPatterns(Showable):
    """Hold where every head of a model looks, for one prompt."""

    _widget: ClassVar[str] = "interp_nb.widgets.attention:AttentionWidget"

    patterns: Float[Tensor, "layer head dest_pos src_pos"]
    """Attention weights after the softmax; every row sums to 1 (less in models with an attention sink)."""
    layers: list[int]
    """Layer of the model that each entry of the first axis is."""
    tokens: list[str]
    """One string per position."""
    token_ids: list[int]
    """Token id per position; two ids may have the same string."""
    prompt: str
    """The text that was run."""
    pairs: dict[str, list[list[int]]]
    """Named relations between positions, `[dest, src]`, whose attention mass is shown; see `mass`."""
    model_name: str
    """Model that was run."""
    provenance: dict[str, Any]
    """What it takes to compute this again."""
    _live: Any = field(default=None, compare=False, repr=False)

    def head(self, layer: int, head: int) -> Float[Tensor, "dest_pos src_pos"]:
        """Return one head's pattern.

        Args:
            layer: Layer of the model, which must be among `layers`.

        Raises:
            ShapeError: no such layer or head here.
        """
        n_heads = self.patterns.shape[1]
        if layer not in self.layers:
            raise ShapeError(f"layer must be one of {self.layers}, got {layer}; call attention(..., layers=[{layer}])")
        if not 0 <= head < n_heads:
            raise ShapeError(f"head must be 0 to {n_heads - 1}, got {head}")
        return self.patterns[self.layers.index(layer), head]

    def mass(self, pairs: Pairs | None = None) -> dict[str, Float[Tensor, "layer head"]]:
        """Measure how much of each head's attention goes along labelled pairs.

        mass = mean over the destinations named of the attention that goes to their sources; from 0 to 1.

        Args:
            pairs: `{"verb to subject": [(dest, src), ...]}`; the pairs kept in this result if left out.

        Raises:
            ConfigError: a pair lies outside of the prompt, or its source comes after its destination.
        """
        chosen = _checked_pairs(self.pairs if pairs is None else pairs, len(self.tokens))
        return {name: attention_mass(self.patterns, self._mask(positions)) for name, positions in chosen.items()}

    def with_pairs(self, pairs: Pairs) -> "AttentionPatterns":
        """Return the patterns with named pairs, which `roles` and the widget then show.

        Raises:
            ConfigError: a pair lies outside of the prompt, or its source comes after its destination.
        """
        return replace(self, pairs=_checked_pairs(pairs, len(self.tokens)))

    def roles(self) -> HeadRoles:
        """Score every head from this prompt alone, its labelled pairs included.

        `duplicate_token` and `induction` need a repeated token and are NaN without one; `copying` is read from weights
        and is left out (see `head_roles`).
        """
        scores = pattern_scores(self.patterns, torch.tensor(self.token_ids)) | self.mass()
        return make_roles(
            scores,
            layers=self.layers,
            model_name=self.model_name,
            prompt=self.prompt,
            provenance=self.provenance | {"function": "attention.roles"},
            live=self._live,
        )

    def to_circuitsvis(self, layer: int | None = None) -> CircuitsVisHTML:
        """Draw the same patterns with CircuitsVis, from its local bundle.

        Args:
            layer: One layer of the model; all that are here if left out. Each display is over a megabyte of HTML.

        Raises:
            ShapeError: no such layer here.
        """
        n_heads = self.patterns.shape[1]
        if layer is not None:
            self.head(layer, 0)
        layers = self.layers if layer is None else [layer]
        shown = self.patterns[[self.layers.index(each) for each in layers]].flatten(0, 1)
        names = [f"L{each}H{head}" for each in layers for head in range(n_heads)]
        return attention_heads_html(shown, self.tokens, names)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per layer, head, destination and source it can see."""
        import pandas as pd

        n_layers, n_heads, n_pos, _ = self.patterns.shape
        dest, src = torch.tril_indices(n_pos, n_pos)
        repeats = n_layers * n_heads
        return pd.DataFrame(
            {
                "layer": torch.tensor(self.layers).repeat_interleave(n_heads * len(dest)).numpy(),
                "head": torch.arange(n_heads).repeat_interleave(len(dest)).repeat(n_layers).numpy(),
                "dest_pos": dest.repeat(repeats).numpy(),
                "src_pos": src.repeat(repeats).numpy(),
                "dest_token": [self.tokens[position] for position in dest.tolist()] * repeats,
                "src_token": [self.tokens[position] for position in src.tolist()] * repeats,
                "attention": self.patterns[:, :, dest, src].flatten().numpy(),
            }
        )

    def numpy(self) -> "np.ndarray[Any, np.dtype[np.float32]]":
        """Return `patterns` as a NumPy array [layer head dest_pos src_pos]."""
        return self.patterns.numpy()

    def _mask(self, positions: list[list[int]]) -> Bool[Tensor, "dest_pos src_pos"]:
        mask = torch.zeros(len(self.tokens), len(self.tokens), dtype=torch.bool)
        for dest, src in positions:
            mask[dest, src] = True
        return mask

    def _summary(self) -> str:
        n_layers, n_heads, n_pos, _ = self.patterns.shape
        found = first_best(self.patterns[:, :, 1:].amax(-1).mean(-1)) if n_pos > 1 else None
        sharpest = (
            f", sharpest {two_decimals(found[2])} at layer {self.layers[found[0]]} head {found[1]}" if found else ""
        )
        return f"AttentionPatterns(layer={n_layers} x head={n_heads} x pos={n_pos}{sharpest})"


def attention(
    model: HookedModel,
    prompt: str | Int[Tensor, " pos"] | Int[Tensor, "1 pos"],
    layers: Sequence[int] | None = None,
    *,
    pairs: Pairs | None = None,
) -> AttentionPatterns:
    """Read every head's attention pattern on one prompt.

    Args:
        prompt: Text, or the token ids of one prompt (taken as they are: no begin-of-text token is added).
        layers: Layers of the model, negative ones counted from the last; all that have a pattern if left out.
        pairs: Relations between positions to measure, `{"verb to subject": [(dest, src), ...]}`; see
            `AttentionPatterns.mass`, and `labelled_pairs` for pairs from ground-truth labels.

    Raises:
        PromptError: the prompt is empty or longer than the context.
        HookNameError: there is no such layer, or the model computes no pattern there.
        NonFiniteError: a pattern holds NaN; the message names the layer's hook point.
        ConfigError: no layers, or a pair that is not in the prompt.

    Cost: one forward pass, up to the last layer asked for.
    """
    tokens, strings = _tokens(model, prompt)
    names = _pattern_names(model, layers)
    kept = _checked_pairs(pairs or {}, len(strings))
    captured = capture(model, tokens, list(names.values()))
    info = model_info(model)
    return AttentionPatterns(
        patterns=torch.stack([_pattern(captured, name, len(strings)) for name in names.values()]),
        layers=list(names),
        tokens=strings,
        token_ids=[int(token) for token in tokens[0]],
        prompt=prompt if isinstance(prompt, str) else "".join(strings),
        pairs=kept,
        model_name=info.name,
        provenance={"function": "attention", "hooks": list(names.values()), "model": info._asdict()},
        _live=Live(model, lambda model, *, prompt: attention(model, prompt, layers)),
    )


def _tokens(model: HookedModel, prompt: str | Int[Tensor, "*batch pos"]) -> tuple[Int[Tensor, "1 pos"], list[str]]:
    if isinstance(prompt, str):
        return tokenize(model, prompt)
    tokens = prompt.reshape(1, -1)
    n_ctx = int(getattr(model.cfg, "n_ctx", 0) or tokens.shape[1])
    if not 1 <= tokens.shape[1] <= n_ctx:
        raise PromptError(f"prompt must have 1 to {n_ctx} tokens in this model, got {tokens.shape[1]}; cut it to fit")
    return tokens, [str(piece) for piece in model.to_str_tokens(tokens[0])]


def _pattern_names(model: HookedModel, layers: Sequence[int] | None) -> dict[int, str]:
    """Give the hook point of each layer's pattern, by layer number."""
    n_layers = int(model.cfg.n_layers)
    if layers is not None:
        if not layers:
            raise ConfigError(f"layers must name at least one layer from 0 to {n_layers - 1}, got none; None means all")
        return {layer % n_layers: hook_name(model, "pattern", layer) for layer in layers}
    names: dict[int, str] = {}
    refusal: HookNameError | None = None
    for layer in range(n_layers):
        try:
            names[layer] = hook_name(model, "pattern", layer)
        except HookNameError as error:  # layers without attention in hybrid models
            refusal = error
    if not names:
        raise HookNameError(f"expected attention layers, but no layer of this model has a pattern: {refusal}")
    return names


def _pattern(captured: Mapping[str, Tensor], name: str, n_pos: int) -> Float[Tensor, "head dest_pos src_pos"]:
    """Take one layer's pattern out of a capture, checked: there, of the right shape, finite."""
    pattern = captured.get(name)
    if pattern is None:
        raise HookNameError(
            f"expected an attention pattern at {name}, but the forward pass never computed one: fused attention "
            'implementations skip it; load the model with attn_implementation="eager"'
        )
    if pattern.ndim != 4 or tuple(pattern.shape[-2:]) != (n_pos, n_pos):
        raise ShapeError(f"{name} must be [1 head {n_pos} {n_pos}], got {list(pattern.shape)}; is it causal attention?")
    check_pattern(pattern, name)
    return pattern[0].float().cpu()


def _checked_pairs(pairs: Pairs, n_pos: int) -> dict[str, list[list[int]]]:
    """Copy pairs as plain lists, refusing what lies outside of the prompt."""
    checked = {name: [[int(dest), int(src)] for dest, src in positions] for name, positions in pairs.items()}
    for name, positions in checked.items():
        for dest, src in positions:
            if not 0 <= src <= dest < n_pos:
                raise ConfigError(
                    f"pairs[{name!r}] must hold (dest, src) with 0 <= src <= dest < {n_pos} tokens, got ({dest}, {src})"
                    "; the destination looks back at the source, and a begin-of-text token counts as a position"
                )
    return checked

"""`steer`: hooks that apply recipes on every forward of a model, cached ones included, for the length of a block.

1. Before a forward, its tokens, padding and place in their texts are read (`chunks`).
2. At each place, the recipe's tokens are found, once a forward for all layers (`positions`), and changed (`operators`).
3. After it, the cache is noted, and logits that overflowed are refused.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_nb._errors import ConfigError, HookNameError, NonFiniteError, VectorMismatchError
from interp_nb.models.edit import Around, HookFunction, edit
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import check_hook
from interp_nb.steering.chunks import Chunk, Reader
from interp_nb.steering.conditions import Reading, condition_reading, latent_reading
from interp_nb.steering.mismatch import check_model, layer_words
from interp_nb.steering.operators import Rule, make_rule
from interp_nb.steering.positions import finder, reads_text
from interp_nb.steering.recipe import Condition, Positions, Steering, recipes


@contextmanager
def steer(
    model: HookedModel,
    *what: Any,
    strength: float | int = 1.0,
    operator: str = "add",
    positions: Positions = "all",
    layers: int | Sequence[int] | str | None = None,
    when: Condition | None = None,
    last_prompt_token: str = "generated",
    n_prompt: int | Sequence[int] | None = None,
    rows: Bool[Tensor, "*recipe batch"] | None = None,
) -> Iterator[None]:
    """Steer a model for the length of a `with` block, in this context only.

    Acts on every forward: `model(...)`, `model.generate`, the Hugging Face model's own `generate`, with and without a
    cache, on batches padded on either side (give the attention mask, as for any forward). The model itself is not
    changed, and the hooks go whatever happens. Blocks nest, and several recipes act in the order they are given.
    Beam search moves texts between rows, which markers and functions of the text cannot follow.

    Args:
        what: Vectors, `Steering`s, or lists of them. The other options are for plain vectors; see `Steering`.
        n_prompt: Tokens of the prompt, padding left out, or one number per text. None = what a text's first forward
            holds, which is right with a cache; without one, every forward looks like a prompt.
        rows: Which rows of a batch are steered, by all recipes or one line for each of them; None = all.

    Raises:
        VectorMismatchError: a vector of another model, width or layer.
        ConfigError: an unknown operator or position, or a condition that is read after the edit.
        NonFiniteError: during a forward: it overflowed; the strength and the layers are named.
    """
    chosen = recipes(
        list(what), strength=strength, operator=operator, positions=positions, layers=layers, when=when,
        last_prompt_token=last_prompt_token,
    )  # fmt: skip
    plan = Plan(model, chosen, n_prompt=n_prompt, rows=rows)
    with edit(model, plan.hooks, around=plan.around):
        yield


class _Place(NamedTuple):
    """One recipe at one layer."""

    number: int
    """Which recipe."""
    layer: int
    """The layer."""
    name: str
    """The place's hook name."""
    reading: Reading | None
    """What the recipe's latent is read from."""
    condition: Reading | None
    """What the recipe's condition is read from."""


class _Change(NamedTuple):
    """What one recipe did at one layer in one forward."""

    x: Tensor
    """What was there."""
    new: Tensor
    """What it became."""
    where: Bool[Tensor, "batch pos"] | None
    """On which tokens; None = all."""


def _norms(changes: Sequence[_Change], rows: slice, lengths: Int[Tensor, " row"]) -> Float[Tensor, "2"]:
    """Sum, over the steered tokens of some rows, the norm of what changed and the norm of what was there.

    Args:
        lengths: Per row, the columns that count: a text that is over is fed on while others are not.
    """
    # All forwards at once: one token at a time costs a percent of a small model's forward.
    x, new = (torch.cat([getattr(each, name)[rows] for each in changes], 1).detach().float() for name in ("x", "new"))
    where = torch.cat(
        [x.new_ones(each.x[rows].shape[:2]) if each.where is None else each.where[rows].to(x) for each in changes], 1
    )
    where *= torch.arange(x.shape[1], device=x.device) < lengths.to(x.device).unsqueeze(1)
    return torch.stack([((new - x).norm(dim=-1) * where).sum(), (x.norm(dim=-1) * where).sum()]).cpu()


class Plan:
    """Recipes made ready for one model: hooks, and what they share during a forward."""

    def __init__(
        self,
        model: HookedModel,
        chosen: Sequence[Steering],
        *,
        n_prompt: int | Sequence[int] | Tensor | None = None,
        rows: Bool[Tensor, "*recipe batch"] | None = None,
        checks_logits: bool = True,
    ) -> None:
        self._checks_logits = checks_logits
        self.chosen = [each.at_layers_of(int(model.cfg.n_layers)) for each in chosen]
        for recipe in self.chosen:
            check_model(recipe.vector, model)
        self._finders = [finder(recipe, model) for recipe in self.chosen]
        self._rows = rows
        self._reader = Reader(
            _lengths(n_prompt),
            getattr(getattr(model, "tokenizer", None), "pad_token_id", None),
            keeps_text=any(reads_text(each) for each in self.chosen),
        )
        # Several threads may run one model in one context (a job copies it), each its own forward.
        self._running = threading.local()
        self.around = Around(self._before, self._after)
        self.changes: dict[tuple[int, int], list[_Change]] | None = None
        """Where somebody asks for it: by recipe and layer what was there in each forward, and what it became."""
        self.hooks: list[tuple[str, HookFunction]] = []
        for number, recipe in enumerate(self.chosen):
            if not recipe.changes_nothing:
                self._add(model, number, recipe)

    def _add(self, model: HookedModel, number: int, recipe: Steering) -> None:
        for layer in recipe.chosen_layers:
            name = recipe.vector.hook_names[recipe.vector.row(layer)]
            check_hook(model, name)
            if name.endswith(("hook_pattern", "hook_attn_scores")):
                raise HookNameError(f"{name!r} holds pairs of positions; steering acts on sites with one row per token")
            place = _Place(
                number, layer, name, latent_reading(model, recipe, name), condition_reading(model, recipe, name)
            )
            for reading in (place.reading, place.condition):
                if reading is not None and reading.name != name:
                    self.hooks.append((reading.name, self._watching(reading)))
            self.hooks.append((name, self._steering(place, recipe)))

    def _before(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._running.chunk = self._reader.read(args, kwargs)

    def _after(self, kwargs: dict[str, Any], output: Any) -> None:
        chunk = self._chunk()
        cache = getattr(output, "past_key_values", None)
        self._reader.remember(chunk, kwargs.get("past_key_values") if cache is None else cache)
        logits = getattr(output, "logits", None)
        # One pass over the logits: a NaN or an infinity anywhere makes the sum one, too.
        if (
            logits is None
            or not self.hooks
            or not self._checks_logits
            or math.isfinite(float(logits.detach().sum(dtype=_WIDE.get(logits.dtype))))
        ):
            return
        self.refuse_overflow()

    def refuse_overflow(self) -> None:
        """Raise for logits that are not finite.

        Raises:
            NonFiniteError: always, naming strengths and layers.
        """
        said = "; ".join(
            f"strength {recipe.strength:g} of {recipe.vector.name!r} at {layer_words(recipe.chosen_layers)}"
            for recipe in self.chosen
        )
        raise NonFiniteError(f"the steered forward gave NaN or infinity ({said}); lower the strength")

    def shares(self, rows: slice, lengths: Int[Tensor, " row"]) -> list[float]:
        """Give, per recipe, norm changed / norm there, both summed over the tokens it steered; NaN = it steered none.

        A ratio of sums, as |v| / mean |x| is for one vector: tokens with small norms would rule a mean of ratios.

        Args:
            rows: The rows of the batch that count.
            lengths: Of each of them, the columns that count, padding included.
        """
        totals = torch.zeros(len(self.chosen), 2)
        for (number, _), noted in (self.changes or {}).items():
            totals[number] += _norms(noted, rows, lengths)
        return [
            0.0 if recipe.changes_nothing else changed / there if there else math.nan
            for recipe, (changed, there) in zip(self.chosen, totals.tolist(), strict=True)
        ]

    def _chunk(self) -> Chunk:
        chunk: Chunk | None = getattr(self._running, "chunk", None)
        if chunk is None:
            raise ConfigError("steering sees whole forwards only; run the model itself, not one of its parts")
        return chunk

    def _where(self, chunk: Chunk, number: int) -> tuple[Bool[Tensor, "batch pos"] | None, int]:
        """Find a recipe's tokens, once a forward; None = all of them. With it, their number."""
        found = chunk.found.get(number)
        if found is None:
            mask = self._finders[number](chunk)
            if self._rows is not None:
                own = self._rows if self._rows.ndim == 1 else self._rows[number]
                rows = own.to(chunk.device).unsqueeze(1)
                mask = rows.expand(chunk.shape) if mask is None else mask & rows
            size = chunk.shape[0] * chunk.shape[1]
            count = size if mask is None else int(mask.count_nonzero())
            found = chunk.found[number] = (None if count == size else mask, count)
        return found

    def _watching(self, reading: Reading) -> HookFunction:
        def watch(activation: Tensor, hook: Any) -> None:
            self._chunk().found[reading] = reading.read(activation)

        return watch

    def _read(self, reading: Reading, place: _Place, x: Tensor) -> Tensor:
        """Give what a recipe reads: here, or kept from earlier in the forward."""
        if reading.name == place.name:
            return reading.read(x)
        found: Tensor | None = self._chunk().found.get(reading)
        if found is None:
            raise ConfigError(f"{reading.name} is read after {place.name}, where it is needed; read it earlier")
        return found

    def _steering(self, place: _Place, recipe: Steering) -> HookFunction:
        rules: dict[tuple[torch.dtype, torch.device], Rule] = {}
        width = recipe.vector.d_model
        in_place = place.name.endswith("hook_resid_mid")

        def change(activation: Tensor, hook: Any) -> Tensor | None:
            where, count = self._where(self._chunk(), place.number)
            if not count:
                return None
            x = activation.flatten(2) if activation.ndim > 3 else activation
            rule = rules.get((x.dtype, x.device))
            if rule is None:
                if x.shape[-1] != width:
                    raise VectorMismatchError(
                        f"{recipe.vector.name!r} has vectors of width {width}, {place.name} is {x.shape[-1]} wide here"
                    )
                rule = rules[x.dtype, x.device] = make_rule(recipe, place.layer, x)
            latent = None if place.reading is None else self._read(place.reading, place, x)
            if place.condition is not None:
                holds = self._read(place.condition, place, x) > float(recipe.when.above)  # type: ignore[union-attr]
                where = holds if where is None else where & holds
            new = rule(x, latent)
            if where is not None:
                new = torch.where(where.unsqueeze(-1), new, x)
            if self.changes is not None:
                noted = _Change(x.clone() if in_place else x, new, where)
                self.changes.setdefault((place.number, place.layer), []).append(noted)
            new = new.view_as(activation)
            # NOTE: in place: TransformerLens's resid_mid sits at the entry of the second norm, and the skip connection
            # goes past it.
            return activation.copy_(new) if in_place else new

        return change


# Sums in half precision would overflow by themselves.
_WIDE = {torch.float16: torch.float32, torch.bfloat16: torch.float32}


def _lengths(n_prompt: int | Sequence[int] | Tensor | None) -> Int[Tensor, " batch"] | None:
    if n_prompt is None:
        return None
    return torch.as_tensor(n_prompt).view(-1)

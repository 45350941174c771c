"""A batch of texts going through a model one forward at a time, with a cache or without.

Every forward takes the model's lock for itself, in eval mode, without gradients. What does not change from one forward
to the next is found out once.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.models.lock import model_lock
from interp_nb.models.modules import can_keep_last, training_modules
from interp_nb.models.protocol import HookedModel


class Decoder:
    """Feed texts to a model, and give the logits after their last tokens.

    Args:
        real: Which tokens of the first batch are not padding, which has to be on the left; None = all.
        use_cache: Keep keys and values, so that a step costs its new tokens only; else every step runs all of the text.
    """

    def __init__(
        self, model: HookedModel, real: Bool[Tensor, "batch pos"] | None = None, *, use_cache: bool = True
    ) -> None:
        if not callable(model):
            raise ConfigError(
                f"generation has to call the model with tokens; a {type(model).__name__} cannot be called"
            )
        self._model, self._call = model, model
        self._training = training_modules(model)
        self._options: dict[str, Any] = {"logits_to_keep": 1} if can_keep_last(model) else {}
        self._use_cache = use_cache
        self._cache: Any = None
        self._tokens: Tensor | None = None
        padded = real is not None and not bool(real.all())
        self._mask: Tensor | None = real.long() if padded and real is not None else None
        self._n_ctx = int(getattr(model.cfg, "n_ctx", None) or 0)
        takes_places = getattr(model, "_accepts_derived_position_ids", None)
        # Bridges that keep places to themselves (several per token) are given none, as TransformerLens does.
        self._gives_places = padded and callable(takes_places) and bool(takes_places())

    def step(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch d_vocab"]:
        """Run the tokens that are new, and return the logits after the last of them."""
        n_new = tokens.shape[1]
        self._tokens = tokens if self._tokens is None else torch.cat([self._tokens, tokens], 1)
        if self._mask is not None and self._mask.shape[1] < self._tokens.shape[1]:
            self._mask = torch.nn.functional.pad(self._mask, (0, n_new), value=1)
        given = tokens if self._use_cache else self._tokens
        options = dict(self._options)
        if self._mask is not None:
            options["attention_mask"] = self._mask
            if self._gives_places:
                # A text that is over is fed on while others go on; its places must not leave the context.
                places = (self._mask.cumsum(1) - 1)[:, -given.shape[1] :].clamp(min=0)
                options["position_ids"] = places.clamp(max=self._n_ctx - 1) if self._n_ctx else places
        if self._use_cache:
            options |= {"use_cache": True, "past_key_values": self._cache, "return_type": "logits_and_cache"}
        with model_lock(self._model), torch.no_grad():
            out = self._run(given, options)
        if self._use_cache:
            out, self._cache = out
        logits: Tensor = out[:, -1]
        return logits

    def _run(self, given: Tensor, options: dict[str, Any]) -> Any:
        for module in self._training:
            vars(module)["training"] = False  # see `edit`
        try:
            return self._call(given, **options)
        finally:
            for module in self._training:
                vars(module)["training"] = True

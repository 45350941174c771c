"""What this package asks of a model: the small surface that compute code may use.

TransformerLens's `TransformerBridge` has it; so may a remote or a hand-written model. What is not here
(TransformerLens's analysis helpers, weights by name) is used below the notebooks only where a docstring says so.
"""

from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class HookedModel(Protocol):
    """A causal language model whose activations can be read and edited by hook name."""

    @property
    def cfg(self) -> Any:
        """Sizes and names: `n_layers`, `n_heads`, `d_model`, `d_vocab`, `n_ctx`, `device`, `model_name`."""

    def to_tokens(self, *args: Any, **kwargs: Any) -> Any:
        """Turn text into token ids `[batch pos]`, BOS first where the tokenizer has one."""

    def to_str_tokens(self, *args: Any, **kwargs: Any) -> Any:
        """Turn text or token ids into one string per token."""

    def run_with_cache(self, *args: Any, **kwargs: Any) -> Any:
        """Run forward and return the output and the activations by hook name."""

    def run_with_hooks(self, *args: Any, **kwargs: Any) -> Any:
        """Run forward with temporary hooks, `fwd_hooks=[(hook_name, fn)]`."""

    def hooks(self, *args: Any, **kwargs: Any) -> AbstractContextManager[Any]:
        """Keep hooks on for the length of a `with` block."""

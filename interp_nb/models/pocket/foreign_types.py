"""Names for types of libraries that are imported only when they are used.

They are `Any` at run time: importing `transformers` for an annotation would cost seconds.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Tokenizer: TypeAlias = Any
"""A fast tokenizer of `transformers` (`PreTrainedTokenizerFast`)."""
LanguageModel: TypeAlias = Any
"""A causal model: token ids [batch pos] to logits [batch pos d_vocab], bare or as `.logits`."""

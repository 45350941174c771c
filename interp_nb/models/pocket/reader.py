"""Reads a language model's predictions at the end of prompts, whatever kind of model it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb.models.pocket.document import Document
from interp_nb.models.pocket.foreign_types import LanguageModel, Tokenizer

_ROWS_AT_ONCE = 64


class Reader:
    """A model with its tokenizer; prompts follow the special token, as in training."""

    def __init__(self, model: LanguageModel, tokenizer: Tokenizer) -> None:
        self.model, self.tokenizer = model, tokenizer
        parameter = next(model.parameters(), None) if hasattr(model, "parameters") else None
        self.device = torch.device("cpu") if parameter is None else parameter.device

    @contextmanager
    def reading(self) -> Iterator[None]:
        """No gradients, evaluation mode; the model's own mode is put back afterwards."""
        was_training = getattr(self.model, "training", False)
        try:
            if was_training:
                self.model.eval()
            with torch.no_grad():
                yield
        finally:
            if was_training:
                self.model.train()

    def logits(self, ids: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_vocab"]:
        """Run the model on token ids."""
        output = self.model(ids.to(self.device))
        logits: Tensor = getattr(output, "logits", output)
        return logits.float().cpu()

    def token(self, word: str, lead: str = " ") -> int:
        """The id of a word that is one token with its lead."""
        ids: list[int] = self.tokenizer(lead + word)["input_ids"]
        if len(ids) != 1:
            raise ValueError(f"Expected one token for {lead + word!r}, got {len(ids)}.")
        return ids[0]

    def last_logits(self, stems: Sequence[str]) -> Float[Tensor, "stem d_vocab"]:
        """Give the logits for what follows each text."""
        return self._at_ends([self._encode(stem) for stem in stems])

    def mass(self, prompts: Sequence[Document], words: Sequence[str], lead: str = " ") -> Float[Tensor, " prompt"]:
        """Give the probability that one of the words comes next."""
        ids = [self.token(word, lead) for word in words]
        probs: Tensor = self.last_logits([prompt.stem or "" for prompt in prompts]).softmax(-1)
        return probs[:, ids].sum(-1)

    def top1(self, prompts: Sequence[Document]) -> float:
        """Share of prompts whose whole answer is predicted, each of its tokens first of all."""
        rows, answers, owners = [], [], []
        for index, prompt in enumerate(prompts):
            stem = self._encode(prompt.stem or "")
            answer = self.tokenizer(prompt.answer or "")["input_ids"]
            for n_given, token in enumerate(answer):
                rows.append(stem + answer[:n_given])
                answers.append(token)
                owners.append(index)
        right = self._at_ends(rows).argmax(-1) == torch.tensor(answers)
        wrong = {owner for owner, is_right in zip(owners, right.tolist(), strict=True) if not is_right}
        return 1 - len(wrong) / len(prompts)

    def _encode(self, text: str) -> list[int]:
        return [self.tokenizer.bos_token_id, *self.tokenizer(text)["input_ids"]]

    def _at_ends(self, rows: list[list[int]]) -> Tensor:
        """Logits [row d_vocab] after the last token of each row.

        Rows are padded on the right: a causal model does not see what follows.
        """
        ends = []
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[start : start + _ROWS_AT_ONCE]
            width = max(map(len, part))
            padded = [row + [row[0]] * (width - len(row)) for row in part]
            logits = self.logits(torch.tensor(padded))
            ends.append(logits[torch.arange(len(part)), torch.tensor([len(row) - 1 for row in part])])
        return torch.cat(ends)

"""The `local` explainer: a causal language model on this machine, through transformers, writes and judges labels.

Labels are generated greedily, so that the same model says the same. A judgment is the probability of " yes" against
" no" as the next token after one question about one window: no text to be read, and an answer for every question.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float64

from interp_nb._errors import ConfigError, ModelNotFoundError, OfflineError
from interp_nb.features.asking import LEFT, RIGHT, TASKS, explain_prompt, quoted, read_label
from interp_nb.features.explain import Evidence, Explanation, Judgment

QUESTION: Final = """\
A unit of a neural network is described as: {label}
The text below is data, with marked tokens, {left}like this{right}. {task}
Text: {text}
Answer (yes or no):"""


class LocalExplainer:
    """Explains latents with a causal language model of Hugging Face.

    Args:
        model: A hub id or a folder, or a pair (model, tokenizer) that is loaded already; the pair is not changed.
        max_new_tokens: Longest label, in tokens.
        batch_size: Prompts per forward.
        device: Where a model that is loaded here goes; None = the CPU.

    Raises:
        ModelNotFoundError: there is no such model.
        OfflineError: it is not on this machine, and the hub cannot be reached.
        ConfigError: what was given is no causal language model with its tokenizer.
    """

    free = False

    def __init__(
        self, model: str | Path | tuple[Any, Any], *, max_new_tokens: int = 40, batch_size: int = 16,
        device: str | None = None,
    ) -> None:  # fmt: skip
        if max_new_tokens < 1 or batch_size < 1:
            raise ConfigError(
                f"max_new_tokens and batch_size must be at least 1, got {max_new_tokens} and {batch_size}"
            )
        self.model, self.tokenizer = (
            _load(str(model), device) if isinstance(model, (str, Path)) else _checked_pair(model)
        )
        self.max_new_tokens, self.batch_size = max_new_tokens, batch_size
        name = str(model) if isinstance(model, (str, Path)) else str(self.model.config.name_or_path or "a model")
        self.name = f"local:{Path(name).name}"
        self._answers = [self._first_token(word) for word in (" no", " yes")]
        if self._answers[0] == self._answers[1]:
            raise ConfigError(f"the tokenizer of {self.name} begins ' yes' and ' no' alike; use another model")

    def explain_all(self, evidence: Sequence[Evidence]) -> list[Explanation]:
        """Explain latents, one prompt each, see `Explainer.explain_all`."""
        return [self._explain(one) for one in evidence]

    def judge_all(self, judgments: Sequence[Judgment]) -> list[Float64[np.ndarray, " question"]]:
        """Judge windows, one prompt each, see `Explainer.judge_all`."""
        prompts = [
            QUESTION.format(
                label=json.dumps(judgment.explanation.text, ensure_ascii=False), left=LEFT, right=RIGHT,
                task=TASKS[judgment.task], text=quoted(question, judgment.strings),
            )
            for judgment in judgments for question in judgment.questions
        ]  # fmt: skip
        said = [
            self._yes(prompts[first : first + self.batch_size]) for first in range(0, len(prompts), self.batch_size)
        ]
        flat = np.concatenate(said) if said else np.zeros(0)
        ends = np.cumsum([len(judgment.questions) for judgment in judgments])
        return np.split(flat, ends[:-1]) if len(ends) else []

    def _explain(self, evidence: Evidence) -> Explanation:
        ids, _ = self._encode([explain_prompt(evidence)], room=self.max_new_tokens)
        with torch.no_grad():
            made = self.model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=self.max_new_tokens,
                do_sample=False, num_beams=1, pad_token_id=self._padding,
            )  # fmt: skip
        answer = self.tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True)
        text = read_label(answer)
        if text is None:
            return Explanation(evidence.latent_idx, "", error=f"{self.name} answered without a label")
        return Explanation(evidence.latent_idx, text)

    def _yes(self, prompts: list[str]) -> Float64[np.ndarray, " prompt"]:
        """Give the probability of yes against no after each prompt; NaN where the model gives no number."""
        ids, lengths = self._encode(prompts)
        mask = torch.arange(ids.shape[1]) < lengths.unsqueeze(1)
        with torch.no_grad():
            logits = self.model(input_ids=ids, attention_mask=mask.long().to(ids.device)).logits
        # Padded on the right: with causal attention what comes after a prompt does not change it.
        last = logits[torch.arange(len(ids)), (lengths - 1).to(logits.device)]
        pair = last[:, self._answers].double().log_softmax(-1)
        return np.asarray(pair[:, 1].exp().cpu().numpy(), float)

    def _encode(self, prompts: list[str], room: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Turn prompts into ids, padded on the right, and their lengths; too long ones lose their beginning."""
        most = int(getattr(self.model.config, "max_position_embeddings", None) or 2048) - room
        encoded = [list(self.tokenizer(prompt)["input_ids"])[-most:] for prompt in prompts]
        lengths = torch.tensor([len(ids) for ids in encoded])
        ids = torch.full((len(encoded), int(lengths.max())), self._padding)
        for row, one in enumerate(encoded):
            ids[row, : len(one)] = torch.tensor(one)
        return ids.to(self.model.device), lengths

    @property
    def _padding(self) -> int:
        known = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id)
        return next((int(token) for token in known if token is not None), 0)

    def _first_token(self, word: str) -> int:
        return int(self.tokenizer(word, add_special_tokens=False)["input_ids"][0])


def _load(name: str, device: str | None) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = AutoModelForCausalLM.from_pretrained(name)
    except (OSError, ValueError) as error:
        known = Path(name).exists()
        if not known and "connect" in str(error).lower():
            raise OfflineError(
                f"{name} is not on this machine and the hub cannot be reached; give a folder with a causal language "
                "model, or a pair (model, tokenizer)"
            ) from error
        raise ModelNotFoundError(
            f"{name} is no causal language model that transformers can load ({str(error).splitlines()[0]}); give a hub "
            "id, a folder, or a pair (model, tokenizer)"
        ) from error
    return model.to(device or "cpu").eval(), tokenizer


def _checked_pair(pair: Any) -> tuple[Any, Any]:
    if not isinstance(pair, tuple) or len(pair) != 2 or not hasattr(pair[0], "generate") or not callable(pair[1]):
        raise ConfigError(
            f"model must be a hub id, a folder or a pair (model, tokenizer) of transformers, got {type(pair).__name__}"
        )
    if pair[0].training:
        raise ConfigError("the model is in training mode, where dropout changes what it says; call model.eval()")
    return pair

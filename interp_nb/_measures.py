"""Measures of what a model predicts, each formula written once.

All of them compute in float32 whatever the model's precision, take logits, and keep the leading axes. Which position is
measured is the caller's choice: these functions see only the logits they are handed.
"""

from jaxtyping import Float, Int
from torch import Tensor


def logit_diff(
    logits: Float[Tensor, "*batch d_vocab"],
    answer: Int[Tensor, "*batch"],
    wrong: Int[Tensor, "*batch"],
) -> Float[Tensor, "*batch"]:
    """Subtract the wrong answer's logit from the right one's.

    logit_diff = logits[answer] - logits[wrong], in logits; positive = the model prefers the answer.

    Source: Wang et al. 2022, section 3 (indirect object identification), https://arxiv.org/abs/2211.00593.
    """
    return _pick(logits, answer) - _pick(logits, wrong)


def prob(logits: Float[Tensor, "*batch d_vocab"], answer: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Give the probability of the answer: softmax(logits)[answer], from 0 to 1."""
    return _pick(logits.float().log_softmax(-1), answer).exp()


def kl(
    reference_logits: Float[Tensor, "*batch d_vocab"], logits: Float[Tensor, "*batch d_vocab"]
) -> Float[Tensor, "*batch"]:
    """Measure how far a prediction is from the reference one, in nats.

    kl = sum over tokens t of p(t) * (log p(t) - log q(t)), p = softmax(reference_logits), q = softmax(logits);
    0 = the same prediction.
    """
    return kl_of(reference_logits.float().log_softmax(-1), logits.float().log_softmax(-1))


def kl_of(
    reference: Float[Tensor, "*batch d_vocab"], log_probs: Float[Tensor, "*batch d_vocab"]
) -> Float[Tensor, "*batch"]:
    """Measure the same of log-probabilities, where a reference is compared with several predictions."""
    return (reference.exp() * (reference - log_probs)).sum(-1)


def ce_loss(
    logits: Float[Tensor, "batch pos d_vocab"], tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch pos-1"]:
    """Measure the surprise at each next token, in nats.

    ce_loss[b, t] = -log softmax(logits[b, t])[tokens[b, t + 1]]; the last position predicts nothing known.
    """
    return -_pick(logits[:, :-1].float().log_softmax(-1), tokens[:, 1:])


def _pick(values: Float[Tensor, "*batch d_vocab"], index: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    return values.float().gather(-1, index.to(values.device).unsqueeze(-1)).squeeze(-1)

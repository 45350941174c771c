"""`refine_vector`: a vector made better by gradient descent on what the model says under it, within a norm.

1. For every prompt the wanted and the unwanted answer are scored by the model as it is.
2. They are scored again with the vector added to all tokens but begin-of-text, and the vector follows the gradient of
   the preference loss; after every step its norm is held within the budget.

Only the vector is learned: the model's parameters keep their values, their gradients and their `requires_grad`.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_nb._errors import ConfigError, InterpError, NonFiniteError
from interp_nb.models.edit import HookFunction, forward, is_edited
from interp_nb.models.protocol import HookedModel
from interp_nb.steering.extract import made_by
from interp_nb.steering.mismatch import check_model
from interp_nb.steering.reading import ReadText, read_text
from interp_nb.steering.vectors import SteeringVector

BETA: Final = 0.1
"""How fast a preference saturates: Cao et al. 2024, section 3.2, as in direct preference optimization."""


class _Batch(NamedTuple):
    """Texts side by side: prompt and answer, padded on the right."""

    tokens: Int[Tensor, "text pos"]
    answered: Bool[Tensor, "text pos"]
    """Which tokens are the answer's."""
    steered: Bool[Tensor, "text pos"]
    """Which tokens the vector is added to."""


def refine_vector(
    model: HookedModel,
    vector: SteeringVector,
    examples: Sequence[Any],
    *,
    layer: int | None = None,
    n_steps: int = 40,
    learning_rate: float = 0.05,
    max_norm: float | None = None,
    beta: float = BETA,
    batch_size: int = 32,
    name: str = "",
) -> SteeringVector:
    """Refine one layer's vector by gradient, so that the model prefers the wanted answers.

    loss = -log sigmoid(beta * (gain of log p(wanted) - gain of log p(unwanted))), mean over examples; a gain is what
    the vector at strength 1 adds. It is log 2 where the vector does nothing.

    Args:
        examples: (prompt, wanted answer, unwanted answer); the prompt a text or chat turns.
        layer: Which layer's vector; None = the suggested one.
        n_steps: Steps of Adam over all examples.
        learning_rate: Size of a step, as a share of `max_norm`.
        max_norm: Norm that is not exceeded; None = that of the vector now.
        batch_size: Texts in one forward. Memory, not result.

    Returns:
        A vector of that layer; its note gives the loss before and after, `provenance["losses"]` that of every step.

    Raises:
        ConfigError: examples or settings that make no sense; says which.
        VectorMismatchError: the vector is of another model.
        NonFiniteError: the model gives NaN or infinity.

    Cost: two forwards and a backward of every example per step.
    Source: Cao et al. 2024 (BiPO), https://arxiv.org/abs/2406.00045, its loss in one direction; the norm budget is as
        in Dunefsky and Cohan 2025 (one-shot steering), https://arxiv.org/abs/2502.18862.
    """
    check_model(vector, model)
    start = vector.at(layer)
    budget = float(start.norm[0]) if max_norm is None else float(max_norm)
    _check(model, examples, n_steps, learning_rate, budget, beta)
    batches = [
        _laid_out(model, examples[at : at + max(1, batch_size // 2)], at)
        for at in range(0, len(examples), max(1, batch_size // 2))
    ]
    hook = start.hook_names[0]
    device = getattr(model.cfg, "device", None) or "cpu"
    plain = [_log_probs(model, batch, []).detach() for batch in batches]
    learned = _within(start.vectors[0].to(device), budget).requires_grad_(True)
    optimizer = torch.optim.Adam([learned], lr=learning_rate * budget / math.sqrt(start.d_model))

    def loss_of(batch: _Batch, before: Tensor) -> Tensor:
        gains = _log_probs(model, batch, [(hook, _adding(learned, batch.steered, hook))], grad=True) - before
        wanted, unwanted = gains.chunk(2)
        return -torch.nn.functional.logsigmoid(beta * (wanted - unwanted)).sum() / len(examples)

    losses: list[float] = []
    best = (math.inf, learned.detach().clone())
    for step in range(n_steps + 1):
        total, gradient = 0.0, torch.zeros_like(learned)
        for batch, before in zip(batches, plain, strict=True):
            loss = loss_of(batch, before)
            # Not `backward`, which would leave gradients on a model whose parameters want them.
            gradient += torch.autograd.grad(loss, learned)[0]
            total += float(loss.detach())
        if not math.isfinite(total):
            raise NonFiniteError(f"the loss must be finite, got {total} at step {step}; lower max_norm={budget:g}")
        losses.append(total)
        best = min(best, (total, learned.detach().clone()), key=lambda found: found[0])
        if step < n_steps:
            learned.grad = gradient
            optimizer.step()
            with torch.no_grad():
                learned.copy_(_within(learned, budget))
    return _result(model, start, best[1], losses, name, {
        "n_steps": n_steps, "learning_rate": learning_rate, "max_norm": budget, "beta": beta,
        "n_examples": len(examples), "layer": start.layer,
    })  # fmt: skip


def _result(
    model: HookedModel, start: SteeringVector, vector: Tensor, losses: list[float], name: str, settings: dict[str, Any]
) -> SteeringVector:
    provenance = made_by(model, "refine_vector", settings) | {
        "losses": losses,
        "terms": [{"name": start.name, "provenance": start.provenance}],
    }
    n = settings["n_examples"]
    note = f"refined on {n} example{'' if n == 1 else 's'}: loss {losses[0]:.3f} before, {min(losses):.3f} after"
    return dataclasses.replace(
        start, vectors=vector.detach().float().cpu().unsqueeze(0), midpoint=torch.zeros(1), method="refined", note=note,
        name=name or f"{start.name}, refined", quality=None, latent_idx=None, provenance=provenance, _sae=None,
    )  # fmt: skip


def _check(
    model: HookedModel, examples: Sequence[Any], n_steps: int, learning_rate: float, budget: float, beta: float
) -> None:
    if is_edited(model):
        raise ConfigError("a vector is refined on the model as it is, and this model is being edited; leave that first")
    if isinstance(examples, str) or not len(examples):
        raise ConfigError("examples must be a list of (prompt, wanted, unwanted), at least one")
    for index, example in enumerate(examples):
        if isinstance(example, (str, dict)) or not isinstance(example, Sequence) or len(example) != 3:
            raise ConfigError(f"example {index} must be (prompt, wanted answer, unwanted answer), got {example!r}")
        if example[1] == example[2]:
            raise ConfigError(f"example {index} wants and does not want the same answer, {example[1]!r}")
    if n_steps < 1:
        raise ConfigError(f"n_steps must be at least 1, got {n_steps}")
    for what, value in {"learning_rate": learning_rate, "max_norm": budget, "beta": beta}.items():
        if not (math.isfinite(value) and value > 0):
            raise ConfigError(f"{what} must be positive and finite, got {value}")


def _laid_out(model: HookedModel, examples: Sequence[Any], first: int) -> _Batch:
    """Put examples side by side: all with the wanted answer, then all with the unwanted one."""
    texts: list[ReadText] = []
    for side in (1, 2):
        for index, example in enumerate(examples):
            try:
                texts.append(read_text(model, (example[0], example[side]), "answer"))
            except InterpError as error:
                raise type(error)(f"example {first + index}, {'un' * (side - 1)}wanted: {error}") from error
    longest = max(len(text.tokens) for text in texts)
    tokens = torch.zeros(len(texts), longest, dtype=torch.long)
    answered, steered = torch.zeros(2, len(texts), longest, dtype=torch.bool)
    for row, text in enumerate(texts):
        tokens[row, : len(text.tokens)] = torch.tensor(text.tokens)
        answered[row, list(text.read)] = True
        steered[row, list(text.counted)] = True
    device = getattr(model.cfg, "device", None) or "cpu"
    return _Batch(tokens.to(device), answered.to(device), steered.to(device))


def _log_probs(
    model: HookedModel, batch: _Batch, hooks: list[tuple[str, HookFunction]], *, grad: bool = False
) -> Float[Tensor, " text"]:
    """Give the log-probability of each text's answer."""
    logits = forward(model, batch.tokens, hooks=hooks, grad=grad)[:, :-1].float()
    following = batch.tokens[:, 1:].to(logits.device)
    picked = logits.log_softmax(-1).gather(-1, following.unsqueeze(-1)).squeeze(-1)
    return (picked * batch.answered[:, 1:].to(picked)).sum(1)


def _adding(vector: Tensor, steered: Tensor, hook_name: str) -> Callable[[Tensor, Any], Tensor]:
    def add(activation: Tensor, hook: Any) -> Tensor:
        moved = (steered.unsqueeze(-1) * vector).to(activation).view_as(activation)
        # NOTE: in place: the hook of resid_mid sits at the entry of the second norm, and the skip connection goes past.
        return activation.add_(moved) if hook_name.endswith("hook_resid_mid") else activation + moved

    return add


def _within(vector: Tensor, budget: float) -> Tensor:
    """Shorten a vector to a norm, if it is longer; rounding must not lift it above."""
    norm = float(vector.double().norm())
    return vector.clone() if norm <= budget else vector * (budget / norm * (1 - 1e-6))

"""A text run through a model with latents beside it: which of them fire, and runs in which some are changed.

1. `read_text` tokenizes, and cuts what is too long.
2. `run_text` runs the model once: the latents on what is read, what is there where they write, the logits after it.
3. `changed_logits` runs it again with something added where the SAE writes, from the first layer that this changes.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_nb._errors import PromptError, ShapeError
from interp_nb.features.latent_source import LatentSource
from interp_nb.features.wiring import Wired, adding, starting_at
from interp_nb.models.edit import HookFunction, forward
from interp_nb.models.finite import check_finite
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.recovery import counted_tokens
from interp_nb.sae.vocabulary import Vocabulary

LONGEST: Final = 1024
"""Tokens of a text that are read at most: more do not fit on a screen."""
_CHARACTERS: Final = 64
"""Characters per token that are tokenized at most, so that a book that is pasted costs nothing. Longer tokens are
runs of blanks."""
_ROWS: Final = 256
"""Tokens encoded at a time: 128 MB of latents for the widest SAEs on the hub (131,072)."""
_TOKENS_AT_ONCE: Final = 4096
"""Tokens of changed runs that share a forward: memory, not result."""


class Text(NamedTuple):
    """A text as a model reads it."""

    tokens: Int[Tensor, "1 pos"]
    """Token ids, begin-of-text first where the model has one."""
    strings: list[str]
    """One string per token."""
    counted: Bool[Tensor, " pos"]
    """Which tokens count: not begin-of-text, not padding. SAEs are not trained on the others."""
    cut: bool
    """Whether the text went on."""

    @property
    def read(self) -> str:
        """The text of the tokens that count."""
        return "".join(piece for piece, counts in zip(self.strings, self.counted.tolist(), strict=True) if counts)

    @property
    def note(self) -> list[str]:
        """What the reader has to know of it: nothing, or that it was cut."""
        return [f"only the first {len(self.strings)} tokens were read"] if self.cut else []


class Fired(NamedTuple):
    """Latents that fire: activations above 0, in the order of the tokens."""

    row: Int[Tensor, " pair"]
    """Index among the tokens that count."""
    latent: Int[Tensor, " pair"]
    """The latent."""
    value: Float[Tensor, " pair"]
    """Its activation."""

    def of(self, latents: Int[Tensor, " latent"], n_rows: int, n_latents: int) -> Float[Tensor, "latent row"]:
        """Lay out the activations of some latents."""
        slot = torch.full((n_latents,), -1)
        slot[latents] = torch.arange(len(latents))
        kept = slot[self.latent] >= 0
        out = torch.zeros(len(latents), n_rows, dtype=self.value.dtype)
        out[slot[self.latent[kept]], self.row[kept]] = self.value[kept]
        return out


class TextRun(NamedTuple):
    """One run of a text, as it is, and the latents on it. All but `logits` and `kept` is on the CPU."""

    model: HookedModel
    """The model."""
    wired: Wired
    """The latents in it."""
    text: Text
    """The text."""
    fired: Fired
    """The latents that fire on the tokens that count."""
    targets: Float[Tensor, "row d_out"]
    """What is there where they write, on those tokens."""
    recons: Float[Tensor, "row d_out"] | None
    """What the SAE writes there, bias included; None of neurons and directions."""
    logits: Float[Tensor, " d_vocab"]
    """The model's, after the last token."""
    kept: dict[str, Tensor]
    """Activations by hook name."""

    @property
    def n_rows(self) -> int:
        """The number of tokens that count."""
        return len(self.targets)

    def acts(self, latents: Int[Tensor, " latent"]) -> Float[Tensor, "latent row"]:
        """Give activations on the tokens that count."""
        return self.fired.of(latents, self.n_rows, self.wired.n)


def read_text(model: HookedModel, prompt: str) -> Text:
    """Tokenize a text, cut at the model's context or at `LONGEST` tokens.

    Raises:
        PromptError: it is empty, or has no token but begin-of-text.
    """
    if not isinstance(prompt, str):
        raise PromptError(f"prompt must be a string, got {type(prompt).__name__}")
    if not prompt:
        raise PromptError("prompt is empty; give at least one token of text")
    most = min(int(getattr(model.cfg, "n_ctx", None) or LONGEST), LONGEST)
    vocabulary = Vocabulary.of(model)
    ids = [*vocabulary.prefix, *vocabulary.encode([prompt[: _CHARACTERS * most]])[0]]
    cut = len(prompt) > _CHARACTERS * most or len(ids) > most
    tokens = torch.tensor([ids[:most]], device=getattr(model.cfg, "device", None))
    counted = counted_tokens(model, tokens)[0].cpu()
    if not bool(counted.any()):
        raise PromptError("prompt has no token but begin-of-text, which no SAE is trained on; give some text")
    return Text(tokens, [str(piece) for piece in model.to_str_tokens(tokens[0])], counted, cut)


def run_text(model: HookedModel, wired: Wired, text: Text, *, keep: Sequence[str] = ()) -> TextRun:
    """Run a text once, and the SAE on what it reads.

    Args:
        keep: Further activations to keep.

    Raises:
        ShapeError: the SAE is of another width.
        NonFiniteError: activations or logits hold NaN or infinity.
    """
    kept: dict[str, Tensor] = {}

    def look(name: str) -> HookFunction:
        def copy(activation: Tensor, hook: Any) -> None:
            kept[name] = activation.detach().clone()

        return copy

    reads, writes, entry = wired.source.reads, wired.source.writes, starting_at(model, wired)[0]
    wanted = dict.fromkeys([*reads, *writes, *keep, *([entry] if entry else [])])
    logits = forward(model, text.tokens, hooks=[(name, look(name)) for name in wanted], last_position=True)[0, -1]
    check_finite(logits, "the logits")
    acts, targets = (
        torch.cat([kept[site][0].flatten(1).cpu()[text.counted] for site in sites], -1) for sites in (reads, writes)
    )
    check_finite(acts, f"the activation at {' + '.join(reads)}")
    for width, found, sites in ((wired.source.d_in, acts, reads), (_width(wired), targets, writes)):
        if found.shape[1] != width:
            raise ShapeError(
                f"acts must be [row d_in={width}] for these latents, {' + '.join(sites)} of this model is "
                f"{list(found.shape)}; were they made for another model?"
            )
    fired, recons = _encoded(wired.source, acts)
    return TextRun(model, wired, text, fired, targets, recons, logits, kept)


def changed_logits(run: TextRun, changes: Float[Tensor, "run pos d_out"]) -> Float[Tensor, "run d_vocab"]:
    """Give the logits after the last token of runs with something added where the SAE writes.

    A crosscoder's sites are set to what they are in the unchanged run, plus what is added: each of them stands for the
    whole stream, and would otherwise get the same change again and again.

    Raises:
        NonFiniteError: a run gave NaN or infinity.

    Cost: the layers from the first that is changed on, once per row.
    """
    logits = _changed(run, changes)[:, -1]
    check_finite(logits, f"the logits of runs changed at {run.wired.name}")
    return logits


def runs_per_forward(run: TextRun) -> int:
    """Give the number of changed runs that fit into one forward."""
    return max(1, _TOKENS_AT_ONCE // len(run.text.strings))


def gradients(
    run: TextRun, metric: Callable[[Float[Tensor, " d_vocab"]], Float[Tensor, ""]]
) -> Float[Tensor, "pos d_out"]:
    """Give the gradient of a measure of the logits after the last token, where the SAE writes.

    Cost: one forward and one backward pass, from the first layer that the SAE writes to on.
    """
    n_pos = run.text.tokens.shape[1]
    width, like = run.targets.shape[1], run.kept[run.wired.source.writes[0]]
    probe = torch.zeros(1, n_pos, width, dtype=torch.float32, device=like.device, requires_grad=True)
    with torch.enable_grad():  # a widget's handlers run without gradients
        logits = _changed(run, probe, grad=True)
        total = metric(logits[0, -1].float())
    return torch.autograd.grad(total, probe)[0][0].cpu()


def laid_out(run: TextRun, values: Float[Tensor, "*batch row"], fill: float) -> Float[Tensor, "*batch pos"]:
    """Put values of the tokens that count at their positions, and something else at the others."""
    out = torch.full((*values.shape[:-1], len(run.text.strings)), fill, dtype=values.dtype)
    out[..., run.text.counted] = values
    return out


def _changed(run: TextRun, changes: Float[Tensor, "run pos d_out"], *, grad: bool = False) -> Tensor:
    name, layer = starting_at(run.model, run.wired)
    start = run.text.tokens if name is None else run.kept[name]
    hooks = adding(run.wired, changes, run.kept, resumed=run.model)
    start = start.repeat(len(changes), *(1 for _ in start.shape[1:]))
    return forward(run.model, start, hooks=hooks, start_at_layer=layer, last_position=True, grad=grad)


def _width(wired: Wired) -> int:
    sae = wired.source.sae
    return wired.source.d_in if sae is None else sae.cfg.output_width


def _encoded(source: LatentSource, acts: Float[Tensor, "row d_in"]) -> tuple[Fired, Float[Tensor, "row d_out"] | None]:
    """Encode and decode, some rows at a time; keep what fires."""
    sae, found, recons = source.sae, [], []
    with torch.no_grad():
        for number, part in enumerate(torch.split(acts, _ROWS)):
            given = part if sae is None else part.to(sae.encoder)
            latents = source.encode(given)
            rows, at = (latents > 0).nonzero(as_tuple=True)
            found.append((rows.cpu() + number * _ROWS, at.cpu(), latents[rows, at].cpu()))
            if sae is not None:
                recons.append(sae.decode(latents, given).cpu())
    return Fired(*(torch.cat(column) for column in zip(*found, strict=True))), torch.cat(recons) if recons else None

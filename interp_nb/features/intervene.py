"""One latent ablated, boosted or set, and what the model then says: next token, continuation, KL.

1. The model runs as it is; the latent's activation there is `old`, and `kind` says what `new` is.
2. It runs again with (new - old) * decoder row added where the SAE writes. What the SAE does not explain stays.
3. Both go on greedily. Before every further token the model runs as it is up to the SAE, to see what the latent is
   there.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb import _measures
from interp_nb._errors import ConfigError, ShapeError, nearest
from interp_nb._show import Showable, result, two_decimals
from interp_nb.features.text_run import TextRun, changed_logits, laid_out, read_text, run_text
from interp_nb.features.wiring import adding, check_latent, wire
from interp_nb.models.edit import capture, forward
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.recovery import counted_tokens

if TYPE_CHECKING:
    import pandas as pd

KINDS: Final = ("ablate", "boost", "set")
DEFAULT_BOOST: Final = 2.0
TOP: Final = 10
"""Next tokens that are kept of each run."""

Rule = Callable[[Tensor], Tensor]
"""Old activations of the latent -> new ones."""


@result
class FeatureEffect(Showable):
    """Hold what a model says before and after one latent was changed."""

    _picture: ClassVar[str] = "feature_effect"

    latent_idx: int
    """The latent."""
    kind: str
    """What was done: "ablate" (to 0), "boost" (times `strength`) or "set" (to `value`)."""
    strength: float | None
    """The factor of "boost", or the value of "set" as it was given; None for "ablate"."""
    value: float | None
    """The activation that "set" sets, in the SAE's units; else None."""
    prompt: str
    """The text, as far as it was read."""
    tokens: list[str]
    """One string per token."""
    positions: list[int] | None
    """Positions that were changed; None = all that count, and all new ones."""
    acts: Float[Tensor, " pos"]
    """The latent's activations before; NaN on tokens that do not count, as begin-of-text."""
    new_acts: Float[Tensor, " pos"]
    """The same after."""
    token_ids: list[int]
    """Next tokens: the ten likeliest before and after, the likeliest in either first."""
    token_strings: list[str]
    """The same as text."""
    before: Float[Tensor, " token"]
    """Their probabilities before."""
    after: Float[Tensor, " token"]
    """Their probabilities after."""
    kl: float
    """How far the prediction of the next token moved, in nats; 0 = not at all."""
    continuation_before: list[str]
    """What the model goes on with, greedily, as tokens."""
    continuation_after: list[str]
    """The same with the latent changed."""
    note: str
    """What the reader has to know: that the text was cut, or nothing fires; else empty."""
    site: str
    """Where the SAE reads, and writes if elsewhere."""
    model_name: str
    """The model."""
    provenance: dict[str, Any]
    """What it takes to compute this again."""

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per next token: probability before, after and their difference."""
        import pandas as pd

        columns = {"token": self.token_strings, "before": self.before.numpy(), "after": self.after.numpy()}
        return pd.DataFrame(columns | {"change": (self.after - self.before).numpy()})

    def _summary(self) -> str:
        moved = int((self.after - self.before).abs().argmax())
        odds = f"{two_decimals(float(self.before[moved]))} to {two_decimals(float(self.after[moved]))}"
        what = f"latent {self.latent_idx} {self.done}"
        return f"FeatureEffect({what}, {self.site}, KL {two_decimals(self.kl)}, {self.token_strings[moved]!r} {odds})"

    @property
    def done(self) -> str:
        """What was done, in words."""
        if self.kind == "ablate":
            return "ablated"
        return f"times {self.strength:g}" if self.kind == "boost" else f"set to {self.value:.4g}"


class _Change(NamedTuple):
    """What is done to which latent, and where."""

    latent: int
    rule: Rule
    row: Float[Tensor, " d_out"]
    positions: list[int] | None

    def at(self, run: TextRun, old: Float[Tensor, " row"]) -> Float[Tensor, " row"]:
        """Give the new activations on the tokens that count."""
        new = self.rule(old)
        if self.positions is None:
            return new
        here = torch.zeros(len(run.text.strings), dtype=torch.bool)
        here[self.positions] = True
        return torch.where(here[run.text.counted], new, old)


def feature_effect(
    model: HookedModel,
    sae: Any,
    latent_idx: int,
    prompt: str,
    *,
    kind: str = "ablate",
    strength: float | int | None = None,
    positions: Sequence[int] | None = None,
    n_new: int = 12,
) -> FeatureEffect:
    """Change one latent on a text and see what the model says then.

    activation + (new - old) * decoder row, where the SAE writes; its error is kept.

    Args:
        sae: An SAE, transcoder or crosscoder of this model, or a store of one.
        prompt: Any text; what is beyond the model's context, or 1024 tokens, is left out, and `note` says so.
        kind: "ablate" = to 0; "boost" = times `strength` where it fires; "set" = to one value everywhere.
        strength: Of "boost" the factor, 2 unless given; of "set" the value: with a store in units of the latent's
            largest activation there, 1 unless given; with an SAE an activation.
        positions: Tokens that are changed; None = all that count, and all new ones.
        n_new: Tokens to go on with, as far as the context goes.

    Raises:
        PromptError: the text is empty.
        ShapeError: the SAE is of another width, or there is no such latent or position.
        ConfigError: an unknown kind, or a strength that makes no sense with it.
        NonFiniteError: the model gives NaN or infinity, before or after.

    Cost: three forwards, and for every new token about three more.
    """
    wired = wire(model, sae)
    check_latent(wired, latent_idx)
    strength = _strength(sae, kind, strength)
    value = strength * _unit(sae, latent_idx) if strength is not None and kind == "set" else None
    if n_new < 0:
        raise ConfigError(f"n_new must be at least 0, got {n_new}")
    run = run_text(model, wired, read_text(model, prompt))
    text, latent = run.text, torch.tensor([latent_idx])
    change = _Change(latent_idx, _rule(strength, value), wired.rows(latent)[0], _positions(run, positions))
    old = run.acts(latent)[0]
    new = change.at(run, old)
    added = (laid_out(run, new - old, 0.0).unsqueeze(1) * change.row).unsqueeze(0)
    # Two runs of the same shape, not two rows of one: a change of nothing then changes no bit.
    before, after = (changed_logits(run, what)[0].float() for what in (torch.zeros_like(added), added))
    odds = torch.stack([before, after]).softmax(-1).cpu()
    likely = torch.unique(odds.topk(min(TOP, odds.shape[1])).indices)
    likely = likely[odds[:, likely].amax(0).argsort(descending=True, stable=True)]
    info = model_info(model)
    return FeatureEffect(
        latent_idx=latent_idx,
        kind=kind,
        strength=strength,
        value=value,
        prompt=text.read if text.cut else prompt,
        tokens=text.strings,
        positions=change.positions,
        acts=laid_out(run, old, torch.nan).float().cpu(),
        new_acts=laid_out(run, new, torch.nan).float().cpu(),
        token_ids=likely.tolist(),
        token_strings=[str(model.to_str_tokens(token.view(1))[0]) for token in likely],
        before=odds[0, likely],
        after=odds[1, likely],
        kl=float(_measures.kl(before, after)),
        continuation_before=_continued(run, None, torch.zeros_like(added), before, n_new),
        continuation_after=_continued(run, change, added, after, n_new),
        note=_note(run, old, new, kind),
        site=wired.name,
        model_name=info.name,
        provenance={
            "function": "feature_effect",
            "latents": wired.described(),
            "n_new": n_new,
            "model": info._asdict(),
        },
    )


def _continued(
    run: TextRun, change: _Change | None, added: Float[Tensor, "1 pos d_out"], logits: Tensor, n_new: int
) -> list[str]:
    """Go on greedily, the change going on with it."""
    model, tokens = run.model, run.text.tokens
    n_ctx = int(getattr(model.cfg, "n_ctx", None) or tokens.shape[1] + n_new)
    n_new = min(n_new, n_ctx - tokens.shape[1])
    end = getattr(getattr(model, "tokenizer", None), "eos_token_id", None)
    found: list[int] = []
    while len(found) < n_new:
        found.append(int(logits.argmax()))
        if found[-1] == end or len(found) == n_new:
            break
        tokens = torch.cat([tokens, tokens.new_tensor([found[-1:]])], 1)
        added = torch.cat([added, torch.zeros_like(added[:, :1])], 1)
        kept: dict[str, Tensor] = {}
        if change is not None or run.wired.is_crosscoder:
            kept = capture(model, tokens, list(dict.fromkeys([*run.wired.source.reads, *run.wired.source.writes])))
        if change is not None and change.positions is None and bool(counted_tokens(model, tokens[:, -1:])):
            old = _activation(run, change.latent, kept)
            added[0, -1] = (change.rule(old) - old) * change.row
        logits = forward(model, tokens, hooks=adding(run.wired, added, kept), last_position=True)[0, -1]
    return [str(piece) for piece in model.to_str_tokens(torch.tensor(found))] if found else []


def _activation(run: TextRun, latent: int, kept: dict[str, Tensor]) -> Float[Tensor, ""]:
    """Give the latent's activation on the last token."""
    source = run.wired.source
    acts = torch.cat([kept[site][0, -1].flatten() for site in source.reads]).unsqueeze(0)
    with torch.no_grad():
        encoded = source.encode(acts if source.sae is None else acts.to(source.sae.encoder))
    return encoded[0, latent].clamp(min=0).cpu()


def _strength(sae: Any, kind: str, strength: float | int | None) -> float | None:
    """Check what is to be done, and say how strongly; None for "ablate"."""
    if kind not in KINDS:
        raise ConfigError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}; {nearest(kind, KINDS)}")
    if strength is not None and not math.isfinite(strength):
        raise ConfigError(f"strength must be a finite number, got {strength}")
    if kind == "ablate":
        if strength is not None:
            raise ConfigError(f"kind='ablate' takes no strength, got {strength}; for a part of it use kind='boost'")
        return None
    if strength is None and kind == "set" and not hasattr(sae, "column"):
        raise ConfigError("kind='set' needs a strength, the activation to set; or give a store, whose maximum is 1")
    default = DEFAULT_BOOST if kind == "boost" else 1.0
    return default if strength is None else float(strength)


def _unit(sae: Any, latent: int) -> float:
    """Give what a strength of "set" is counted in: with a store, the latent's largest activation there."""
    if not hasattr(sae, "column"):
        return 1.0
    largest = float(sae.column("max")[latent])
    if not largest > 0:
        raise ConfigError(
            f"kind='set' counts in the latent's largest activation in the store, and latent {latent} never fired "
            "there; give the SAE instead of the store, and an activation as strength"
        )
    return largest


def _rule(strength: float | None, value: float | None) -> Rule:
    if value is not None:
        return lambda old: torch.full_like(old, value)
    return lambda old: old * (0.0 if strength is None else strength)


def _positions(run: TextRun, positions: Sequence[int] | None) -> list[int] | None:
    """Check positions; negative ones count from the end."""
    if positions is None:
        return None
    n_pos, counted = len(run.text.strings), run.text.counted
    if not positions or not all(-n_pos <= at < n_pos and bool(counted[at]) for at in positions):
        known = counted.nonzero()[:, 0].tolist()
        raise ShapeError(
            f"positions must be some of those that count, {known[0]} to {known[-1]}, got {list(positions)}; None = all"
        )
    return sorted({int(at) % n_pos for at in positions})


def _note(run: TextRun, old: Float[Tensor, " row"], new: Float[Tensor, " row"], kind: str) -> str:
    notes = run.text.note
    if not bool(old.any()):
        done = "" if kind == "set" else ", so this changes nothing"
        notes.append(f"the latent does not fire on this text{done}")
    return "; ".join(notes)

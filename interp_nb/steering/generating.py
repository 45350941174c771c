"""A generation under way: rows of a batch, what was chosen so far, and the step from one token to the next.

Baseline and steered texts grow side by side in one batch of four blocks of rows: the baseline unsteered and the steered
text steered, which choose; then the baseline text steered and the steered text unsteered, which only read what the
others chose, so that every token has its log-probability under both.
"""

import dataclasses
import math
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.models.decoding import Decoder
from interp_nb.models.edit import Around, HookFunction, attach, is_within_edit
from interp_nb.models.finite import check_finite
from interp_nb.models.protocol import HookedModel
from interp_nb.steering.apply import Plan
from interp_nb.steering.generation import Continuation
from interp_nb.steering.prompts import Prompt, left_padded, strings
from interp_nb.steering.recipe import ROLES, Spans, Steering
from interp_nb.steering.roles import role_masks
from interp_nb.steering.sampling import Sampler
from interp_nb.steering.texts import (
    GrowingText,
    StepToken,
    capture_sites,
    faults,
    sae_site,
    stop_tokens,
    top_latents,
)


class Settings(NamedTuple):
    """How text is generated; what each means is said at `generate`."""

    n_new: int
    temperature: float | int
    top_k: int | None
    top_p: float | int | None
    seed: int
    n_samples: int
    stop_at_end: bool
    baseline: bool
    capture: tuple[str, ...]
    n_latents: int
    use_cache: bool


class Run:
    """Texts that grow a token at a time.

    Args:
        recipes: What steers; none = baseline only.
        sae: Whose latents are kept for every token, or None.

    Raises:
        ConfigError: a setting out of its range, positions that do not fit the prompts, an SAE of several places.
        HookNameError: there is no such place to capture.
    """

    def __init__(
        self, model: HookedModel, prompts: Sequence[Prompt], recipes: Sequence[Steering], settings: Settings, sae: Any
    ) -> None:
        self.model, self.prompts, self.settings = model, list(prompts), settings
        for name, least in (("n_new", 0), ("n_samples", 1), ("n_latents", 1), ("seed", None)):
            value = getattr(settings, name)
            if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
                wanted = "a whole number" if least is None else f"a whole number, at least {least}"
                raise ConfigError(f"{name} must be {wanted}, got {value!r}")
        self._of_text = [prompt for prompt in self.prompts for _ in range(settings.n_samples)]
        self._within_edit = is_within_edit()
        self._same = all(recipe.changes_nothing for recipe in recipes)
        wants_baseline = settings.baseline or not recipes
        # Which rows are steered, block by block; the first blocks choose, the others read along.
        self._blocks = [False] if self._same else [False, True, True, False] if wants_baseline else [True]
        self._choosing = 2 if len(self._blocks) > 1 else 1
        self._names = [name for name, wanted in (("baseline", wants_baseline), ("steered", bool(recipes))) if wanted]
        self._plan = self._made_plan(recipes)
        self._sampler = Sampler(
            len(self.prompts), settings.n_samples, temperature=settings.temperature, top_k=settings.top_k,
            top_p=settings.top_p, seed=settings.seed,
        )  # fmt: skip
        self._asked = capture_sites(model, settings.capture)
        self.sae, self._sae_site = sae, None if sae is None else sae_site(model, sae)
        self._kept: dict[str, list[Tensor]] = {
            name: [] for name in dict.fromkeys([*self._asked, *([self._sae_site] if self._sae_site else [])])
        }
        n_ctx = int(getattr(model.cfg, "n_ctx", None) or 0)
        self._most = [
            min(settings.n_new, n_ctx - len(prompt.ids)) if n_ctx else settings.n_new for prompt in self._of_text
        ]
        self._texts = [[GrowingText(most) for most in self._most] for _ in range(self._choosing)]
        self._strings: dict[int, str] = {}
        self._stops = stop_tokens(model) if settings.stop_at_end else frozenset()

    def steps(self) -> Generator[tuple[int, list[list[StepToken | None]]], None, None]:
        """Generate, yielding the number of the step and every text's new token after each forward.

        Nothing acts on the model between two steps. Closing the generator takes the hooks off.
        """
        pad = getattr(getattr(self.model, "tokenizer", None), "eos_token_id", None) or 0
        rows = [prompt.ids for _ in self._blocks for prompt in self._of_text]
        tokens, real = left_padded(rows, pad, getattr(self.model.cfg, "device", None))
        decoder = Decoder(self.model, real, use_cache=self.settings.use_cache)
        around: Around | None = self._plan.around if self._plan.hooks else None
        try:
            with attach(self.model, [*self._plan.hooks, *self._keeping()], around=around) as acting:
                step = 0
                while self._open() or self._kept:
                    if not self.settings.use_cache:
                        self._forget()
                    with acting():
                        logits = decoder.step(tokens)
                    if not self._open():
                        break  # that was the last token, which is run for what is captured on it alone
                    chosen, found = self._chosen(logits, pad)
                    yield step, found
                    step += 1
                    tokens = chosen.unsqueeze(1)
        finally:
            self.stop()

    def stop(self) -> None:
        """Note of texts that are not over that they were stopped."""
        for text in (text for texts in self._texts for text in texts):
            text.finished = text.finished or "stopped"

    def texts(self, *, captured: bool = True) -> dict[str, list[Continuation]]:
        """Give the texts as far as they have come, by "baseline" and "steered".

        Args:
            captured: With what was captured; it takes time, and is whole at the end only.
        """
        kept = {name: torch.cat(parts, 1) for name, parts in self._kept.items() if parts and captured}
        found = [
            [self._continuation(block, number, text, kept) for number, text in enumerate(texts)]
            for block, texts in enumerate(self._texts)
        ]
        # A strength that changes nothing is one run that stands for both.
        return dict(zip(self._names, found * (len(self._names) // len(found)), strict=True))

    def named(self, found: list[list[StepToken | None]]) -> dict[str, list[StepToken | None]]:
        """Say which of a step's tokens are "baseline" and which "steered"."""
        return dict(zip(self._names, found * (len(self._names) // len(found)), strict=True))

    def shares(self) -> list[float]:
        """Give, per recipe, norm changed / norm there, summed over the tokens it steered in the steered texts."""
        n, longest = len(self._of_text), max(len(prompt.ids) for prompt in self.prompts)
        rows = slice(n * (self._choosing - 1), n * self._choosing)
        lengths = torch.tensor([longest + len(text.tokens) for text in self._texts[-1]])
        return self._plan.shares(rows, lengths)

    def notes(self, texts: dict[str, list[Continuation]]) -> list[str]:
        """Say what the reader has to know: of cut texts, and of steered ones that fall apart."""
        n_new, n_samples = self.settings.n_new, self.settings.n_samples
        said = [
            f"prompt {number // n_samples}: " * (len(self.prompts) > 1)
            + f"{most} instead of {n_new} new tokens, then the model's context is full"
            for number, most in enumerate(self._most)
            if most < n_new and number % n_samples == 0
        ]
        if self._within_edit:
            said.append("generated inside of another edit of the model: the baseline is the model as edited there")
        if not self._open():
            said += [
                f"{recipe.vector.name} steered no token"
                for recipe, share in zip(self._plan.chosen, self.shares(), strict=True)
                if math.isnan(share)
            ]
        return said + faults(texts.get("steered", []), texts.get("baseline", []), compare=not self._same)

    def _made_plan(self, recipes: Sequence[Steering]) -> Plan:
        n = len(self._of_text)
        prompt_of = [number // self.settings.n_samples for number in range(n)] * len(self._blocks)
        self._steered_rows = steered = torch.tensor([block for block in self._blocks for _ in range(n)])
        plan = Plan(
            self.model,
            [self._for_rows(recipe, prompt_of) for recipe in recipes],
            n_prompt=[len(self.prompts[number].ids) for number in prompt_of],
            rows=None if bool(steered.all()) else steered,
            checks_logits=False,  # `_chosen` sees every row's log-probability
        )
        plan.changes = {}
        return plan

    def _for_rows(self, recipe: Steering, prompt_of: list[int]) -> Steering:
        """Turn roles, and masks with a row per prompt, into masks with a row per row of the batch."""
        chosen = recipe.positions
        if isinstance(chosen, str) and chosen in ROLES:
            mask = role_masks(self.model, [prompt.chat for prompt in self.prompts], chosen)
            return dataclasses.replace(recipe, positions=Spans(mask[prompt_of], beyond=chosen == "assistant"))
        if isinstance(chosen, Tensor):
            if len(chosen) not in (1, len(self.prompts)):
                raise ConfigError(
                    f"a mask of positions needs a row per prompt, {len(self.prompts)}, got {list(chosen.shape)}"
                )
            return dataclasses.replace(recipe, positions=chosen.expand(len(self.prompts), -1)[prompt_of])
        return recipe

    def _open(self) -> bool:
        return any(not text.finished for texts in self._texts for text in texts)

    def _chosen(self, logits: Float[Tensor, "row d_vocab"], pad: int) -> tuple[Tensor, list[list[StepToken | None]]]:
        """Choose every text's next token, and note its log-probabilities under both models."""
        blocks = logits.view(len(self._blocks), len(self._of_text), -1).float()
        noise = self._sampler.noise(blocks[0])
        ids = torch.stack([self._sampler.choose(blocks[block], noise) for block in range(self._choosing)])
        # Rows that read the same text: of the first text the blocks 0 and 2, of the second 3 and 1, unsteered first.
        reading = [[0, 2], [3, 1]] if self._choosing == 2 else [[0, 0]]
        picked = blocks.gather(2, ids[[0, 1, 0, 1] if self._choosing == 2 else [0]].unsqueeze(2)).squeeze(2)
        logs = (picked - blocks.logsumexp(2)).tolist()
        if not all(math.isfinite(each) for row in logs for each in row):
            check_finite(logits[~self._steered_rows], "the logits")
            self._plan.refuse_overflow()
        if len(self._blocks) == 1 and (not self._same or not self._plan.chosen):
            logs.insert(0 if self._blocks[0] else 1, [math.nan] * len(self._of_text))
            reading = [[0, 1]]
        fed: list[list[int]] = ids.tolist()
        found: list[list[StepToken | None]] = []
        self._learn_strings({token for row in fed for token in row})
        for block, texts in enumerate(self._texts):
            plain, steered = (logs[row] for row in reading[block])
            found.append([])
            for number, text in enumerate(texts):
                token = fed[block][number]
                if text.finished:
                    found[-1].append(None)
                    fed[block][number] = pad
                    continue
                new = StepToken(token, self._strings[token], plain[number], steered[number], "")
                found[-1].append(text.add(new, ends=token in self._stops))
        order = fed * 2 if self._choosing == 2 else fed
        return torch.tensor(order, device=logits.device).flatten(), found

    def _learn_strings(self, ids: set[int]) -> None:
        new = sorted(ids - self._strings.keys())
        self._strings.update(zip(new, strings(self.model, new), strict=True))

    def _forget(self) -> None:
        """Forget what was noted of earlier forwards: without a cache, the next one holds the whole text again."""
        for kept in self._kept.values():
            kept.clear()
        if self._plan.changes is not None:
            self._plan.changes.clear()

    def _keeping(self) -> list[tuple[str, HookFunction]]:
        rows = self._choosing * len(self._of_text)

        def keep(name: str) -> HookFunction:
            def copy(activation: Tensor, hook: Any) -> None:
                self._kept[name].append(activation[:rows].detach().clone())

            return copy

        return [(name, keep(name)) for name in self._kept]

    def _continuation(self, block: int, number: int, text: GrowingText, kept: dict[str, Tensor]) -> Continuation:
        longest, n_prompt = max(len(prompt.ids) for prompt in self.prompts), len(self._of_text[number].ids)
        part = slice(longest - n_prompt, longest + len(text.tokens))
        own = {name: values[block * len(self._of_text) + number, part] for name, values in kept.items()}
        latents = None
        if self._sae_site in own:
            latents = top_latents(self.sae, own[self._sae_site], self.settings.n_latents)
        asked = {name: values for name, values in own.items() if name in self._asked}
        return text.continuation(self.model, asked, latents, is_steered=self._blocks[block])

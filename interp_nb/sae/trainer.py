"""The training loop: one stream of activations, one or several SAEs that learn from it.

1. Commands that came in (changed settings, a stop) take effect between steps, in all processes at the same one.
2. A batch is taken from the stream, and every learner takes its step on it.
3. Now and then a record goes to the history, held-out text is evaluated, a checkpoint is written.
4. An SAE that becomes NaN or infinite goes back to its last good weights and stays behind, while the others go on. When
   it was the last one, the run ends; `steps` then begins at the checkpoint that the weights are from.

`Trainer.steps` is a generator for a `Job`, which runs, pauses and ends it. All that a resume needs is in `state`; the
loop adds nothing that is not there, so a run that was killed ends with the same weights as one that was not.
"""

import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import torch

from interp_nb._errors import DataError, InterpError, NonFiniteError
from interp_nb.sae import checkpoint
from interp_nb.sae.batches import ActivationSource, Batch, HeldOut
from interp_nb.sae.commands import Change, Commands
from interp_nb.sae.failures import fall_back, reconstructs
from interp_nb.sae.learner import Learner
from interp_nb.sae.metrics import Spread
from interp_nb.sae.pace import Plan, Rate
from interp_nb.sae.parallel import Group
from interp_nb.sae.recorder import Recorder
from interp_nb.sae.settings import Setting
from interp_nb.sae.train_config import TrainConfig

STATE: Final = ("step", "tokens", "seconds", "reason")
"""What of a trainer is kept as it is."""


class Trainer:
    """A run in the making.

    Args:
        held: Held-out rows.
        folder: Where checkpoints go; None = none are written.
        group: The processes that train together; None = this one alone.
    """

    def __init__(
        self,
        source: ActivationSource,
        learners: Sequence[Learner],
        held: HeldOut,
        recorder: Recorder,
        *,
        config: TrainConfig,
        folder: Path | None = None,
        group: Group | None = None,
    ) -> None:
        self.source: ActivationSource | None = source
        self.learners, self.held, self.recorder = list(learners), held, recorder
        self.config, self.plan, self.folder, self.group = config, Plan.of(config), folder, group
        self.step, self.tokens, self.seconds, self.reason = 0, 0, 0.0, ""
        self.stopped = False
        # Held while weights change, so that whoever copies or uses them meanwhile sees those of one step.
        self.lock = threading.RLock()
        self.facts: dict[str, Any] = {}
        self.commands = Commands()
        self._rate = Rate()
        self._saved_step = -1
        self._back_to: Path | None = None

    @property
    def complete(self) -> bool:
        """Whether all tokens were trained on."""
        return self.step >= self.plan.n_steps

    @property
    def tokens_per_second(self) -> float:
        """Speed of the last steps; NaN before there are any."""
        return self._rate.tokens_per_second

    @property
    def filling(self) -> float | None:
        """How full a shuffling buffer is that is not full yet; None without one, and from the first step on."""
        share: float | None = getattr(self.source, "filled", None)
        return None if share is None or self.step or share >= 1 else share

    def settings(self) -> list[dict[str, Setting]]:
        """List, per SAE, what may be changed, with values as they will be at the next step."""
        return self.commands.foreseen([{} if learner.failure else learner.settings() for learner in self.learners])

    def request(self, index: int | None, name: str, value: float | int) -> None:
        """Change a setting at the next step boundary."""
        self.commands.changes.append(Change(index, name, value))

    def request_stop(self) -> None:
        """End after the step under way; with several processes, all of them after the same one."""
        self.commands.stopping = True

    def steps(self) -> Iterator[int]:
        """Train until the tokens are used up, yielding the number of steps taken after each."""
        self.commands.stopping = False
        with torch.enable_grad():
            try:
                self._go_back()
                self.reason = ""
                while not self.complete and not self._filled():
                    yield self.step
                while not self.complete and self._take_commands() and self._advance():
                    yield self.step
                self._finish()
            except GeneratorExit:
                self.reason, self.stopped = f"stopped after step {self.step}", True
                self._save()
                raise
            except InterpError as error:
                self.reason = str(error)
                raise

    def let_go(self) -> None:
        """Drop the stream and the model behind it, once nothing more will be trained."""
        self.source = None
        self.recorder.let_go()

    def state(self) -> dict[str, Any]:
        """Return everything a resume needs, as a tree of tensors and plain values."""
        log = self.recorder.log
        return {
            **{name: getattr(self, name) for name in STATE},
            "facts": self.facts,
            "source": self._stream.state(),
            "learners": [learner.state() for learner in self.learners],
            "history": log.history,
            "changes": log.changes,
            "held": self.held.columns(),
            "firing": log.firing,
            "since_fired": log.since_fired,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on where a state was taken; the trainer must have been made with the same configuration.

        Raises:
            DataError: the data are not what they were, or cannot be read again; nothing was changed then.
        """
        self._stream.load_state(state["source"])
        for name in STATE:
            setattr(self, name, state[name])
        for learner, kept in zip(self.learners, state["learners"], strict=True):
            learner.load_state(kept)
        log = self.recorder.log
        log.history[:], log.changes[:] = state["history"], state["changes"]
        for name in ("firing", "since_fired"):
            for mine, kept in zip(getattr(log, name), state[name], strict=True):
                mine.copy_(kept)
        self._saved_step = self.step

    @property
    def _stream(self) -> ActivationSource:
        assert self.source is not None, "the run is over"
        return self.source

    def _learning(self) -> list[tuple[int, Learner]]:
        """List the SAEs that still learn, with their numbers."""
        return [(number, learner) for number, learner in enumerate(self.learners) if learner.failure is None]

    def _filled(self) -> bool:
        """Let a shuffling buffer take some rows; say whether it has all it wants.

        Before the first step: it may take minutes, in which a run can be stopped, and which are not training speed.
        """
        fill_some = getattr(self._stream, "fill_some", None)
        if fill_some is None:
            return True
        started = time.perf_counter()
        full = bool(fill_some())
        self.seconds += time.perf_counter() - started
        return full

    def _take_commands(self) -> bool:
        """Change what was asked to be changed; say whether to go on."""
        changes, self.stopped = self.commands.take(self.group)
        for change in changes:
            for number, learner in self._learning():
                if change.concerns(number, learner.settings()):
                    old = learner.change(change.name, change.value)
                    self.recorder.change(number, change.name, old, change.value, self._place)
        if self.stopped:
            self.reason = f"stopped after step {self.step}"
        return not self.stopped

    def _advance(self) -> bool:
        """Take one step; say whether there were data for it."""
        started = time.perf_counter()
        wanted = min(self.config.batch_size, self.config.n_tokens - self.tokens)
        batch = self._stream.next(wanted)
        n_rows = 0 if batch is None else len(batch.acts)
        if self.group is not None:
            n_rows -= n_rows % self.group.size
        if batch is None or n_rows == 0:
            self.reason = f"the data ended after {self.tokens} of {self.config.n_tokens} tokens"
            return False
        mine = self._on_device(batch, slice(0, n_rows) if self.group is None else self.group.my_rows(n_rows))
        with self.lock:
            self._learn(mine, n_rows)
            self.step += 1
            self.tokens += n_rows
            self._resample(batch, n_rows)
        elapsed = time.perf_counter() - started
        self.seconds += elapsed
        self._rate.add(n_rows, elapsed)
        self._write_down()
        return True

    def _learn(self, batch: Batch, n_rows: int) -> None:
        spread = Spread.of(batch.targets)
        for number, learner in self._learning():
            try:
                learner.step(batch, spread, self.step, n_rows, self.group)
            except NonFiniteError as error:
                self._leave_behind(number, str(error))

    def _resample(self, batch: Batch, n_rows: int) -> None:
        """Start dead latents anew where a multiple of `resample_every` tokens was just passed."""
        for number, learner in self._learning():
            every = learner.config.resample_every
            if every is None or self.tokens // every == (self.tokens - n_rows) // every:
                continue
            n_dead = learner.resample(self._on_device(batch, slice(0, n_rows)))
            self.recorder.change(number, "resampled latents", 0, n_dead, self._place)

    @property
    def _place(self) -> dict[str, Any]:
        return {"step": self.step, "tokens": self.tokens}

    def _write_down(self) -> None:
        evaluate = self.step % self.plan.eval_every == 0 or self.complete
        if evaluate or self.step % self.plan.record_every == 0:
            self._record(evaluate=evaluate)
        if self.step % self.plan.checkpoint_every == 0 and not self.complete:
            self._save()

    def _finish(self) -> None:
        if self.step == 0:
            raise DataError("the data are empty: there was not a single token to train on")
        if any(learner.has_news for _, learner in self._learning()):
            self._record(evaluate=not self.stopped)
        self._save()

    def _record(self, *, evaluate: bool) -> None:
        started = time.perf_counter()
        moment = {**self._place, "seconds": self.seconds, "tokens_per_second": self.tokens_per_second}
        for number, learner in self._learning():
            self.recorder.record(number, learner, moment, evaluate=evaluate)
        self.seconds += time.perf_counter() - started

    def _save(self) -> None:
        if self.folder is None or self._saved_step == self.step:
            return
        self._check_finite()
        if self.group is None or self.group.rank == 0:
            checkpoint.write(self.folder, self.step, self.state(), keep=self.config.keep_checkpoints)
        if self.group is not None:
            self.group.barrier()
        self._saved_step = self.step

    def _check_finite(self) -> None:
        """Keep weights out of checkpoints that the next step would find to be useless."""
        for number, learner in self._learning():
            if not reconstructs(learner, self.held):
                self._leave_behind(number, f"after step {self.step}, reconstructions became NaN or infinite")

    def _leave_behind(self, number: int, what: str) -> None:
        """Go on without an SAE that came to a number that is none, or end the run if it was the last one.

        Raises:
            NonFiniteError: it was the last one.
        """
        failure, last = fall_back(self.learners, number, what, folder=self.folder, **self._place)
        if len(self._learning()) > 1:
            self.learners[number].failure = failure
            warnings.warn(f"{failure.reason}. The other SAEs go on", stacklevel=2)
            return
        self._back_to = last
        where = "takes the whole run back there" if last else "goes on with the next batch, without this one"
        raise NonFiniteError(f"{failure.reason} (run.set(lr=...)), then resume(): it {where}")

    def _go_back(self) -> None:
        """After NaN: take data, counters, history and settings back to where the weights are."""
        if self._back_to is not None:
            with self.lock:
                self.load_state(checkpoint.read(self._back_to))
            self._back_to = None

    def _on_device(self, batch: Batch, rows: slice) -> Batch:
        return batch.take(rows).like(next(self.learners[0].sae.parameters()))

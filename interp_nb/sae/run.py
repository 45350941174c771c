"""`TrainingRun`: what `train_sae` returns, while it trains and afterwards.

What is not here: the loop (`trainer`), how a run is put together (`training`), and what it says of itself meanwhile
(`run_status`).
"""

import copy
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from torch import Tensor

from interp_nb import _save
from interp_nb._errors import ConfigError
from interp_nb._jobs import ENDED, Job
from interp_nb._show import Live, result
from interp_nb.sae.coder import SAE
from interp_nb.sae.formats.own import versions
from interp_nb.sae.harvesting import data_read
from interp_nb.sae.run_status import RunStatus
from interp_nb.sae.settings import checked_settings
from interp_nb.sae.top_tokens import TopToken, latent_values, token_names, top_tokens

if TYPE_CHECKING:
    import pandas as pd

_POLL_SECONDS: Final = 0.1


@result
class TrainingRun(RunStatus):
    """Hold the training of one or several SAEs: how it went, and how to steer it.

    `history` is what there is so far, at any time. `sae` and `saes` wait until the run has ended (not while it is
    paused); `snapshot` never waits.
    """

    _widget: ClassVar[str] = "interp_nb.widgets.train_monitor:TrainMonitorWidget"
    _schema: ClassVar[int] = 2

    history: list[dict[str, Any]]
    """Records in order, one per SAE and time: sae, step, tokens, seconds, loss and its terms (`loss_mse`, ...), l0,
    explained_variance, dead_fraction of dead_window_tokens, lr, k, and at evaluations loss_recovered; losses are per
    token, scaled."""
    changes: list[dict[str, Any]]
    """What was changed while it trained: step, tokens, sae, setting, old, new."""
    firing_shares: list[Tensor]
    """Per SAE, the share of recent tokens on which each latent fired, `[d_sae]`."""
    since_fired: list[Tensor]
    """Per SAE, tokens since each latent fired, `[d_sae]`."""
    labels: list[str]
    """A name for every SAE, all different."""
    site: str
    """Where it reads; of transcoders, and where it writes."""
    model_name: str
    """Model the activations are from; "" where they were given as such."""
    n_tokens: int
    """Tokens it is to train on."""
    dead_window_tokens: list[int]
    """Per SAE, tokens without firing after which a latent counts as dead: `dead_fraction` means this window."""
    ablation: str
    """What loss recovered is measured against: "mean" or "zero" activations."""
    configs: list[dict[str, Any]]
    """Per SAE, its configuration: {"sae": ..., "train": ...}, as JSON."""
    provenance: dict[str, Any]
    """What it takes to train this again."""
    estimate: dict[str, Any] = field(default_factory=dict, compare=False)
    """What it was expected to take before it began: bytes, seconds."""
    outcome: dict[str, Any] = field(default_factory=dict)
    """How far it got: state, reason, failures, step, tokens. Filled when the run is saved."""
    _live: Any = field(default=None, compare=False, repr=False)
    _trainer: Any = field(default=None, compare=False, repr=False)
    _saes: list[Any] = field(default_factory=list, compare=False, repr=False)
    _token_names: dict[int, str] = field(default_factory=dict, compare=False, repr=False)
    """Names of the held-out tokens, by id, for `peek`; empty where nobody can name any."""

    def snapshot(self) -> list[SAE]:
        """Copy the SAEs as they are now, in the middle of a run or after a failure.

        Raises:
            ConfigError: this run was loaded from a file, which holds no SAEs.
        """
        self._need_saes()
        if self._trainer is None:
            return [copy.deepcopy(sae) for sae in self._saes]
        with self._trainer.lock:
            return [copy.deepcopy(sae) for sae in self._saes]

    # What waits.

    @property
    def sae(self) -> SAE:
        """The trained SAE; waits for the end.

        Raises:
            ConfigError: there are several, see `saes`; or this run was loaded from a file.
            Exception: what the run failed with; `snapshot` gives the SAEs nevertheless.
        """
        if len(self.labels) > 1:
            raise ConfigError(f"this run trained {len(self.labels)} SAEs: take one of run.saes")
        return self.saes[0]

    @property
    def saes(self) -> list[SAE]:
        """The trained SAEs; waits for the end.

        Raises:
            ConfigError: this run was loaded from a file, which holds no SAEs.
            Exception: what the run failed with; `snapshot` gives the SAEs nevertheless.
        """
        self._need_saes()
        self._settle()
        job = self._job()
        if job is not None and job.ended:
            job.wait()
        return list(self._saes)

    # How it is steered.

    def stop(self) -> None:
        """End after the step under way; `resume` goes on from there."""
        job = self._job()
        if job is None or self._trainer is None:
            return
        if self._trainer.group is None:
            job.stop()
        else:
            # Several processes must end after the same step, so they tell each other first.
            self._trainer.request_stop()
            job.resume()

    def pause(self) -> None:
        """Hold after the step under way, until `resume` or `stop`."""
        job = self._job()
        if job is not None:
            job.pause()

    def resume(self, *, background: bool = True) -> "TrainingRun":
        """Go on after a pause, a stop, an interrupt or a failure.

        After NaN or infinity the whole run (weights, data, counters, history, settings) first goes back to its last
        checkpoint (`wait` raises DataError where the data are an iterator that cannot), and comes to the same end
        unless something is `set` before; without a checkpoint it goes on with the next batch.

        Args:
            background: Return at once; False waits for the end.

        Raises:
            ConfigError: there is nothing to go on with: the run is complete, its data ended, or it was loaded.
        """
        job = self._job()
        if job is not None and job.busy:
            job.resume()
        else:
            if self._trainer is None or self.state in ("done", "data ended"):
                raise ConfigError(
                    f"this run is {self.state} and cannot go on; train on more tokens with train_sae, or "
                    "TrainingRun.resume_from(checkpoint_dir, model, data)"
                )
            self._start()
        return self if background else self.wait()

    def set(self, sae: int | None = None, **settings: Any) -> None:
        """Change settings while it trains, from the next step on.

        `run.set(lr=1e-4)`, `run.set(k=16)`, `run.set(l1_coefficient=3)`; what can be changed is in `settings`. `lr` and
        coefficients are the full values, of which schedules take their share. Every change is kept in `changes`.

        Args:
            sae: Which SAE; None = every one that has the setting.

        Raises:
            ConfigError: no SAE has such a setting, it cannot have this value, the SAE or the run is over.
        """
        trainer = self._trainer
        if trainer is None or self.state in ("done", "data ended"):
            raise ConfigError(
                f"this run is {self.state}: nothing can be changed any more. In a script, train_sae(..., "
                "background=True) returns while it trains"
            )
        asked, failures = range(len(self.labels)) if sae is None else [self._checked_index(sae)], self.failures
        numbers = [number for number in asked if not failures[number]]
        if not numbers:
            raise ConfigError(f"nothing can be changed of an SAE that learns no more: {failures[asked[0]]}")
        architectures = [config["sae"]["architecture"] for config in self.configs]
        for number, name, value in checked_settings(trainer.settings(), architectures, numbers, settings):
            trainer.request(number, name, value)

    def peek(self, latent_idx: int, n: int = 10, sae: int = 0) -> list[TopToken]:
        """List the tokens on which a latent fires most, with the SAE as it is now.

        Computed on the held-out text when asked for: nothing is collected while training. The largest of each window;
        empty if the latent fires nowhere there.

        Raises:
            ConfigError: the activations came without text, nobody can name its tokens any more, or no such latent.

        Cost: one encoding of the held-out tokens (`n_eval_tokens`), without the model.
        """
        self._need_saes()
        module, trainer = self._saes[self._checked_index(sae)], self._trainer
        if not 0 <= latent_idx < module.cfg.d_sae:
            raise ConfigError(f"latent_idx must be 0 to {module.cfg.d_sae - 1}, got {latent_idx}")
        held = trainer.held
        if held.tokens is None or held.mask is None:
            raise ConfigError("this run trains on activations without their text, so there are no tokens to show")
        names = self._token_names or token_names((self._live or Live(None)).model(), held.tokens)
        with trainer.lock:
            values = latent_values(module, held.acts, latent_idx)
        return top_tokens(values, held.tokens, held.mask, n, names)

    # What goes out.

    def to_frame(self) -> "pd.DataFrame":
        """Return the history so far: one row per record, with the SAE's label.

        A `dead_fraction` is the share of latents that fired on none of the last `dead_window_tokens` tokens, the column
        beside it: SAEs of one sweep may have windows of their own.
        """
        import pandas as pd

        records = list(self.history)
        return pd.DataFrame([{"label": self.labels[record["sae"]], **record} for record in records])

    def save(self, path: str | Path) -> Path:
        """Write the history to one file, of a failed run too.

        Waits for the end. SAEs are saved by `run.sae.save`, a run to go on with by checkpoints.
        """
        self._settle()
        how = {name: getattr(self, name) for name in ("state", "reason", "failures", "step", "tokens")}
        self.outcome.update(how)
        return _save.save_result(self, Path(path))

    @classmethod
    def resume_from(cls, path: str | Path, model: Any, data: Any, **options: Any) -> "TrainingRun":
        """Go on with a run of which only the checkpoints are left, as if nothing had been.

        Args:
            path: Its `checkpoint_dir`.
            model: The same model.
            data: The same data, from the beginning.
            **options: `background`, `callbacks` and `progress`, as in `train_sae`.

        Raises:
            ConfigError: there is no checkpoint in this folder.
            DataError: the data are not what they were.
        """
        from interp_nb.sae.training import resume_run

        return resume_run(Path(path), model, data, **options)

    def _start(self, on_step: Callable[[int], object] | None = None) -> Job[int]:
        """Make the job, under the handle that widgets follow, and start it."""
        job: Job[int] = Job(self._trainer.steps, on_step=on_step, name=f"train_sae {self.site}")
        self._live.job = job
        job.observe(self._let_go)
        job.start()
        shown = self._shown()
        if shown is not None:
            shown.follow()
        return job

    def _let_go(self, job: Job[Any]) -> None:
        """Note in the SAEs how far they got; drop model and data once they are needed no more."""
        if job.state in ENDED:
            for sae, config, learner in zip(self._saes, self.configs, self._trainer.learners, strict=True):
                tokens, state = (learner.failure.tokens, "failed") if learner.failure else (self.tokens, self.state)
                sae.provenance = {
                    **self.provenance, "train": config["train"], "tokens": tokens, "state": state,
                    "data": data_read(self._trainer.source), "versions": versions(),
                }  # fmt: skip
        if job.state in ENDED and self.state in ("done", "data ended"):
            self._trainer.let_go()

    def _settle(self) -> None:
        """Wait until the run has ended or holds, without raising what it failed with."""
        job = self._job()
        while job is not None and job.state == "running" and not job.is_current():
            try:
                job.wait(_POLL_SECONDS)
            except Exception as error:
                if error is not job.error:
                    raise

    def _checked_index(self, sae: int) -> int:
        if not 0 <= sae < len(self.labels):
            raise ConfigError(f"sae must be 0 to {len(self.labels) - 1}, got {sae}")
        return sae

    def _need_saes(self) -> None:
        if not self._saes:
            raise ConfigError(
                "this run was loaded from a file, which holds its history: load SAEs with load_sae, and a run to go on "
                "with by TrainingRun.resume_from"
            )

    def _summary(self) -> str:
        cfg = self.configs[0]["sae"]
        what = self.labels[0] if len(self.labels) == 1 else f"{len(self.labels)} SAEs"
        return f"TrainingRun({self.site}, {what}, d_in={cfg['d_in']}, n_tokens={self.n_tokens})"

"""Training while the caller waits: a progress bar, and what is said when it ends early."""

import warnings

from tqdm.auto import tqdm

from interp_nb.sae.run import TrainingRun


def in_foreground(run: TrainingRun, progress: bool | None) -> None:
    """Train to the end of a run.

    Args:
        progress: Show a bar; None = at a terminal.

    Raises:
        Exception: what the run failed with.
    """
    trainer = run._trainer
    with tqdm(
        total=trainer.plan.n_steps,
        initial=trainer.step,
        unit="step",
        disable=None if progress is None else not progress,
    ) as bar:

        def advance(step: int) -> None:
            bar.update(step - bar.n)
            for record in run.history[-len(run.labels) :][:1]:
                bar.set_postfix(loss=f"{record['loss']:.4g}", l0=f"{record['l0']:.3g}", refresh=False)

        # In a thread, although this one waits: an interrupt then ends the run between steps, not inside of one.
        job = run._start(advance)
        job.wait()
    ended_early = ""
    if job.state == "interrupted":
        ended_early = f"was interrupted after {run.tokens} of {run.n_tokens} tokens; resume() goes on"
    elif run.state == "data ended":
        ended_early = f"is done early: {run.reason}. Give more data, or n_tokens={run.tokens}"
    if ended_early:
        # At the line that called train_sae.
        warnings.warn(f"train_sae {ended_early}", stacklevel=3)

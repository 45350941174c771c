"""Evaluate an SAE: read text once, measure group after group, and say what to change.

What is here: the arguments, the empty report, and the job. How it is filled is in `steps`; what is measured, in the
modules of the groups.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch

from interp_nb._errors import ConfigError
from interp_nb._jobs import Job, in_notebook
from interp_nb._show import Live, peek
from interp_nb.evaluation.asked import N_TOKENS, check_asked, texts_of
from interp_nb.evaluation.names import names_of
from interp_nb.evaluation.places import places_of
from interp_nb.evaluation.reading import check_fits, reading_with_bos
from interp_nb.evaluation.report import SAEReport
from interp_nb.evaluation.steps import Work, steps
from interp_nb.models.edit import is_edited
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.coder import SAE
from interp_nb.sae.harvesting import Harvested
from interp_nb.sae.saving import content_hash


def evaluate_sae(
    sae: SAE,
    model: HookedModel,
    data: Any = None,
    *,
    site: str | Sequence[str] | None = None,
    layer: int | Sequence[int] | None = None,
    labels: dict[str, Any] | None = None,
    ablation: str = "mean",
    n_tokens: int | None = N_TOKENS,
    groups: Sequence[str] | None = None,
    n_causal: int = 100,
    seed: int = 0,
    live: bool = False,
    progress: bool | None = None,
    allow_mismatch: bool = False,
    name: str | None = None,
    max_bytes: int | None = None,
    **reading: Any,
) -> SAEReport:
    """Say what an SAE is worth: five groups of numbers with intervals, and advice.

    Reconstruction, sparsity, features, causal use and, where tokens have labels, ground truth; see
    `evaluation.names.METRICS` for each number. Begin-of-text tokens and padding do not count; the figure with
    begin-of-text tokens stands beside each number of reconstruction and sparsity (what a latent stands for is not asked
    of a token without text before it). Intervals resample documents; those of dead, monosemantic and causally used
    latents are of a share of latents.

    Args:
        sae: An SAE, transcoder, crosscoder or cross-layer transcoder.
        data: Text as `harvest` takes it, or documents of the pocket world, whose labels are known; None = the pocket
            model's held-out world.
        site: Where to evaluate an SAE that does not say what it was trained on.
        labels: What is true of other text: {task: a label per document, or per document a label per token}.
        ablation: What the headline's loss recovered is beside, "mean" or "zero"; both are measured.
        n_tokens: Tokens that are read, to the end of a window; None = all.
        groups: Names of the groups to measure; None = all.
        n_causal: Latents taken out, at most.
        seed: Draws latents, halves of the documents, random directions and resamples.
        live: Return at once; a background job fills the report group after group, reading a number waits for all,
            `.stop()` keeps what is there.
        progress: Show a bar; None = at a terminal and in a notebook.
        allow_mismatch: Evaluate on another model, site or `fold` than the SAE was trained on; the report notes it.
        name: Its name beside others; None = what it is.
        max_bytes: Memory that may be used; None = half of what is available.
        **reading: Fields of `Reading`, as `harvest` takes them: ctx_len, batch_size, packing, ...

    Raises:
        ConfigError: another model, site or folding than it was trained on, naming both; or settings that make no sense.
        DataError: the data hold no tokens that count.
        MemoryBudgetError: it does not fit; names what to lower.
        HookNameError: the model has no such site.

    Cost: one pass of the text up to the SAE, seven forwards of its first 16,384 tokens, and the SAE three times. On the
        pocket model the defaults take some 36 s of one core.

    Example:
        >>> evaluate_sae(load_sae("pocket"), load_model())  # doctest: +SKIP
        SAEReport(batch_topk on blocks.1.hook_resid_post, 2048 latents: L0 7.2, explained variance 0.93, ...)
    """
    asked = check_asked(groups, ablation, n_tokens, n_causal, seed, labels, max_bytes)
    if "skip_bos" in reading:
        raise ConfigError("skip_bos is no choice here: each number is given without and with begin-of-text tokens")
    if is_edited(model):
        raise ConfigError("this model is being edited, and would not be evaluated as it is; leave the edit first")
    places = places_of(sae, model, site, layer, allow_mismatch=allow_mismatch)
    texts = texts_of(model, data)
    source = Harvested(model, places.reads, places.writes, texts.data, reading=reading_with_bos(**reading))
    check_fits(source, sae, n_tokens, max_bytes)
    work = Work(sae, model, asked, places, texts, source)
    report = _empty(work, name)
    _run(report, partial(steps, work, report), live=live, progress=progress)
    return report


def _run(report: SAEReport, steps: Callable[[], Iterator[str | None]], *, live: bool, progress: bool | None) -> None:
    from tqdm.auto import tqdm

    groups = report.settings["groups"]
    # tqdm takes None for "at a terminal", and a notebook's streams are none.
    shown = True if progress is None and in_notebook() else progress
    hidden = True if live else None if shown is None else not shown
    with tqdm(total=1 + len(groups), unit="group", disable=hidden) as bar:

        def on_step(step: str | None) -> None:
            if step is not None:
                bar.set_description(step)
                bar.update()

        job = Job(steps, on_step=on_step, name=f"evaluate_sae {report.name}")
        report._live.job = job
        if live:
            object.__setattr__(report, "_headless", True)
            job.start()
            return
        job.run()
    if job.state == "interrupted":
        found = peek(report, "metrics")
        there = [group for group in groups if any(name in found for name in names_of(group))]
        warnings.warn(
            f"evaluate_sae was interrupted: it holds {', '.join(there) or 'nothing'} of {', '.join(groups)}",
            stacklevel=3,
        )


def _empty(work: Work, name: str | None) -> SAEReport:
    """Make the report that is filled: which SAE, model and settings, and no numbers."""
    sae, asked, places = work.sae, work.asked, work.places
    cfg, info = sae.cfg, model_info(work.model)
    known = sae.provenance.get("format")
    sites = list(places.reads) if places.reads == places.writes else [*places.reads, *places.writes]
    what = {
        "architecture": cfg.architecture, "kind": cfg.kind, "d_in": cfg.d_in, "d_out": cfg.output_width,
        "d_sae": cfg.d_sae, "k": cfg.k, "sites": sites, "model": cfg.model,
        "format": known.get("family", "") if isinstance(known, dict) else "interp_nb", "sha256": content_hash(sae),
    }  # fmt: skip
    size = f"{cfg.architecture}{'' if cfg.kind == 'sae' else ' ' + cfg.kind} {cfg.d_sae}"
    notes = list(places.notes)
    if len(places.writes) > 1:
        notes.append(
            f"{len(places.writes)} sites are written: errors, variance and angles are of all of them side by side, and "
            "all are replaced at once"
        )
    return SAEReport(
        name=name or (size if cfg.k is None else f"{size} k={cfg.k}"),
        sae=what,
        model_name=info.name,
        data={"n_docs": 0, "n_tokens": 0, "n_tokens_with_bos": 0, "hash": "", "source": work.texts.source},
        metrics={}, distributions={}, concepts=[], probes=[], absorbed=[], causal=[], skipped={}, advice=[],
        notes=notes,
        settings={
            "ablation": asked.ablation, "groups": list(asked.groups), "n_tokens": asked.n_tokens,
            "n_causal": asked.n_causal, "seed": asked.seed, "reading": work.source.settings,
        },
        summed=[],
        sums=torch.zeros(0, 0, 2, dtype=torch.float64),
        # Not the numbers of an earlier report, which its card holds: each would carry all before it.
        provenance={
            "function": "evaluate_sae", "model": info._asdict(),
            "sae": {name: value for name, value in sae.provenance.items() if name != "metrics"},
        },
        _live=Live(work.model),
    )  # fmt: skip

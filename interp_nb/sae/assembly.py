"""A run put together: held-out rows, what it will cost, SAEs ready to learn, and the result that shows it."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch

from interp_nb._preflight import Estimate, available_bytes, budget, refuse_beyond
from interp_nb._show import Live
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.batches import ActivationSource, HeldOut
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import MULTI_SITE, SAEConfig
from interp_nb.sae.harvesting import Harvested
from interp_nb.sae.harvesting import estimate as harvest_estimate
from interp_nb.sae.initialize import initialize_
from interp_nb.sae.learner import Learner
from interp_nb.sae.normalize import input_scale, site_scales
from interp_nb.sae.pace import Plan
from interp_nb.sae.parallel import Group
from interp_nb.sae.question import Question, Resolved, facts, labels
from interp_nb.sae.recorder import Log, Recorder
from interp_nb.sae.recovery import Recovery
from interp_nb.sae.run import TrainingRun
from interp_nb.sae.top_tokens import token_names
from interp_nb.sae.trackers import Callback
from interp_nb.sae.train_config import TrainConfig
from interp_nb.sae.trainer import Trainer

# Weights, their gradients, and Adam's two moments.
_COPIES: Final = 4
# The dense product, what is chosen from it, and what choosing takes, at once, in units of [row d_sae].
_PRODUCTS: Final = 3
# A step takes about as long as this many dense encoder products; right to a factor of about two.
_PRODUCTS_OF_TIME: Final = 3


def assemble(
    source: ActivationSource,
    resolved: Resolved,
    question: Question,
    model: HookedModel | None,
    held: HeldOut,
    folder: Path | None,
    saved: dict[str, Any] | None,
    callbacks: Sequence[Callback],
    group: Group | None,
    device: torch.device,
) -> TrainingRun:
    """Make a run, ready to start.

    Args:
        saved: State of a checkpoint to go on from; None = from the beginning.

    Raises:
        MemoryBudgetError: it does not fit into memory.
        DataError: the data are empty, or not those of the checkpoint.
    """
    train = resolved[0][1]
    device = held.acts.device if model is None else device
    estimate = _preflight(source, resolved, held, device)
    n_steps = Plan.of(train).n_steps
    learners = []
    for cfg, config in resolved:
        sae = SAE(cfg, seed=config.seed).to(device=device, dtype=getattr(torch, config.dtype))
        if saved is None:
            _prepare(sae, held, config)
        learners.append(Learner(sae, config, n_steps))
    if group is not None:
        for learner in learners:
            group.broadcast(learner.sae.state_dict().values())
    sizes = [cfg.d_sae for cfg, _ in resolved]
    log = Log([], [], [torch.zeros(n) for n in sizes], [torch.zeros(n, dtype=torch.int64) for n in sizes])
    recorder = Recorder(log, _recovery(model, source, held, train), callbacks, group)
    trainer = Trainer(source, learners, held, recorder, config=train, folder=folder, group=group)
    trainer.facts = facts(resolved, question, source)
    if saved is not None:
        trainer.load_state(saved)
    return _run(trainer, resolved, question, source, model, estimate)


def _run(
    trainer: Trainer,
    resolved: Resolved,
    question: Question,
    source: ActivationSource,
    model: HookedModel | None,
    estimate: Estimate,
) -> TrainingRun:
    train, log = resolved[0][1], trainer.recorder.log
    where = " -> ".join(" + ".join(sites) for sites in dict.fromkeys((source.sites, source.target_sites)) if sites)
    info = None if model is None else model_info(model)
    return TrainingRun(
        history=log.history,
        changes=log.changes,
        firing_shares=log.firing,
        since_fired=log.since_fired,
        labels=labels(resolved),
        site=where or "activations",
        model_name="" if info is None else info.name,
        n_tokens=train.n_tokens,
        dead_window_tokens=[config.dead_window() for _, config in resolved],
        ablation=train.ablation,
        configs=trainer.facts["configs"],
        provenance={
            "function": "train_sae",
            "arguments": {name: value for name, value in question._asdict().items() if value not in (None, {})},
            "model": None if info is None else info._asdict(),
            "source": source.provenance,
            "seed": train.seed,
        },
        estimate={"bytes": estimate.bytes, "seconds": estimate.seconds},
        _live=Live(model),
        _trainer=trainer,
        _saes=[learner.sae for learner in trainer.learners],
        _token_names=_token_names(model, trainer.held),
    )


def _token_names(model: HookedModel | None, held: HeldOut) -> dict[int, str]:
    """Name the held-out tokens, to show them when the model is gone; none where nobody can name any."""
    if held.tokens is None or getattr(model, "tokenizer", None) is None:
        return {}
    return token_names(model, held.tokens)


def _prepare(sae: SAE, held: HeldOut, config: TrainConfig) -> None:
    """Estimate scales and draw weights, before training."""
    if config.normalize:
        many = sae.cfg.kind in MULTI_SITE
        scale = partial(site_scales, n_sites=sae.cfg.n_sites) if many else input_scale
        sae.set_scales(scale(held.acts), scale(held.targets) if sae.has_own_targets else None)
    parameter = next(sae.parameters())
    acts = held.acts.to(parameter)
    targets = acts if held.targets is held.acts else held.targets.to(parameter)
    initialize_(sae, acts, targets, config, torch.Generator().manual_seed(config.seed))


def _recovery(
    model: HookedModel | None, source: ActivationSource, held: HeldOut, config: TrainConfig
) -> partial[Recovery] | None:
    if model is None or held.tokens is None or not source.sites:
        return None
    return partial(
        Recovery, model, held.tokens, source.sites, source.target_sites, ablation=config.ablation, mask=held.mask,
        acts=held.acts, targets=held.targets,
    )  # fmt: skip


def _preflight(source: ActivationSource, resolved: Resolved, held: HeldOut, device: torch.device) -> Estimate:
    """Say what the run will take, and refuse what does not fit."""
    train = resolved[0][1]
    width = 8 if train.dtype == "float64" else 4
    weights = sum(width * _COPIES * cfg.d_sae * (cfg.d_in + cfg.output_width) for cfg, _ in resolved)
    step = max(width * _PRODUCTS * train.batch_size * cfg.d_sae for cfg, _ in resolved)
    rows = source.nbytes + sum(each.nbytes for each in (held.acts, held.targets))
    there, allowed = available_bytes(device), budget(device, None)
    seconds = 0.0
    inner = getattr(source, "source", source)  # what a shuffling buffer draws from
    if isinstance(inner, Harvested):
        harvesting = harvest_estimate(inner, train.n_tokens)
        rows, seconds = rows + harvesting.bytes - inner.nbytes, harvesting.seconds
    refuse_beyond(
        weights + step + rows,
        allowed,
        f"training {len(resolved)} SAE{'s' if len(resolved) > 1 else ''} of d_sae={resolved[0][0].d_sae}",
        _way_out(weights, step, rows, allowed, train),
    )
    # Only now: what is timed takes memory itself.
    seconds += sum(_step_seconds(cfg, train, device) for cfg, _ in resolved) * Plan.of(train).n_steps
    return Estimate(weights + step + rows, seconds, there)


def _way_out(weights: int, step: int, rows: int, allowed: int, train: TrainConfig) -> str:
    """Name the one setting that makes it fit, with a value that does, if there is one."""
    batch_size = train.batch_size * (allowed - weights - rows) // step
    if batch_size > 0 and step >= rows:
        return f"use batch_size={batch_size}"
    buffer_tokens = train.buffer_tokens * (allowed - weights - step) // max(1, rows)
    if buffer_tokens > 0:
        return f"use buffer_tokens={buffer_tokens}"
    return "use a smaller d_sae, or fewer SAEs at once"


def _step_seconds(cfg: SAEConfig, train: TrainConfig, device: torch.device) -> float:
    """Time the product that a step is made around, on a part of a batch."""
    n_rows = min(train.batch_size, 256)
    rows = torch.zeros(n_rows, cfg.d_in, device=device)
    encoder = torch.zeros(cfg.d_in, cfg.d_sae, device=device)
    rows @ encoder
    started = time.perf_counter()
    float((rows @ encoder)[0, 0])
    return (time.perf_counter() - started) * _PRODUCTS_OF_TIME * train.batch_size / n_rows

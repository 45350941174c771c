"""What was asked of a run: settings resolved, checked against each other and against an earlier part of the run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from interp_nb._errors import ConfigError
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.batches import ActivationSource
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.overrides import configure
from interp_nb.sae.parallel import Group
from interp_nb.sae.train_config import TrainConfig

Config = SAEConfig | TrainConfig | tuple[SAEConfig, TrainConfig] | Mapping[str, Any]
Resolved = list[tuple[SAEConfig, TrainConfig]]

SHARED: Final = (
    "n_tokens", "batch_size", "normalize", "buffer_tokens", "dtype", "record_every", "eval_every", "n_eval_tokens",
    "ablation", "checkpoint_every", "keep_checkpoints",
)  # fmt: skip
"""Settings that all SAEs of one run share, because they share its stream and its clock."""
_MAY_DIFFER: Final = ("checkpoint_every", "keep_checkpoints")
"""Settings that a resumed run may have otherwise: they do not touch what is computed."""


class Question(NamedTuple):
    """Where activations come from, as the caller said it: plain values, kept for a resume."""

    site: str | list[str]
    layer: int | list[int] | None
    target: str | list[str] | None
    target_layer: int | list[int] | None
    epochs: int | None
    reading: dict[str, Any]


class Stream(NamedTuple):
    """What is needed of the settings before the width of the data, and with it whole configurations, are known."""

    shuffle_rows: int
    seed: int
    n_eval_tokens: int | None
    """Rows to hold out; None = nobody said."""
    n_tokens: int | None
    """Rows to train on; None = nobody said."""

    @classmethod
    def of(cls, configs: Sequence[Any], overrides: Mapping[str, Any]) -> "Stream":
        """Read them from what the caller gave, of the first SAE."""
        first = configs[0]
        train = first if isinstance(first, TrainConfig) else first[1] if is_pair(first) else None
        plain = train or TrainConfig()
        given = {**(first if isinstance(first, Mapping) else {}), **overrides}
        return cls(
            given.get("buffer_tokens", plain.buffer_tokens),
            given.get("seed", plain.seed),
            given.get("n_eval_tokens", None if train is None else train.n_eval_tokens),
            given.get("n_tokens", None if train is None else train.n_tokens),
        )


def split_reading(
    configs: Sequence[Any], overrides: dict[str, Any], names: frozenset[str]
) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    """Separate settings of how text is read, which all SAEs of a run share, from their own.

    Returns:
        Configurations and overrides without them, and the settings.

    Raises:
        ConfigError: SAEs of one run are to read text differently, or there is no configuration.
    """
    if not configs:
        raise ConfigError("config is an empty list: give one configuration per SAE")
    dicts = [dict(each) for each in configs if isinstance(each, Mapping)]
    found = [{name: each[name] for name in each.keys() & names} for each in dicts]
    if any(each != found[0] for each in found):
        raise ConfigError("SAEs that train on one stream read the same text: give ctx_len, packing, ... once, by name")
    reading = (found[0] if found else {}) | {name: overrides[name] for name in overrides.keys() & names}
    left = [
        {name: value for name, value in each.items() if name not in names} if isinstance(each, Mapping) else each
        for each in configs
    ]
    return left, {name: value for name, value in overrides.items() if name not in names}, reading


def resolve(
    configs: Sequence[Any],
    overrides: dict[str, Any],
    source: ActivationSource,
    model: HookedModel | None,
    group: Group | None,
    defaults: dict[str, Any],
) -> Resolved:
    """Make complete configurations, one pair per SAE.

    Args:
        defaults: Settings that nobody gave and the data decide.
    """
    has_targets = source.target_sites != source.sites or source.d_out != source.d_in
    several = len(source.sites) > 1
    kind = ("clt" if several else "transcoder") if has_targets else ("crosscoder" if several else "sae")
    both = source.sites + source.target_sites if has_targets else source.sites
    about = {
        "d_out": source.d_out,
        "sites": both,
        "model": None if model is None else model_info(model).name,
        "kind": kind,
        "n_sites": len(source.sites) if several else 1,
    }
    resolved = [configure(source.d_in, each, defaults | overrides, sae_defaults=about) for each in configs]
    first = resolved[0][1]
    for _, train in resolved:
        differing = [name for name in SHARED if getattr(train, name) != getattr(first, name)]
        if differing:
            raise ConfigError(f"SAEs that train on one stream share {', '.join(differing)}: give one value for all")
    if group is not None:
        _check_divides(first, group)
    return resolved


def labels(resolved: Resolved) -> list[str]:
    """Name SAEs by what they are, and by what tells them apart."""
    found = []
    for cfg, train in resolved:
        parts = [cfg.architecture, *([] if cfg.kind == "sae" else [cfg.kind]), str(cfg.d_sae)]
        parts += [f"k={cfg.k}"] if cfg.k is not None else []
        coefficient = train.sparsity.coefficient
        parts += [f"coefficient={coefficient:g}"] if coefficient is not None else []
        parts += [f"target_l0={train.sparsity.target_l0:g}"] if train.sparsity.target_l0 is not None else []
        found.append(" ".join(parts))
    for name in ("lr", "seed"):
        if len(set(found)) < len(found) and len({getattr(train, name) for _, train in resolved}) > 1:
            values = [
                f"{train.resolved_lr(cfg.d_sae):.3g}" if name == "lr" else str(train.seed) for cfg, train in resolved
            ]
            found = [f"{label} {name}={value}" for label, value in zip(found, values, strict=True)]
    if len(set(found)) < len(found):
        found = [f"{number}: {label}" for number, label in enumerate(found)]
    return found


def facts(resolved: Resolved, question: Question, source: ActivationSource) -> dict[str, Any]:
    """Say what makes a run the same run: plain values, as JSON gives them back."""
    return {
        "configs": [{"sae": cfg.to_json(), "train": train.to_json()} for cfg, train in resolved],
        "question": question._asdict(),
        "sites": [list(source.sites), list(source.target_sites)],
    }


def check_same_run(saved: dict[str, Any], wanted: dict[str, Any], folder: Path | None) -> None:
    """Refuse to resume a run with other settings; both are what `facts` gives.

    Raises:
        ConfigError: naming what differs.
    """
    if len(saved["configs"]) != len(wanted["configs"]):
        raise ConfigError(f"{folder} holds a run of {len(saved['configs'])} SAEs, got {len(wanted['configs'])}")
    differing = [name for name in ("question", "sites") if saved[name] != wanted[name]]
    for before, now in zip(saved["configs"], wanted["configs"], strict=True):
        for record in ("sae", "train"):
            names = before[record].keys() | now[record].keys()
            differing += [name for name in names if before[record].get(name) != now[record].get(name)]
    differing = sorted(set(differing) - set(_MAY_DIFFER))
    if differing:
        raise ConfigError(
            f"the run in {folder} was started with another {', '.join(differing)}: give the same settings, or use "
            "TrainingRun.resume_from(checkpoint_dir, model, data), which reads them from it"
        )


def is_pair(config: Any) -> bool:
    """Whether a configuration is one for the SAE and one for its training, rather than a list of several."""
    return isinstance(config, tuple) and len(config) == 2 and isinstance(config[1], TrainConfig)


def _check_divides(config: TrainConfig, group: Any) -> None:
    for name in ("batch_size", "n_tokens"):
        value = getattr(config, name)
        if value % group.size:
            raise ConfigError(
                f"{name} must be a multiple of the {group.size} processes, got {value}: "
                f"{value - value % group.size or group.size} would do"
            )

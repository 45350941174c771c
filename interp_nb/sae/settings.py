"""What may be changed while an SAE trains, within which limits."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from interp_nb._errors import ConfigError, nearest
from interp_nb.sae.config import TAKES_K, SAEConfig
from interp_nb.sae.losses import Objective


class Setting(NamedTuple):
    """One thing that may be changed while an SAE trains."""

    value: float | int
    """What holds now, at full size; schedules take a share of it."""
    integer: bool
    """Whether it is a whole number."""
    low: float | int
    """Smallest value it may have."""
    high: float | int | None
    """Largest one; None = no limit."""
    unit: str
    """What it is measured in."""


def settings_of(cfg: SAEConfig, objective: Objective, peak_lr: float) -> dict[str, Setting]:
    """List what may be changed of an SAE in training, by the names that `TrainingRun.set` takes."""
    found = {"lr": Setting(peak_lr, False, 0.0, None, "")}
    if cfg.architecture in TAKES_K:
        assert cfg.k is not None
        found["k"] = Setting(cfg.k, True, 1, cfg.d_sae, "latents per token")
    if objective.sparsity_kind != "none":
        found[coefficient_name(objective)] = Setting(objective.sparsity, False, 0.0, None, "")
    if objective.sparsity_kind == "target_l0":
        found["target_l0"] = Setting(objective.target_l0, False, 0.0, cfg.d_sae, "latents per token")
    found["auxk_coefficient"] = Setting(objective.auxk, False, 0.0, None, "")
    return found


def coefficient_name(objective: Objective) -> str:
    """Name the weight of the sparsity loss as users know it."""
    return "l1_coefficient" if objective.sparsity_kind == "l1" else "sparsity_coefficient"


def checked_setting(known: dict[str, Setting], architecture: str, name: str, value: Any) -> float | int:
    """Return a new value for a setting, or refuse it.

    Raises:
        ConfigError: there is no such setting here, or it cannot have this value.
    """
    if name not in known:
        raise ConfigError(f"{architecture} has no setting {name!r} to change; {nearest(name, known)}")
    setting = known[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ConfigError(f"{name} must be a number, got {value!r}")
    if setting.integer and value != int(value):
        raise ConfigError(f"{name} must be a whole number, got {value}")
    too_high = setting.high is not None and value > setting.high
    if value < setting.low or too_high or (name == "target_l0" and value == 0):
        limit = f"{setting.low:g} to {setting.high:g}" if setting.high is not None else f"{setting.low:g} or more"
        raise ConfigError(f"{name} must be {limit} here, got {value}")
    return int(value) if setting.integer else float(value)


def checked_settings(
    known: Sequence[dict[str, Setting]], architectures: Sequence[str], numbers: Sequence[int], wanted: Mapping[str, Any]
) -> list[tuple[int, str, float | int]]:
    """List what is to be changed of which SAE: new values of settings, of those SAEs that have them.

    Args:
        known: Per SAE, what may be changed.
        numbers: The SAEs that are meant.

    Raises:
        ConfigError: none of them has such a setting, or it cannot have this value.
    """
    found = []
    for name, value in wanted.items():
        having = [number for number in numbers if name in known[number]]
        for number in having or numbers:
            found.append((number, name, checked_setting(known[number], architectures[number], name, value)))
    return found

"""Settings by name, as users give them: `train_sae(..., k=8, l1_coefficient=5)` put into the configuration records.

Names that other libraries have and this one refuses (ghost gradients, p-annealing) are answered with the reason and the
alternative.
"""

import dataclasses
from typing import Any, Final

from interp_nb._errors import ConfigError, ShapeError, nearest
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.imported import refuse_names, refuse_training
from interp_nb.sae.losses import make_objective
from interp_nb.sae.records import Record, field_names
from interp_nb.sae.train_config import AuxKConfig, SparsityConfig, TrainConfig

_SPARSITY: Final = {
    "sparsity_coefficient": "coefficient",
    "l1_coefficient": "coefficient",
    "l0_coefficient": "coefficient",
    "sparsity_kind": "kind",
    "sparsity_warmup": "warmup",
    **{name: name for name in ("target_l0", "tanh_scale", "k_start", "k_anneal")},
}
_AUXK: Final = {
    "auxk_coefficient": "coefficient",
    **{name: name for name in ("k_aux", "dead_after_tokens")},
}

_GHOST: Final = (
    "ghost gradients are not offered: they double the work of a step, and those who proposed them later measured no "
    "gain (Anthropic, Circuits Updates, February and March 2024). Use auxk=AuxKConfig(...), which is on by default, or "
    "resample_every=1_000_000"
)
_P_ANNEAL: Final = (
    "p-annealing is not offered: an L_p norm with p < 1 has an unbounded gradient at 0, and its gain over L1 is had "
    "without a schedule by architecture='topk', 'batch_topk' or 'jumprelu', which have no shrinkage to anneal away"
)
REFUSED: Final[dict[str, str]] = {
    **dict.fromkeys(("ghost_grads", "use_ghost_grads", "ghost_gradients", "ghost_grad", "ghost_mask"), _GHOST),
    **dict.fromkeys(
        ("p_anneal", "p_annealing", "p_start", "p_end", "anneal_start", "anneal_end", "sparsity_function", "lp_norm"),
        _P_ANNEAL,
    ),
}
"""Names under which other libraries offer what is refused here, with the reason and the alternative."""


def configure(
    d_in: int,
    config: SAEConfig | TrainConfig | tuple[SAEConfig, TrainConfig] | dict[str, Any] | None = None,
    overrides: dict[str, Any] | None = None,
    *,
    sae_defaults: dict[str, Any] | None = None,
) -> tuple[SAEConfig, TrainConfig]:
    """Resolve what users gave into the two complete records, checked together.

    Args:
        d_in: Width of the activations there are.
        config: One record, both, or a dict of names as in `overrides`.
        overrides: Fields of either record by name, or of their nested ones (`l1_coefficient`, `target_l0`, `k_aux`).
        sae_defaults: What the data says about an SAE (`d_out`, `sites`, `model`, `kind`); what users gave wins.

    Raises:
        ConfigError: a name is unknown or refused, or the settings do not go together.
        ShapeError: the SAE's width is not that of the activations.
    """
    given = dict(overrides or {})
    sae_cfg, train_cfg = None, TrainConfig()
    if isinstance(config, dict):
        given = config | given
    elif isinstance(config, SAEConfig):
        sae_cfg = config
    elif isinstance(config, TrainConfig):
        train_cfg = config
    elif config is not None:
        sae_cfg, train_cfg = config
    for_sae, for_train = _sorted_by_record(given)
    refuse_names(for_sae.get("architecture"), for_sae.get("kind"))  # before it is asked for settings of its own
    sae_cfg = _sae_config(d_in, sae_cfg, for_sae, sae_defaults or {})
    if sae_cfg.d_in != d_in:
        where = sae_cfg.sites[0] if sae_cfg.sites else "another site"
        raise ShapeError(
            f"the SAE's d_in={sae_cfg.d_in} must be the activations' width, which is {d_in}; is the configuration one "
            f"for {where}?"
        )
    train_cfg = _train_config(train_cfg, for_train)
    refuse_training(sae_cfg)
    make_objective(sae_cfg, train_cfg)
    k_start = train_cfg.sparsity.k_start
    if k_start is not None and (sae_cfg.k is None or not sae_cfg.k <= k_start <= sae_cfg.d_sae):
        raise ConfigError(f"k_start must be from k={sae_cfg.k} to d_sae={sae_cfg.d_sae}, got {k_start}")
    return sae_cfg, train_cfg


def _sorted_by_record(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sort names by the record they belong to; refuse those that belong to none."""
    sae_names, train_names = field_names(SAEConfig), field_names(TrainConfig)
    known = [*sae_names, *train_names, *_SPARSITY, *_AUXK]
    for name in given:
        if name in REFUSED:
            raise ConfigError(f"{name}: {REFUSED[name]}")
        if name not in known:
            raise ConfigError(f"there is no setting {name!r}; {nearest(name, known)}")
    for_sae = {name: value for name, value in given.items() if name in sae_names}
    return for_sae, {name: value for name, value in given.items() if name not in sae_names}


def _sae_config(d_in: int, config: SAEConfig | None, given: dict[str, Any], defaults: dict[str, Any]) -> SAEConfig:
    if config is None:
        return SAEConfig(**{"d_in": d_in, "d_sae": 8 * d_in} | defaults | given)
    unknown = {name: value for name, value in defaults.items() if not getattr(config, name)}
    if not unknown and not given:
        return config
    if given.keys() & {"architecture", "kind", "d_sae", "d_in", "n_sites"}:
        # What followed from the old value follows from the new one, unless it was set otherwise.
        plain = SAEConfig(config.d_in, config.d_sae, config.architecture, kind=config.kind, n_sites=config.n_sites)
        derived = [item.name for item in dataclasses.fields(config) if item.default is None and item.name != "model"]
        given = {name: None for name in derived if getattr(config, name) == getattr(plain, name)} | given
    return dataclasses.replace(config, **unknown | given)


def _train_config(config: TrainConfig, given: dict[str, Any]) -> TrainConfig:
    plain = {name: value for name, value in given.items() if name not in _SPARSITY and name not in _AUXK}
    for name, record in (("sparsity", SparsityConfig), ("auxk", AuxKConfig)):
        if isinstance(plain.get(name), dict):
            plain[name] = record.from_json(plain[name])
    config = dataclasses.replace(config, **plain)
    return dataclasses.replace(
        config, sparsity=_nested(config.sparsity, given, _SPARSITY), auxk=_nested(config.auxk, given, _AUXK)
    )


def _nested(record: Any, given: dict[str, Any], names: dict[str, str]) -> Any:
    assert isinstance(record, Record)
    changed: dict[str, Any] = {}
    for name, value in given.items():
        if name not in names:
            continue
        if names[name] in changed:
            twins = [known for known in names if names[known] == names[name] and known in given]
            raise ConfigError(f"{' and '.join(twins)} are the same setting: give one of them")
        changed[names[name]] = value
    return dataclasses.replace(record, **changed) if changed else record

"""What only SAEs from other libraries' files have: architectures and conventions that are used, and not trained here.

`SAEConfig` keeps them as fields; here is which values make sense together, and why training refuses them.
"""

import json
from typing import Any, Final

from interp_nb._errors import ConfigError
from interp_nb.sae.records import check_count

NAMES: Final[dict[str, str]] = {
    "abs_topk": "topk",
    "group_max": "topk",
    "matching_pursuit": "topk",
    "signed_jumprelu": "jumprelu",
    "signed_topk": "topk",
    "temporal": "batch_topk",
}
"""Architectures that are read and used, each with the one to train instead."""
KINDS: Final[dict[str, str]] = {"skip_clt": "clt"}
"""Wirings that are read and used, each with the one to train instead."""
SETTINGS: Final[dict[str, tuple[str, ...]]] = {
    "matching_pursuit": ("max_iterations", "residual_threshold", "stop_on_duplicate_support"),
    "temporal": ("bottleneck_factor", "diff_type", "k", "n_attn_layers", "n_heads", "tied"),
}
"""Further settings of an architecture; all are needed, None included."""
_MOST_LAYERS: Final = 64
INPUT_NORMS: Final = ("none", "layer_norm", "constant_norm")
LATER: Final = ("exact_threshold", "input_norm", "n_heads", "settings")
"""Fields of `SAEConfig` that the first version of the file format did not have."""


def settings_of_pairs(given: Any) -> tuple[tuple[str, Any], ...]:
    """Put settings, a dict or pairs, into the order of their names.

    Raises:
        ConfigError: they are no such thing, or not plain JSON.
    """
    try:
        pairs = sorted(dict(given).items())
        json.dumps(dict(pairs), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"settings must be names with plain JSON values, got {given!r} ({error})") from error
    return tuple(pairs)


def check_imported(cfg: Any) -> None:
    """Refuse what does not go together in an imported SAE's configuration.

    Raises:
        ConfigError: naming the two settings.
    """
    if cfg.exact_threshold and cfg.architecture != "jumprelu":
        raise ConfigError(f"exact_threshold needs architecture='jumprelu', got {cfg.architecture!r}")
    if cfg.architecture == "group_max" and cfg.d_sae % cfg.k:
        raise ConfigError(f"group_max needs d_sae={cfg.d_sae} to be a multiple of k={cfg.k}: its groups are equal")
    _check_settings(cfg)
    if cfg.architecture in ("matching_pursuit", "temporal") and cfg.kind != "sae":
        raise ConfigError(f"{cfg.architecture} writes what it reads: kind must be 'sae', got {cfg.kind!r}")
    if cfg.input_norm != "none" and cfg.kind not in ("sae", "transcoder", "skip_transcoder"):
        raise ConfigError(f"input_norm={cfg.input_norm!r} needs one site to read, got kind={cfg.kind!r}")
    if cfg.n_heads is not None:
        if cfg.n_heads != 0:
            check_count("n_heads", cfg.n_heads)
        if (cfg.n_heads and cfg.d_in % cfg.n_heads) or cfg.kind != "sae":
            raise ConfigError(
                f"n_heads={cfg.n_heads} needs kind='sae' and a multiple of it as d_in, got {cfg.kind!r} and {cfg.d_in}"
            )


def _check_settings(cfg: Any) -> None:
    given, needed = dict(cfg.settings), SETTINGS.get(cfg.architecture, ())
    if given.keys() != set(needed):
        has = f"needs the settings {', '.join(needed)}" if needed else "has no further settings"
        raise ConfigError(f"{cfg.architecture} {has}, got {', '.join(given) or 'none'}")
    if cfg.architecture != "temporal":
        return
    heads, layers, k = given["n_heads"] * given["bottleneck_factor"], given["n_attn_layers"], given["k"]
    if heads < 1 or cfg.d_sae % heads or not 0 <= layers <= _MOST_LAYERS or not 0 <= (k or 0) <= cfg.d_sae:
        raise ConfigError(
            f"a temporal SAE needs n_heads * bottleneck_factor that divide d_sae={cfg.d_sae}, up to {_MOST_LAYERS} "
            f"attention layers and a k up to d_sae, got {heads}, {layers} and {k}"
        )


def refuse_names(architecture: Any, kind: Any) -> None:
    """Refuse to train by a name what is only read from files.

    Raises:
        ConfigError: with the alternative.
    """
    for field, name, instead in (("architecture", architecture, NAMES), ("kind", kind, KINDS)):
        if name in instead:
            raise ConfigError(
                f"{field}={name!r} is only read from other libraries' files, there is no training of it here; train "
                f"{instead[name]!r} instead"
            )


def refuse_training(cfg: Any) -> None:
    """Refuse to train what is only read from files.

    Raises:
        ConfigError: with the alternative.
    """
    refuse_names(cfg.architecture, cfg.kind)
    for name, plain, instead in (
        ("exact_threshold", False, "thresholds are learned as logarithms: leave it out"),
        ("input_norm", "none", "activations are scaled by one number: leave it out, and normalize=True does that"),
        ("n_heads", None, "heads are read one after another in a row: leave it out"),
    ):
        if getattr(cfg, name) != plain:
            raise ConfigError(f"{name}={getattr(cfg, name)!r} belongs to imported SAEs and is not trained; {instead}")
    if cfg.decoder_norm == "any":
        raise ConfigError("decoder_norm='any' belongs to imported SAEs and is not trained; choose 'unit' or 'free'")

"""What is made of what an SAELens folder says: our configuration, what becomes of each tensor, every convention.

Everything affine is folded into the weights when they are read (`sae_lens_weights`); a training checkpoint, which is
not folded, is read as what SAELens itself exports from it at the end of a run.
"""

from typing import Any, Final

from interp_nb._errors import SaveFormatError
from interp_nb.sae.architectures.temporal import PROJECTIONS
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.formats.plan import STORED, Convention, Piece, Plan
from interp_nb.sae.formats.processing import fold_of, in_words, said_of
from interp_nb.sae.formats.sae_lens_said import (
    ARCHITECTURES,
    BATCH,
    DTYPES,
    FINETUNED,
    HOOK,
    NORMS,
    RUN,
    SPARSITY,
    TOPK,
    TRANSCODERS,
    UNKNOWN_FACTOR,
    WEIGHTS,
    WHITENING,
    Said,
)

ACTIVATIONS: Final[dict[str, str]] = {
    "relu": "relu(pre)",
    "topk": "relu(pre), the k largest of each row",
    "abs_topk": "pre, the k of each row that are largest in size, with their signs",
    "batch_topk": "relu(pre) where pre > topk_threshold",
    "matryoshka": "relu(pre) where pre > topk_threshold",
    "jumprelu": "relu(pre) where pre > threshold",
    "gated": "relu(exp(r_mag) * linear + b_mag) where linear + b_gate > 0",
    "matching_pursuit": "one latent after another taken off the row, until what is left is small",
    "temporal": "what attention over the rows before does not predict; whole documents [doc pos d_in] alone",
}
UNKNOWN_SCALE: Final = (
    "normalize_activations is 'expected_average_only_in' and no file says the factor: it was trained on activations "
    "multiplied to a mean norm of sqrt(d_in), and reads them unscaled here, as in SAELens; if they are not of that "
    "size, call sae.set_scales(d_in**0.5 / acts.norm(dim=-1).mean())"
)


def make_plan(said: Said, version: str, everything: dict[str, Any]) -> Plan:
    """Make a plan of what an SAELens folder says.

    Args:
        everything: What its small files say, by name.

    Raises:
        SaveFormatError: it says something that SAELens has not, or that does not go together.
        ConfigError: our configuration refuses it.
    """
    d_in, d_sae = said.fields.count("d_in"), said.fields.count("d_sae")
    said.fields.one_of("dtype", DTYPES, "float32")
    _refuse_contradictions(said)
    cfg = _config(said, d_in, d_sae)
    files = (WEIGHTS, WHITENING) if said.whitened else (WEIGHTS,)
    site = said.metadata.text("hook_name", "")
    treated = said_of(said.metadata.values, everything.get(RUN))
    conventions = _conventions(said, cfg)
    conventions += [Convention("model's weights", in_words(treated), STORED)] if treated else []
    return Plan(
        cfg, tuple(_pieces(said, cfg)), files, said.architecture, version, tuple(conventions), everything,
        tuple(everything), "" if cfg.sites else site, fold_of(treated), tuple(_problems(said)),
    )  # fmt: skip


def _config(said: Said, d_in: int, d_sae: int) -> SAEConfig:
    name, fields = said.architecture, said.fields
    ours = ARCHITECTURES[name]
    k = _k(said) if name in TOPK else None
    if name in BATCH and not float(k or 0).is_integer():
        # Our "batch_topk" keeps a whole number on average; in use only the threshold counts.
        ours, k = "jumprelu", None
    kind = "skip_transcoder" if "skip" in name else "transcoder" if name in TRANSCODERS else "sae"
    heads = fields.one_of("reshape_activations", ("none", "hook_z"), "none") == "hook_z"
    hooks = [said.metadata.text("hook_name", "")]
    hooks += [said.metadata.text("hook_name_out", "")] if kind != "sae" else []
    widths = fields.values.get("matryoshka_widths") if ours == "matryoshka" else None
    if widths is not None and not (isinstance(widths, list) and all(type(each) is int for each in widths)):
        raise SaveFormatError(f"{fields.file}: matryoshka_widths must be whole numbers, found {str(widths)[:60]}")
    if widths and widths[-1] < d_sae:
        widths = [*widths, d_sae]  # as SAELens does
    return SAEConfig(
        d_in, d_sae, ours, k=None if k is None else int(k),
        d_out=fields.count("d_out") if kind != "sae" else None, kind=kind,
        matryoshka_widths=tuple(widths) if widths else None,
        decoder_norm=_decoder_norm(said, ours), subtract_b_dec=_subtracts(said, name),
        sites=tuple(hooks) if all(HOOK.fullmatch(hook) for hook in hooks) else (),
        model=said.metadata.text("model_name", None),
        exact_threshold=ours == "jumprelu", input_norm=NORMS[said.norm],
        n_heads=0 if heads and kind == "sae" else None, settings=_settings(said),
    )  # fmt: skip


def _k(said: Said) -> float:
    """Give k; a float in SAELens's batch architectures."""
    number: float = said.fields.number("k", 100.0)
    if said.architecture not in BATCH:
        return float(said.fields.count("k", 100))
    return number


def _decoder_norm(said: Said, ours: str) -> str:
    if ours in ("topk", "abs_topk", "batch_topk", "matryoshka"):
        # Folded last, norms are 1; a whitening folded after them changes them again.
        return "unit" if said.rescales and not said.whitened else "any"
    return "any" if ours in ("matching_pursuit", "temporal") else "free"


def _subtracts(said: Said, name: str) -> bool:
    return said.subtracts and name not in TRANSCODERS


def _settings(said: Said) -> tuple[tuple[str, Any], ...]:
    fields = said.fields
    if said.architecture == "matching_pursuit":
        return tuple({
            # In units of the residual, which is that of the unscaled activations.
            "residual_threshold": fields.number("residual_threshold", 1e-2) / (said.scale or 1.0),
            "max_iterations": fields.count("max_iterations", None),
            "stop_on_duplicate_support": fields.flag("stop_on_duplicate_support", True),
        }.items())  # fmt: skip
    if said.architecture != "temporal":
        return ()
    return tuple({
        "n_heads": fields.count("n_heads", 8), "n_attn_layers": fields.count("n_attn_layers", 1, least=0),
        "bottleneck_factor": fields.count("bottleneck_factor", 64),
        "diff_type": fields.one_of("sae_diff_type", ("relu", "topk"), "topk"),
        "k": fields.count("kval_topk", None), "tied": fields.flag("tied_weights", True),
    }.items())  # fmt: skip


def _pieces(said: Said, cfg: SAEConfig) -> list[Piece]:
    name, d_in, d_sae, d_out = said.architecture, cfg.d_in, cfg.d_sae, cfg.output_width
    tied = name == "matching_pursuit" or (name == "temporal" and cfg.setting("tied"))
    pieces = [] if tied else [Piece("W_enc", (d_in, d_sae), "encoder", transposed=True)]
    pieces += [Piece("W_dec", (d_sae, d_out), "encoder and W_dec" if tied else "W_dec")]
    pieces += [Piece("b_dec", (d_out,), "b_dec")]
    if name == "gated":
        becomes = {"b_gate": "b_enc", "b_mag": "b_mag", "r_mag": "r_mag"}
        pieces += [Piece(each, (d_sae,), becomes[each]) for each in becomes]
    elif name not in ("matching_pursuit", "temporal"):
        pieces += [Piece("b_enc", (d_sae,), "b_enc")]
    if name in BATCH:
        own = "exact_threshold" if cfg.architecture == "jumprelu" else "running_threshold"
        pieces += [Piece("topk_threshold", (), own)]
    elif cfg.architecture == "jumprelu":
        # Checkpoints of older versions hold logarithms.
        older = "log_threshold" in said.names
        pieces += [Piece("log_threshold" if older else "threshold", (d_sae,), "exact_threshold")]
    if cfg.kind == "skip_transcoder":
        pieces += [Piece("W_skip", (d_out, d_in), "W_skip")]
    for layer in range(cfg.setting("n_attn_layers") or 0):
        for projection in PROJECTIONS:
            narrow = d_sae // cfg.setting("bottleneck_factor") if projection in ("k_ctx", "q_target") else d_sae
            for part, shape in (("weight", (narrow, d_sae)), ("bias", (narrow,))):
                own = f"attn_{layer}_{projection}_{part}"
                pieces += [Piece(f"attn_layers.{layer}.{projection}.{part}", shape, own)]
    for scale in FINETUNED if said.finetuned is not None else ():
        pieces += [Piece(scale, (d_sae,), "folded into W_dec")] if scale in said.names else []
    if said.whitened:
        folded = "folded into encoder, W_dec and b_dec"
        pieces += [Piece("mean", (d_in,), folded, file=WHITENING)]
        pieces += [Piece(each, (d_in, d_in), folded, file=WHITENING) for each in ("matrix", "inverse_matrix")]
    return pieces


def _conventions(said: Said, cfg: SAEConfig) -> list[Convention]:
    fields, stored = said.fields, STORED

    def of(name: str, value: str, field: str) -> Convention:
        return Convention(name, value, fields.known(field))

    made = [
        Convention("form", "training checkpoint" if said.is_training else "for use", stored),
        of("activation", ACTIVATIONS[cfg.architecture], "architecture"),
        of("encoder input", "acts - b_dec" if cfg.subtract_b_dec else "acts", "apply_b_dec_to_input"),
        of("precision", fields.text("dtype", "float32").removeprefix("torch."), "dtype"),
        of("normalize_activations", _norm_in_words(said), "normalize_activations"),
    ]
    if said.architecture in TOPK:
        weighed = "ranked and counted times decoder norm; folded into the weights" if said.rescales else "ranked as is"
        made += [of("k", f"{_k(said):g}", "k"), of("decoder norms", weighed, "rescale_acts_by_decoder_norm")]
    if cfg.n_heads is not None:
        made += [of("heads", "[... head d_head] are laid side by side", "reshape_activations")]
    if said.finetuned:
        made += [Convention("scaling_factor", "latents times it are decoded; folded into W_dec", stored)]
    if SPARSITY in said.there:
        made += [Convention(SPARSITY, "log10 of how often each latent fired; not read", stored)]
    return made


def _norm_in_words(said: Said) -> str:
    if said.norm == "expected_average_only_in":
        return UNKNOWN_FACTOR if said.scale is None else f"activations times {said.scale:.6g}; folded"
    words = {
        "none": "none",
        "covariance_whitening": "whitened; folded" if said.whitened else "whitened, by a matrix that no file has",
        "layer_norm": "each row to mean 0 and standard deviation 1, undone on exit",
        "constant_norm_rescale": "each row to norm sqrt(d_in), undone on exit",
        "constant_scalar_rescale": f"activations times {said.scale:.6g}" if said.scale else "none",
    }[said.norm]
    return words.replace(", undone on exit", "") if said.architecture in TRANSCODERS else words


def _problems(said: Said) -> list[str]:
    found = []
    if said.norm == "expected_average_only_in" and said.scale is None:
        found.append(UNKNOWN_SCALE)
    head = said.metadata.values.get("hook_head_index")
    if head is not None:
        found.append(f"it reads head {str(head)[:20]} of {said.metadata.text('hook_name', 'its site')} alone")
    return found


def _refuse_contradictions(said: Said) -> None:
    name, file = said.architecture, said.fields.file
    if name in TRANSCODERS and said.fields.flag("apply_b_dec_to_input", False):
        raise SaveFormatError(f"{file}: apply_b_dec_to_input must be false of a {name}, whose b_dec is elsewhere")
    if said.norm == "covariance_whitening" and said.is_training and not said.whitened:
        raise SaveFormatError(f"{file} must have {WHITENING} beside it: it was trained on whitened activations")
    if said.norm == "covariance_whitening" and not said.is_training:
        raise SaveFormatError(f"{file}: normalize_activations must not be 'covariance_whitening' of an SAE for use")
    if said.whitened and name in ("matching_pursuit", "temporal", *TRANSCODERS):
        raise SaveFormatError(f"{file}: a whitening cannot be folded into a {name}, found {WHITENING}")
    if said.norm == "constant_scalar_rescale" and name != "temporal":
        raise SaveFormatError(f"{file}: 'constant_scalar_rescale' is a normalization of 'temporal', found {name!r}")
    if said.scaler.values and name in ("temporal", *TRANSCODERS) and said.scale is not None:
        raise SaveFormatError(f"{said.scaler.file}: scaling_factor is for training, and SAELens trains no {name}")

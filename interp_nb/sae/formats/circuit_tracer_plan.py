"""What circuit-tracer's folders hold, read from config.yaml and the shapes of the tensors."""

import re
from pathlib import Path
from typing import Final

from torch import Tensor

from interp_nb._errors import ModelNotFoundError, SaveFormatError
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.formats.plan import DEFAULT, STORED, Convention, Piece, Plan
from interp_nb.sae.formats.small_files import Fields, inside, is_file, read_yaml
from interp_nb.sae.formats.tensor_files import Header, read_headers, read_tensor

CONFIG: Final = "config.yaml"
SET: Final = "transcoder_set"
CROSS: Final = "cross_layer_transcoder"
THRESHOLD: Final = "activation_function.threshold"
_LAYER_FILE: Final = re.compile(r"layer_(\d{1,3})\.safetensors")
_ENCODER_FILE: Final = re.compile(r"W_enc_(\d{1,3})\.safetensors")
_HOOK: Final = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")
_MOST_LAYERS: Final = 1000


def read_config(folder: Path) -> Fields:
    """Read config.yaml; empty where there is none."""
    file = folder / CONFIG
    return Fields(read_yaml(file) if is_file(file) else {}, file)


def layer_files(folder: Path) -> dict[int, str]:
    """List the layers of a set with what holds them: what config.yaml lists, or else files by their names."""
    try:
        listed = read_config(folder).values.get("transcoders")
    except SaveFormatError:
        listed = None  # the plan, which needs it, says what is wrong with it
    if isinstance(listed, list) and listed and len(listed) <= _MOST_LAYERS and all(isinstance(x, str) for x in listed):
        return dict(enumerate(listed))
    try:
        found = [(match, file.name) for file in folder.iterdir() if (match := _LAYER_FILE.fullmatch(file.name))]
    except OSError:
        return {}
    return dict(sorted((int(match[1]), name) for match, name in found if is_file(folder / name)))


def plan_transcoder(folder: Path, sae_id: str, fields: Fields) -> Plan:
    """Plan one layer of a set."""
    fields.one_of("model_kind", (SET,), SET)
    layer = int(sae_id.removeprefix("layer_")) if re.fullmatch(r"layer_\d{1,3}", sae_id) else -1
    file = layer_files(folder).get(layer)
    if file is None:
        raise ModelNotFoundError(f"{folder} holds no {sae_id!r}; known are {', '.join(map(repr, layer_files(folder)))}")
    if "://" in file:
        raise SaveFormatError(
            f"{fields.file} must name files in its folder, found {file!r}: load that by load_sae(release=..., "
            "sae_id=...) with its repository and folder"
        )
    place = inside(folder, file, f"{fields.file}: transcoders")
    if place.suffix != ".safetensors":
        raise SaveFormatError(f"{fields.file} must name .safetensors files, found {file!r}; give that file's folder")
    there = read_headers(place)
    d_sae, d_in = _shape(there, "W_enc", 2, place)
    activation = fields.one_of("activation", ("relu", "topk"), None)
    skip, thresholds = "W_skip" in there, THRESHOLD in there
    architecture = _architecture(activation, [read_tensor(place, THRESHOLD)] if thresholds else [], fields)
    sites, said, problems = _sites(fields, [layer])
    cfg = SAEConfig(
        d_in, d_sae, architecture, k=fields.count("k") if architecture == "signed_topk" else None,
        kind="skip_transcoder" if skip else "transcoder", decoder_norm="any", subtract_b_dec=False,
        exact_threshold=architecture == "jumprelu", sites=sites, model=fields.text("model_name", None),
    )  # fmt: skip
    pieces = [
        Piece("W_enc", (d_sae, d_in), "encoder"),
        Piece("b_enc", (d_sae,), "b_enc"),
        Piece("W_dec", (d_sae, d_in), "W_dec"),
        Piece("b_dec", (d_in,), "b_dec"),
        *([Piece(THRESHOLD, (d_sae,), "exact_threshold")] if thresholds else []),
        *([Piece("W_skip", (d_in, d_in), "W_skip")] if skip else []),
        *([Piece("k", (), "not used: config.yaml says k", needed=False)] if activation == "topk" else []),
    ]
    return Plan(
        cfg, tuple(pieces), (file,), activation or ("jump_relu" if thresholds else "relu"),
        conventions=_conventions(architecture, fields, skip=skip), metadata=fields.values,
        configs=(CONFIG,) if fields.values else (), site=said, problems=tuple(problems),
    )  # fmt: skip


def plan_cross_layer(folder: Path, fields: Fields) -> Plan:
    """Plan a cross-layer transcoder."""
    fields.one_of("model_kind", (CROSS,), CROSS)
    n_layers = len([file for file in folder.iterdir() if _ENCODER_FILE.fullmatch(file.name)])
    encoders = [f"W_enc_{layer}.safetensors" for layer in range(n_layers)]
    decoders = [f"W_dec_{layer}.safetensors" for layer in range(n_layers)]
    there = read_headers(folder / encoders[0])
    d_sae, d_in = _shape(there, "W_enc_0", 2, folder / encoders[0])
    d_out = _shape(read_headers(folder / decoders[0]), "W_dec_0", 3, folder / decoders[0])[2]
    thresholds = "threshold_0" in there
    given = [read_tensor(folder / encoders[layer], f"threshold_{layer}") for layer in range(n_layers * thresholds)]
    architecture = _architecture(None, given, fields)
    sites, said, problems = _sites(fields, list(range(n_layers)))
    cfg = SAEConfig(
        n_layers * d_in, n_layers * d_sae, architecture, d_out=n_layers * d_out, kind="clt", n_sites=n_layers,
        decoder_norm="any", subtract_b_dec=False, exact_threshold=architecture == "jumprelu", sites=sites,
        model=fields.text("model_name", None),
    )  # fmt: skip
    pieces = []
    for i, (encoder, decoder) in enumerate(zip(encoders, decoders, strict=True)):
        pieces += [
            Piece(f"W_enc_{i}", (d_sae, d_in), "encoder", file=encoder),
            Piece(f"b_enc_{i}", (d_sae,), "b_enc", file=encoder),
            Piece(f"b_dec_{i}", (d_out,), "b_dec", file=encoder),
            Piece(f"W_dec_{i}", (d_sae, n_layers - i, d_out), "W_dec", file=decoder),
        ]
        pieces += [Piece(f"threshold_{i}", (d_sae,), "exact_threshold", file=encoder)] if thresholds else []
    return Plan(
        cfg, tuple(pieces), (*encoders, *decoders), "jump_relu" if thresholds else "relu",
        conventions=(
            *_conventions(architecture, fields, skip=False),
            Convention("layers written", "a latent's own and later ones", STORED),
        ),
        metadata=fields.values, configs=(CONFIG,) if fields.values else (), site=said, problems=tuple(problems),
    )  # fmt: skip


def _shape(there: dict[str, Header], name: str, n_axes: int, file: Path) -> tuple[int, ...]:
    found = there[name].shape if name in there else ()
    if len(found) != n_axes:
        raise SaveFormatError(f"{file} must have {name} with {n_axes} axes, found {list(found) or 'none'}")
    return found


def _architecture(activation: str | None, thresholds: list[Tensor], fields: Fields) -> str:
    """Say what its activation function is here; without a relu only where that makes a difference."""
    if activation is not None and thresholds:
        raise SaveFormatError(f"{fields.file} must not say activation {activation!r} of what has thresholds")
    if activation == "topk":
        return "signed_topk"
    if not thresholds:
        return "relu"
    return "signed_jumprelu" if any(bool((each < 0).any()) for each in thresholds) else "jumprelu"


def _sites(fields: Fields, layers: list[int]) -> tuple[tuple[str, ...], str, list[str]]:
    """Give hook names, the ones that are read and then the ones that are written; or what the file says instead."""
    hooks = [fields.text(name, "") for name in ("feature_input_hook", "feature_output_hook")]
    if all(_HOOK.fullmatch(hook) for hook in hooks):
        return tuple(f"blocks.{layer}.{hook}" for hook in hooks for layer in layers), "", []
    said = " -> ".join(hook or "unknown" for hook in hooks) if any(hooks) else ""
    return (), said, [f"{CONFIG} does not say where it reads and writes"]


def _conventions(architecture: str, fields: Fields, *, skip: bool) -> tuple[Convention, ...]:
    activation = {
        "relu": "relu(pre)",
        "jumprelu": "pre where pre > threshold; no threshold is below 0",
        "signed_jumprelu": "pre where pre > threshold, without a relu: some thresholds are below 0",
        "signed_topk": "the k largest of each row, without a relu",
    }[architecture]
    said = [
        Convention("model", "in config.yaml", fields.known("model_name")),
        Convention("site", "in config.yaml, the same in every layer", fields.known("feature_input_hook")),
        Convention("b_dec on the input", "not subtracted", DEFAULT),
        Convention("activation", activation, STORED if architecture != "relu" else fields.known("activation")),
        Convention("decoder rows", "whatever norm", DEFAULT),
    ]
    return (*said, *([Convention("skip connection", "acts @ W_skip.T is added", STORED)] if skip else []))

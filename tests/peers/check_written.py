"""Load folders that we wrote with the peers' own code, and compare what they compute with what we computed.

Run by hand, in two steps from the root of the repository. Ours writes every fixture again in every family that can hold
it, with what it computes beside; then each peer's environment reads what is in its family's format:

    python tests/peers/check_written.py write FOLDER
    PEER_PYTHON tests/peers/check_written.py sparsify FOLDER

The second prints a line for each folder and ends with status 1 if any differs by more than float32 rounding.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file

OURS = "ours.safetensors"
"""What we compute, beside each folder that we wrote."""
CLOSE = 2e-5
"""Largest difference, as a share of the largest value: rounding of float32 in sums of a dozen terms."""


def say(words: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{words}\n")


class Computed(NamedTuple):
    """What a peer makes of activations."""

    latent_acts: torch.Tensor
    recons: torch.Tensor


def write(root: Path) -> None:
    """Write every fixture in every family that can hold it; refusals are listed."""
    import warnings

    from interp_nb._errors import InterpError
    from interp_nb.sae.formats.registry import FORMATS, ids_in
    from interp_nb.sae.saving import load_sae
    from tests.unit.sae.formats.fixtures import ROOT, cases, expected

    warnings.simplefilter("ignore")
    places = [(case, sae_id, i) for case in cases() for i, sae_id in enumerate(ids_in(ROOT / case))]
    for case, sae_id, i in places:
        try:
            sae = load_sae(ROOT / case, sae_id=sae_id)
        except InterpError as error:
            say(f"{case}: not read: {error}")
            continue
        acts = expected(case)["acts"]
        several = sum(each == case for each, *_ in places) > 1
        acts = acts[i] if several else acts
        case = f"{case}/{sae_id}" if several else case
        if not sae.architecture.reads_sequences:
            acts = acts.reshape(-1, sae.cfg.d_in)  # heads in one axis, and rows as every peer takes them
        for family in FORMATS[1:]:
            folder = root / family / case
            try:
                sae.save(folder, family)
            except InterpError as error:
                say(f"{family} of {case}: not written: {error}")
                continue
            with torch.no_grad():
                latents = sae.encode(acts)
                recons = sae.decode(latents, acts)
            values = {"acts": acts, "latent_acts": latents, "recons": recons}
            save_file({name: value.contiguous().clone() for name, value in values.items()}, folder / OURS)


def sparsify(folder: Path, acts: torch.Tensor) -> Computed:
    """Load with sparsify."""
    from sparsify import SparseCoder

    coder = SparseCoder.load_from_disk(folder)
    top_acts, top_indices, pre = coder.encode(acts)
    return Computed(torch.zeros_like(pre).scatter(-1, top_indices, top_acts), coder(acts).sae_out)


def dictionary_learning(folder: Path, acts: torch.Tensor) -> Computed:
    """Load with dictionary_learning, without its normalization of decoder rows, which rescales latents."""
    import json

    from dictionary_learning.dictionary import AutoEncoder
    from dictionary_learning.utils import load_dictionary

    if json.loads((folder / "config.json").read_text())["trainer"]["dict_class"] == "AutoEncoder":
        coder = AutoEncoder.from_pretrained(folder / "ae.pt", normalize_decoder=False)
    else:
        coder, _ = load_dictionary(str(folder), "cpu")
    return Computed(coder.encode(acts), coder.decode(coder.encode(acts)))


def sae_lens(folder: Path, acts: torch.Tensor) -> Computed:
    """Load with SAELens; what it takes for its older format, version 5 (first on the path) loads as well."""
    from sae_lens import SAE

    sae = SAE.load_from_disk(str(folder))
    sae.turn_off_forward_pass_hook_z_reshaping()  # the rows have their heads side by side
    return Computed(sae.encode(acts), sae(acts))


def sae_lens_training(folder: Path, acts: torch.Tensor) -> Computed:
    """Load with SAELens as it goes on training, and compute on activations scaled as it scales them.

    What keeps k of a whole batch is exported first: while training its rows depend on each other.
    """
    import tempfile

    from sae_lens import TrainingSAE
    from sae_lens.training.activation_scaler import ActivationScaler

    sae, scaler = TrainingSAE.load_from_disk(str(folder)), ActivationScaler()
    scaler.load(folder / "activation_scaler.json")
    if "batchtopk" in sae.cfg.architecture():
        if scaler.scaling_factor is not None:
            sae.fold_activation_norm_scaling_factor(scaler.scaling_factor)
        with tempfile.TemporaryDirectory() as there:
            sae.save_inference_model(there)
            return sae_lens(Path(there), acts)
    scaled = scaler.scale(acts)
    return Computed(sae.encode(scaled), scaler.unscale(sae(scaled)))


def gemma_scope(folder: Path, acts: torch.Tensor) -> Computed:
    """Load with SAELens, whose loader of the hub's files is given the local one."""
    import shutil
    import tempfile

    import numpy as np
    from sae_lens.loading import pretrained_sae_loaders as module

    from tests.peers.make_gemma_scope import load

    file = next(folder.rglob("params.npz"))
    parts = file.relative_to(folder).parts
    # Where there is no path, because model and site were not known, any will do: the arrays are what counts.
    repo, place = (
        (parts[0], parts[1:-1]) if len(parts) == 5 else ("gemma-scope-2b-pt-res", ("layer_0", "width_16k", "x"))
    )
    arrays = np.load(file)
    widths = {"d_in": len(arrays["W_enc"]), "d_sae": len(arrays["b_enc"]), "d_out": len(arrays["b_dec"])}
    one = "transcoders" in repo
    loader = module.gemma_2_transcoder_huggingface_loader if one else module.gemma_2_sae_huggingface_loader
    with tempfile.TemporaryDirectory() as there:
        copy = Path(there).joinpath(*place)
        copy.mkdir(parents=True)
        shutil.copy(file, copy)
        sae = load(loader, f"google/{repo}", "/".join(place), Path(there), **widths)
    sae.turn_off_forward_pass_hook_z_reshaping()
    return Computed(sae.encode(acts), sae(acts))


def gemma_scope_2(folder: Path, acts: torch.Tensor) -> Computed | None:
    """Load with SAELens, or what has several layers with circuit-tracer, whichever is there."""
    from importlib.util import find_spec

    several = sorted(folder.glob("params_layer_*"))
    if find_spec("circuit_tracer" if several else "sae_lens") is None:
        return None
    if several:
        return _several_layers([str(folder / f"params_layer_{i}.safetensors") for i in range(len(several))], acts)
    import json
    import shutil
    import tempfile

    from sae_lens.loading import pretrained_sae_loaders as module

    from tests.peers.make_gemma_scope import load

    said = json.loads((folder / "config.json").read_text())
    # SAELens goes by the folder's name, and needs a model's.
    name = "transcoder/layer_0_x" if said["type"] == "transcoder" else "resid_post/layer_0_x"
    with tempfile.TemporaryDirectory() as there:
        shutil.copytree(folder, Path(there) / name)
        (Path(there) / name / "config.json").write_text(json.dumps({"model_name": "gemma-3-1b-pt"} | said))
        sae = load(module.gemma_3_sae_huggingface_loader, "google/gemma-scope-2-1b-pt", name, Path(there))
    return Computed(sae.encode(acts), sae(acts))


def _several_layers(files: list[str], acts: torch.Tensor) -> Computed:
    from circuit_tracer.transcoder.cross_layer_transcoder import load_gemma_scope_2_clt

    # The loader leaves out the last layer it is given: one more is named.
    paths = dict(enumerate([*files, ""]))
    return _layers(load_gemma_scope_2_clt(paths, device=torch.device("cpu"), dtype=torch.float32), acts, len(files))


def circuit_tracer(folder: Path, acts: torch.Tensor) -> Computed:
    """Load with circuit-tracer: a layer of a set, or a cross-layer transcoder."""
    import yaml
    from circuit_tracer.transcoder.activation_functions import TopK
    from circuit_tracer.transcoder.cross_layer_transcoder import load_clt
    from circuit_tracer.transcoder.single_layer_transcoder import load_relu_transcoder

    config, cpu = yaml.safe_load((folder / "config.yaml").read_text()), torch.device("cpu")
    if config["model_kind"] == "cross_layer_transcoder":
        clt = load_clt(str(folder), device=cpu, dtype=torch.float32, lazy_decoder=False)
        return _layers(clt, acts, clt.n_layers)
    [file] = folder.glob("layer_*.safetensors")
    made = load_relu_transcoder(str(file), 0, cpu, lazy_encoder=False, lazy_decoder=False)
    if "k" in config:
        made.activation_function = TopK(config["k"])  # 0.5.0 does not read it from config.yaml
    latent_acts = made.encode(acts)
    return Computed(latent_acts, made.decode(latent_acts, acts))


def _layers(clt: Any, acts: torch.Tensor, n_layers: int) -> Computed:
    """Compute with layers one before the other, as circuit-tracer has them, and lay them out side by side."""
    read = acts.unflatten(1, (n_layers, -1)).transpose(0, 1)
    latent_acts = clt.encode(read)
    written = clt.decode(latent_acts, read)
    return Computed(latent_acts.transpose(0, 1).flatten(1), written.transpose(0, 1).flatten(1))


PEERS: dict[str, Callable[[Path, torch.Tensor], Computed | None]] = {
    "sparsify": sparsify,
    "dictionary_learning": dictionary_learning,
    "sae_lens": sae_lens,
    "sae_lens_legacy": sae_lens,
    "sae_lens_training": sae_lens_training,
    "gemma_scope": gemma_scope,
    "gemma_scope_2": gemma_scope_2,
    "circuit_tracer": circuit_tracer,
}
"""How each family's own library loads a folder and computes; a new family adds its function."""


def check(family: str, root: Path) -> int:
    """Compare all folders of a family; give the number that differ."""
    found: dict[str, Any] = {}
    for file in sorted((root / family).rglob(OURS)):
        ours = load_file(file)
        with torch.no_grad():
            theirs = PEERS[family](file.parent, ours["acts"])
        if theirs is None:
            continue  # for another of this family's peers
        case = file.parent.relative_to(root / family)
        odd = {name: _difference(ours[name], value) for name, value in theirs._asdict().items()}
        found[str(case)] = max(odd.values()) <= CLOSE
        say(f"{'same ' if found[str(case)] else 'OTHER'} {case}: " + ", ".join(f"{k} {v:.1e}" for k, v in odd.items()))
    say(f"{family}: {sum(found.values())} of {len(found)} folders give the same")
    return len(found) - sum(found.values()) if found else 1


def _difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    if ours.shape != theirs.shape:
        return float("inf")
    return float((ours.float() - theirs.float()).abs().max() / theirs.float().abs().max().clamp(min=1))


if __name__ == "__main__":
    what, place = sys.argv[1], Path(sys.argv[2])
    sys.path.insert(0, str(Path(__file__).parents[2]))
    if what == "write":
        write(place)
    else:
        sys.exit(bool(check(what, place)))

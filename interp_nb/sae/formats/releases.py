"""Names of releases, as SAELens and its users write them: which repository on the hub, and which folder in it.

A small table of well-known ones is built in. Where SAELens is installed, its whole list is read too, as a file: SAELens
itself is not imported.
"""

import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

from interp_nb._errors import ModelNotFoundError, SaveFormatError, nearest
from interp_nb.sae.formats.processing import KEY

LIST: Final = "pretrained_saes.yaml"
"""SAELens's list, in its package's folder."""
FAMILIES: Final[dict[str | None, str]] = {
    None: "sae_lens",
    "sae_lens": "sae_lens",
    "gemma_2": "gemma_scope",
    "gemma_2_transcoder": "gemma_scope",
    "gemma_3": "gemma_scope_2",
    "sparsify": "sparsify",
    "dictionary_learning_1": "dictionary_learning",
    "mwhanna_transcoder": "circuit_tracer",
    "mntss_clt_layer_transcoder": "circuit_tracer",
}
"""SAELens's converters by the family of files they read; other converters' files are not read here."""


class Release(NamedTuple):
    """Where one SAE of a release is, and what the list knows about it that its files may not say."""

    repo_id: str
    """Repository on the hub."""
    path: str
    """Folder in it, or file."""
    family: str | None
    """Format its files have to be in; None where the name is a repository's own."""
    norm_scale: float | None = None
    """What activations were multiplied by while training, where the files leave it out."""
    metadata: dict[str, Any] = {}  # noqa: RUF012 - never changed
    """What else the list says: the model, and options it was loaded with."""


class _Known(NamedTuple):
    """A release of the built-in table; in `path`, {id} is the SAE's id and {layer} the layer in it."""

    repo_id: str
    path: str
    model: str
    family: str = "sae_lens"
    odd: dict[str, str] = {}  # noqa: RUF012 - never changed
    """Folders, by SAE, that do not follow from the id."""
    more: dict[str, Any] = {}  # noqa: RUF012 - never changed
    """What SAELens's list knows besides, and the files do not."""


_GEMMA, _GEMMA_3 = "gemma_scope", "gemma_scope_2"
_CENTERED: Final = {KEY: {"center_writing_weights": True}}
KNOWN: Final[dict[str, _Known]] = {
    "gpt2-small-res-jb": _Known(
        "jbloom/GPT2-Small-SAEs-Reformatted", "{id}", "gpt2-small", more=_CENTERED
    ),
    "gpt2-small-res-jb-feature-splitting": _Known(
        "jbloom/GPT2-Small-Feature-Splitting-Experiment-Layer-8", "{id}", "gpt2-small", more=_CENTERED
    ),
    **{
        f"gpt2-small-{site}-v5-{width}": _Known(
            f"jbloom/GPT2-Small-OAI-v5-{width}-{site}-SAEs", f"v5_{width}_layer_{{layer}}", "gpt2-small"
        )
        for site in ("attn-out", "mlp-out", "resid-mid", "resid-post")
        for width in ("32k", "128k")
        # Its folders end in ".pt", which the others' do not.
        if (site, width) != ("resid-post", "32k")
    },
    "gpt2-small-resid-post-v5-32k": _Known(
        "jbloom/GPT2-Small-OAI-v5-32k-resid-post-SAEs", "v5_32k_layer_{layer}.pt", "gpt2-small"
    ),
    **{
        f"pythia-70m-deduped-{site}-sm": _Known(
            f"ctigges/pythia-70m-deduped__{site}-sm_processed", f"{{layer}}-{site}-sm", "pythia-70m-deduped",
            # Before the first block: the embedding.
            odd={"blocks.0.hook_resid_pre": "e-res-sm"} if site == "res" else {},
        )
        for site in ("att", "mlp", "res")
    },
    "llama-3-8b-it-res-jh": _Known(
        "Juliushanhanhan/llama-3-8b-it-res", "{id}", "meta-llama/Meta-Llama-3-8B-Instruct"
    ),
    **{
        f"gemma-scope-{name}": _Known(f"google/gemma-scope-{name}", "{id}", f"gemma-2-{name.split('-')[0]}", _GEMMA)
        for name in (
            *("2b-pt-res", "2b-pt-mlp", "2b-pt-att", "9b-pt-res", "9b-pt-mlp", "9b-pt-att", "27b-pt-res"),
            "2b-pt-transcoders",
        )
    },
    "gemma-scope-9b-it-res": _Known("google/gemma-scope-9b-it-res", "{id}", "gemma-2-9b-it", _GEMMA),
    **{
        f"gemma-scope-2-{size}-{tuned}-{site}{every}": _Known(
            f"google/gemma-scope-2-{size}-{tuned}", f"{folder}{every.replace('-', '_')}/{{id}}",
            # The hub has no "-pt" in the smallest model's name.
            "google/gemma-3-270m" if (size, tuned) == ("270m", "pt") else f"google/gemma-3-{size}-{tuned}", _GEMMA_3,
        )
        for size in ("270m", "1b", "4b", "12b", "27b")
        for tuned in ("pt", "it")
        for site, folder in (("res", "resid_post"), ("mlp", "mlp_out"), ("att", "attn_out"))
        for every in ("", "-all")
        if (size, tuned, site) not in (("27b", "pt", "mlp"), ("27b", "pt", "att"))
    },
}  # fmt: skip
"""Well-known releases. "Canonical" ids of Gemma Scope need SAELens's own list."""


def resolve_release(release: str, sae_id: str | None) -> Release:
    """Find the repository and folder of an SAE by its release's name.

    Args:
        release: A name of SAELens's list or of the built-in table, or a repository's own ("owner/name").
        sae_id: Which SAE of it; of a repository, its folder.

    Raises:
        ModelNotFoundError: no such release, or no such SAE in it; the message gives the nearest names.
        SaveFormatError: its files are of a kind that is not read here, or the installed list is damaged.
    """
    listed = sae_lens_list()
    if release in listed:
        return _from_list(release, listed[release], sae_id)
    if release in KNOWN:
        return _from_table(release, KNOWN[release], sae_id)
    if "/" in release:
        return Release(release, sae_id or "", None)
    names = sorted({*listed, *KNOWN})
    more = "" if listed else "; with SAELens installed (pip install sae-lens) its whole list is known"
    raise ModelNotFoundError(
        f"no release is called {release!r}; {nearest(release, names)}; or give a repository on the hub, "
        f"'owner/name'{more}"
    )


def sae_lens_list() -> dict[str, dict[str, Any]]:
    """Read the list of releases of the SAELens that is installed; empty where there is none.

    Raises:
        SaveFormatError: the file is damaged.
    """
    spec = find_spec("sae_lens")
    places = [] if spec is None else list(spec.submodule_search_locations or [])
    files = [Path(place) / LIST for place in places if (Path(place) / LIST).is_file()]
    return _read_list(files[0], files[0].stat().st_mtime_ns) if files else {}


@lru_cache(maxsize=1)
def _read_list(file: Path, changed: int) -> dict[str, dict[str, Any]]:
    """Read the list; `changed` is there so that another file is read anew."""
    import yaml

    try:
        with file.open(encoding="utf-8") as opened:
            # Five times as fast where PyYAML was built with libyaml; safe either way.
            read = yaml.load(opened, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise SaveFormatError(f"{file} is not SAELens's list of releases ({error}): install sae-lens again") from error
    if not isinstance(read, dict) or not all(isinstance(value, dict) for value in read.values()):
        raise SaveFormatError(f"{file} is not SAELens's list of releases: install sae-lens again")
    return read


def _from_list(release: str, entry: dict[str, Any], sae_id: str | None) -> Release:
    saes = {str(item["id"]): item for item in entry["saes"]}
    if sae_id not in saes:
        raise ModelNotFoundError(_no_such_sae(release, sae_id, list(saes)))
    item, converter = saes[sae_id], entry.get("conversion_func")
    if converter not in FAMILIES:
        raise SaveFormatError(
            f"release {release!r} is in files that SAELens's converter {converter!r} reads, and that are not read "
            f"here; load it with SAELens, SAE.from_pretrained({release!r}, {sae_id!r}).save_model(FOLDER), then "
            "load_sae(FOLDER)"
        )
    metadata = {"model_name": entry.get("model"), **(entry.get("config_overrides") or {})}
    if item.get("neuronpedia"):
        metadata["neuronpedia_id"] = item["neuronpedia"]
    return Release(
        str(entry["repo_id"]), str(item["path"]), FAMILIES[converter], item.get("norm_scaling_factor"), metadata
    )


def _from_table(release: str, entry: _Known, sae_id: str | None) -> Release:
    layer = re.match(r"blocks\.(\d+)\.", sae_id or "")
    if not sae_id or ("{layer}" in entry.path and layer is None):
        like = "blocks.6.hook_resid_post" if "{layer}" in entry.path else "its folder in the repository"
        raise ModelNotFoundError(
            f"release {release!r} has several SAEs, sae_id must say which, such as {like}, got {sae_id!r}; see "
            f"https://huggingface.co/{entry.repo_id}"
        )
    if sae_id.endswith("/canonical"):
        raise ModelNotFoundError(
            f"which SAE {sae_id!r} stands for is in SAELens's list alone (pip install sae-lens); or give its folder, "
            f"see https://huggingface.co/{entry.repo_id}"
        )
    path = entry.odd.get(sae_id, entry.path.format(id=sae_id, layer=layer[1] if layer else ""))
    return Release(entry.repo_id, path, entry.family, None, {"model_name": entry.model, **entry.more})


def _no_such_sae(release: str, sae_id: str | None, known: list[str]) -> str:
    some = ", ".join(known[:5]) + (f" and {len(known) - 5} more" if len(known) > 5 else "")
    if sae_id is None:
        return f"release {release!r} has {len(known)} SAEs, say which with sae_id=: {some}"
    return f"release {release!r} has no SAE {sae_id!r}; {nearest(sae_id, known)}: {some}"

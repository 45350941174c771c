"""Descriptions of known SAEs from Neuronpedia, read from files that were downloaded there; nothing is fetched.

Understood are, gzipped or not: the export's `explanations/batch-N.jsonl` (one explanation a line), a JSON list of the
same, and what the API gives for a feature (an object with `explanations`).
"""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from interp_nb._errors import ConfigError, DataError
from interp_nb.features.labels import MAX_TEXT, Label

METHOD: Final = "neuronpedia"
MAX_AUTHOR: Final = 200
SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".json", ".json.gz")


def read_neuronpedia(path: str | Path, *, model: str | None = None, source: str | None = None) -> list[Label]:
    """Read explanations from a file, or from all files of a folder.

    Args:
        model: Leave out those of other models, such as "gpt2-small".
        source: Leave out those of other SAEs, such as "5-res-jb".

    Raises:
        DataError: no explanation was found, the files mix several SAEs, or a file is not what it should be.
    """
    files = _files(Path(path))
    found: list[dict[str, Any]] = []
    for file in files:
        found += [item for item in _items(file) if _is_of(item, model, source)]
    owners = sorted({(str(item.get("modelId") or ""), str(item.get("layer") or "")) for item in found})
    if len(owners) > 1:
        listed = ", ".join(" ".join(owner).strip() or "unnamed" for owner in owners[:5])
        raise DataError(f"{path} holds explanations of {len(owners)} SAEs ({listed}); choose with model= and source=")
    labels = [label for item in found if (label := _label(item)) is not None]
    if not labels:
        raise DataError(
            f"no explanation in {path} ({len(files)} files read); expected explanations/batch-N.jsonl(.gz) of "
            "Neuronpedia's export or the JSON of its API, with `index` and `description`"
        )
    return labels


def import_neuronpedia(
    store: Any, path: str | Path, *, model: str | None = None, source: str | None = None
) -> list[Label]:
    """Read explanations and add those that are new to a store's labels, as a machine's.

    Args:
        model: Neuronpedia's name of the model; to be given where the store's is another.
        source: Neuronpedia's name of the SAE, such as "5-res-jb".

    Raises:
        DataError: see `read_neuronpedia`; or they are of a model of another name, or of a latent that the store does
            not have.
    """
    labels = read_neuronpedia(path, model=model, source=source)
    owner = labels[0].explanation["neuronpedia"].get("modelId")
    if owner is not None and model is None and owner != store.model_name:
        raise DataError(
            f"{path} describes latents of {owner}, the store is of {store.model_name}; if that is the same model, say "
            f"so with model={owner!r}"
        )
    last = max(label.latent_idx for label in labels)
    if last >= store.d_sae:
        raise DataError(
            f"{path} describes latent {last}, the store has {store.d_sae}: these are descriptions of another SAE"
        )
    known = {(label.latent_idx, label.text, label.author) for index in store.labels.latents()
             for label in store.labels.history(index)}  # fmt: skip
    added: list[Label] = store.labels.add_all(
        label for label in labels if (label.latent_idx, label.text, label.author) not in known
    )
    return added


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.name.endswith(SUFFIXES))
    if not path.is_file():
        raise FileNotFoundError(f"No file or folder {path}: expected explanations downloaded from Neuronpedia.")
    if not path.name.endswith(SUFFIXES):
        raise ConfigError(f"{path} must end in one of {', '.join(SUFFIXES)}")
    return [path]


def _items(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the explanations of a file, whichever form it has."""
    try:
        content = file.read_bytes()
        text = (gzip.decompress(content) if file.suffix == ".gz" else content).decode("utf-8")
        lines = ".jsonl" in file.name
        values = [json.loads(line) for line in text.splitlines() if line.strip()] if lines else [json.loads(text)]
    except (OSError, EOFError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DataError(f"{file} cannot be read as JSON ({error}): download it again") from error
    for value in values:
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, dict):
                continue
            inner = item.get("explanations")
            if isinstance(inner, list):  # a feature, as the API gives it
                owner = {key: item.get(key) for key in ("modelId", "layer", "index")}
                yield from (owner | _stated(one) for one in inner if isinstance(one, dict))
            else:
                yield item


def _stated(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if value is not None}


def _is_of(item: dict[str, Any], model: str | None, source: str | None) -> bool:
    return model in (None, item.get("modelId")) and source in (None, item.get("layer"))


def _label(item: dict[str, Any]) -> Label | None:
    """Make a label of an explanation; None where it says nothing of any latent."""
    text, index = item.get("description"), item.get("index")
    if not isinstance(text, str) or not text.strip() or not re.fullmatch(r"\d{1,9}", str(index)):
        return None
    author = item.get("explanationModelName") or item.get("authorId") or item.get("typeName") or METHOD
    made = {key: item[key] for key in ("id", "modelId", "layer", "typeName", "scores") if item.get(key) is not None}
    return Label(
        int(str(index)), text.strip()[:MAX_TEXT], METHOD, str(author)[:MAX_AUTHOR],
        str(item.get("createdAt") or "")[:MAX_AUTHOR], explanation={"neuronpedia": made},
    )  # fmt: skip

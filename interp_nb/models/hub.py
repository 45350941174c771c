"""Names of models: aliases, local folders, the hub's cache, and what to say when a name leads nowhere.

What is on this machine is never asked of the hub: a name whose files are all in the cache becomes the folder that holds
them. The hub is asked only for what is missing, first with one short request, because the libraries behind it retry an
unreachable hub for half a minute before they give up.
"""

import json
from os import PathLike, fspath
from pathlib import Path
from typing import NamedTuple

from interp_nb._errors import ConfigError, ModelNotFoundError, OfflineError, nearest

# Families that keep training checkpoints as revisions of the repository, and how these are called (TransformerLens,
# model_bridge/sources/transformers/helpers.py).
_STEP_REVISIONS = {"EleutherAI/pythia": "step{step}", "stanford-crfm/": "checkpoint-{step}"}
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model", "vocab.txt")
_HUB_SECONDS = 8.0
_OFFLINE_ADVICE = (
    "with no network, load the embedded model load_model('pocket'), or download the model's folder on a machine that "
    "is online (hf download NAME --local-dir FOLDER), copy it here and call load_model('FOLDER')"
)


class Source(NamedTuple):
    """Where a model's files are."""

    place: str
    """Folder on this machine, or hub id if the files are not here yet."""
    name: str
    """Official name, or the folder as the user wrote it."""
    revision: str | None
    """Branch or commit on the hub; None for a folder and for the hub's main branch."""
    local: bool
    """Whether `place` is a folder on this machine."""


def find(name: str | PathLike[str], step: int | None = None) -> Source:
    """Find a model's files by name, on this machine first.

    Args:
        name: A TransformerLens alias, a Hugging Face id, or a folder.
        step: Training step, for the families that keep their checkpoints on the hub.

    Raises:
        ModelNotFoundError: no such model or folder; the message gives the nearest names.
        OfflineError: the files are not here and the hub cannot be reached.
        ConfigError: this model has no checkpoints by step.
    """
    text = fspath(name)
    if not text.strip():
        raise ModelNotFoundError("the model's name is empty; use 'pocket', a Hugging Face id or a folder")
    folder = Path(text).expanduser()
    if not isinstance(name, str) or _looks_like_path(text) or (folder / "config.json").is_file():
        if step is not None:
            raise ConfigError(f"step={step} needs a model that keeps its checkpoints by step; a folder holds one model")
        return _folder(folder, text)
    official, known = _official(text)
    revision = _revision(official, step)
    cached = _cached_folder(official, revision)
    if cached is not None:
        return Source(str(cached), official, revision, local=True)
    if not known and "/" not in official:
        here = " (the folder of this name here has no config.json)" if folder.is_dir() else ""
        raise ModelNotFoundError(f"no model is called {text!r}{here}; {_suggest(text)}")
    _ask_hub(official, revision, text)
    return Source(official, official, revision, local=False)


def _official(name: str) -> tuple[str, bool]:
    """Resolve an alias as older tutorials write it; also say whether TransformerLens knows the name."""
    from transformer_lens.supported_models import get_official_model_name

    try:
        return str(get_official_model_name(name)), True
    except ValueError:
        return name, False


def _suggest(name: str) -> str:
    from transformer_lens.supported_models import MODEL_ALIASES, OFFICIAL_MODEL_NAMES

    aliases = [alias for names in MODEL_ALIASES.values() for alias in names]
    return nearest(name, ["pocket", "gpt2-small", *OFFICIAL_MODEL_NAMES, *aliases])


def _looks_like_path(text: str) -> bool:
    return text.startswith((".", "/", "~", "\\")) or text.count("/") > 1 or "\\" in text


def _folder(folder: Path, text: str) -> Source:
    if not (folder / "config.json").is_file():
        there = "it has no config.json" if folder.is_dir() else "there is no such folder"
        raise ModelNotFoundError(
            f"expected a folder written by save_pretrained (config.json, weights, tokenizer) at {text!r}, but {there}"
        )
    if not _has_weights(folder):
        raise ModelNotFoundError(f"folder {text!r} has a config.json but no weights; expected one of {_WEIGHTS}")
    if not _has_any(folder, _TOKENIZERS):
        raise ModelNotFoundError(
            f"folder {text!r} has no tokenizer; save one there (tokenizer.save_pretrained), "
            "or pass the pair load_model((hf_model, tokenizer))"
        )
    return Source(str(folder), text, None, local=True)


def _revision(official: str, step: int | None) -> str | None:
    if step is None:
        return None
    for prefix, pattern in _STEP_REVISIONS.items():
        if official.startswith(prefix):
            return pattern.format(step=step)
    raise ConfigError(
        f"step={step} needs a model that keeps its checkpoints by step ('pocket', {' or '.join(_STEP_REVISIONS)}...), "
        f"got {official!r}; leave out step for its final weights"
    )


def _cached_folder(official: str, revision: str | None) -> Path | None:
    """Find the cache's folder of this model, if everything needed to load it is there."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        config = try_to_load_from_cache(official, "config.json", revision=revision)
    except HFValidationError as error:
        raise ModelNotFoundError(f"{official!r} is not a model name: {error}") from error
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    return folder if _has_weights(folder) and _has_any(folder, _TOKENIZERS) else None


def _has_any(folder: Path, names: tuple[str, ...]) -> bool:
    return any((folder / name).is_file() for name in names)


def _has_weights(folder: Path) -> bool:
    if _has_any(folder, _WEIGHTS):
        return True
    for index in (folder / f"{name}.index.json" for name in _WEIGHTS):
        if index.is_file():
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            return all((folder / shard).is_file() for shard in shards)
    return False


def _ask_hub(official: str, revision: str | None, asked: str) -> None:
    """Ask the hub once, briefly, whether this model is there to be downloaded."""
    from huggingface_hub import HfApi, errors

    try:
        HfApi().model_info(official, revision=revision, timeout=_HUB_SECONDS)
    except errors.GatedRepoError as error:
        raise ModelNotFoundError(
            f"{official!r} is gated: accept its terms on its hub page, then log in here (hf auth login)"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelNotFoundError(f"{official!r} has no checkpoint {revision!r} on the hub") from error
    except errors.RepositoryNotFoundError as error:
        raise ModelNotFoundError(f"the hub has no model {asked!r}, or it is private; {_suggest(asked)}") from error
    except (OSError, errors.HTTPError) as error:
        hint = "" if _official(asked)[1] else f" If the name is mistyped: {_suggest(asked)}"
        raise OfflineError(
            f"{asked!r} is not on this machine and the hub cannot be reached ({type(error).__name__}); "
            f"{_OFFLINE_ADVICE}.{hint}"
        ) from error

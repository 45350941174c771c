"""Load a model, whatever it is called, ready for reading and editing.

Every road ends in the same state: a TransformerLens `TransformerBridge` with classic hook names (compatibility mode),
in eval mode, its parameters without gradients, its facts recorded for results (`model_info`). What lives elsewhere:
names and files (`hub`), silence (`quiet`), the embedded model (`pocket`).
"""

import copy
import threading
from os import PathLike
from typing import TYPE_CHECKING, Any

import torch

from interp_nb._errors import ConfigError, DeviceError, ModelNotFoundError, OfflineError
from interp_nb.models.hub import Source, find
from interp_nb.models.info import ModelInfo
from interp_nb.models.quiet import quiet

if TYPE_CHECKING:
    import transformer_lens.model_bridge

_DTYPES = ("float32", "float16", "bfloat16", "float64")

_this_thread = threading.local()


def load_model(
    name: str | PathLike[str] | tuple[Any, Any] = "pocket",
    *,
    step: int | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | str | None = None,
    fold: bool = False,
) -> "transformer_lens.model_bridge.TransformerBridge":
    """Load a language model with hooks on every activation.

    Files that are on this machine are used without asking the hub. Random state, gradient mode, logging and warning
    filters are left as they were.

    Args:
        name: "pocket" (embedded, works offline), a TransformerLens alias ("gpt2-small"), a Hugging Face id, a local
            folder, or a pair `(hf_model, tokenizer)`, which is copied and never changed.
        step: Training step of the checkpoint; None = the final weights. For "pocket" and the families that publish
            their checkpoints (Pythia, Stanford CRFM).
        device: None = the first GPU if there is one, else the CPU; a pair stays on its own.
        dtype: None = float32, the precision hooks are read in; a pair keeps its own.
        fold: Fold layer norms into the weights and center what writes to the residual stream, as older tutorials do.
            By default activations are the checkpoint's own, equal to Hugging Face's hidden states: what SAEs on the hub
            were trained on.

    Raises:
        ModelNotFoundError: no such model or folder; the message gives the nearest names.
        OfflineError: the files are not on this machine and the hub cannot be reached.
        DeviceError: there is no such device here.
        ConfigError: a dtype, a step or a pair that cannot be loaded.

    Example:
        >>> model = load_model("pocket")  # doctest: +SKIP
        >>> model.to_str_tokens("The Colosseum is in")  # doctest: +SKIP
    """
    precision = _dtype(dtype)
    where = _device(device)
    if isinstance(name, tuple):
        if step is not None:
            raise ConfigError(f"step={step} needs a model that is loaded by name; a pair is already loaded")
        with quiet():
            model, shown = _boot_pair(name, where, precision)
            _finish(model, fold)
    else:
        with quiet():
            source = _pocket(step) if name == "pocket" else find(name, step)
        shown = source.name
        with quiet(downloads=not source.local):
            default = "cuda" if torch.cuda.is_available() else "cpu"
            model = _boot(source, where or torch.device(default), precision or torch.float32)
            _finish(model, fold)
    model.interp_nb = ModelInfo(
        name=shown,
        fold=fold,
        step=step,
        dtype=str(model.cfg.dtype).removeprefix("torch."),
        device=str(model.cfg.device),
        architecture=str(model.cfg.architecture),
    )
    return model


def _pocket(step: int | None) -> Source:
    from interp_nb.models.pocket import checkpoint_folder

    try:
        folder = checkpoint_folder(step)
    except FileNotFoundError as error:
        raise ModelNotFoundError(str(error)) from error
    return find(folder)._replace(name="pocket")


def _boot(source: Source, device: torch.device, dtype: torch.dtype) -> Any:
    """Boot from files; turn the libraries' errors into ours."""
    from safetensors import SafetensorError
    from transformer_lens.model_bridge import TransformerBridge
    from transformer_lens.model_bridge.sources import tl_legacy

    try:
        if source.place.startswith(tl_legacy.TL_LEGACY_PREFIXES):
            model = tl_legacy.boot(source.place, device=device, dtype=dtype)
        else:
            model = TransformerBridge.boot_transformers(
                source.place, device=device, dtype=dtype, revision=None if source.local else source.revision
            )
    except (OSError, SafetensorError) as error:
        if source.local:
            raise ModelNotFoundError(f"the files of {source.name!r} cannot be read: {error}") from error
        raise OfflineError(f"the download of {source.name!r} failed: {error}; try again to resume it") from error
    except ValueError as error:
        raise ModelNotFoundError(f"TransformerLens cannot load {source.name!r}: {error}") from error
    model.cfg.model_name = source.name
    return model


def _boot_pair(pair: tuple[Any, ...], device: torch.device | None, dtype: torch.dtype | None) -> tuple[Any, str]:
    """Boot copies of a model and a tokenizer that the caller keeps."""
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    if len(pair) != 2 or not isinstance(pair[0], PreTrainedModel) or not isinstance(pair[1], PreTrainedTokenizerBase):
        kinds = ", ".join(type(part).__name__ for part in pair)
        raise ConfigError(f"a pair must be (transformers model, transformers tokenizer), got ({kinds})")
    hf_model = copy.deepcopy(pair[0])
    for parameter in hf_model.parameters():
        parameter.grad = None
        # Parameters only: buffers such as rotary frequencies lose more in half precision than weights do.
        if dtype is not None and parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)
    hf_model.eval()
    if device is not None:
        hf_model.to(device)
    first = next(hf_model.parameters())
    name = str(getattr(hf_model.config, "name_or_path", "") or type(hf_model).__name__)
    try:
        model = TransformerBridge.boot_transformers(
            name, hf_model=hf_model, tokenizer=_own_tokenizer(pair[1]), device=first.device, dtype=first.dtype
        )
    except ValueError as error:
        raise ConfigError(f"TransformerLens cannot load a {type(pair[0]).__name__}: {error}") from error
    return model, name


def _own_tokenizer(tokenizer: Any) -> Any:
    """Copy a tokenizer and mark the copy so that TransformerLens does not read another one from disk.

    TransformerLens reloads a tokenizer from its `name_or_path` to make it prepend a begin-of-text token, which fails
    for one that was never saved and loses what was added to one that was. Marked, it is used as it is, and
    TransformerLens prepends the token itself where the tokenizer does not.
    """
    own = copy.deepcopy(tokenizer)
    own.init_kwargs["add_bos_token"] = True
    own.init_kwargs.setdefault("name_or_path", "")
    return own


def _finish(model: Any, fold: bool) -> None:
    """Classic hook names, weights as asked for, eval mode, no gradients."""
    model.enable_compatibility_mode(disable_warnings=True, no_processing=not fold)
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    _keep_forwards_apart(model)
    # With a padding token set, transformers warns at every begin-of-text token that is also the padding token.
    model.original_model.config.pad_token_id = None


def _keep_forwards_apart(model: Any) -> None:
    """Give each thread its own note of the batch size, which TransformerLens keeps on the position embedding.

    TransformerLens 4.3 writes it when a forward begins and reads it a little later (`PosEmbedBridge.forward`): one
    that starts in another thread in between leaves the wrong number of rows.
    """
    embedding = getattr(model, "pos_embed", None)
    if embedding is None:
        return
    noted = property(
        lambda self: getattr(_this_thread, "batch_size", None),
        lambda self, size: setattr(_this_thread, "batch_size", size),
    )
    cls = type(embedding)
    embedding.__class__ = type(cls.__name__, (cls,), {"_current_batch_size": noted, "__module__": cls.__module__})


def _device(device: str | torch.device | None) -> torch.device | None:
    if device is None:
        return None
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise DeviceError(f"{device!r} is not a device; use 'cpu', 'cuda', 'cuda:0' or 'mps'") from error
    count = torch.cuda.device_count() if chosen.type == "cuda" else 0
    if chosen.type == "cuda" and (chosen.index or 0) >= count:
        raise DeviceError(f"device {str(chosen)!r} asked for, this machine has {count} CUDA devices; use 'cpu'")
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device 'mps' asked for, this machine has none; use 'cpu'")
    return chosen


def _dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    if dtype is None:
        return None
    if str(dtype).removeprefix("torch.") not in _DTYPES:
        raise ConfigError(f"dtype must be one of {', '.join(_DTYPES)}, got {str(dtype)!r}")
    chosen: torch.dtype = getattr(torch, str(dtype).removeprefix("torch."))
    return chosen

"""`train_sae`: from a model, a site and data to a run that trains.

1. Settings are resolved and checked together; the stream of activations is opened, held-out rows are set aside.
2. Bytes and seconds are estimated; what does not fit into memory is refused.
3. SAEs are made, or read from a checkpoint; a `TrainingRun` starts, here or in the background.

What is not here: how settings are resolved (`question`), how the parts are made (`assembly`), the loop (`trainer`), an
SAE's step (`learner`), the result (`run`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch

from interp_nb._errors import ConfigError
from interp_nb._jobs import in_notebook
from interp_nb.models.protocol import HookedModel
from interp_nb.sae import checkpoint
from interp_nb.sae.assembly import assemble
from interp_nb.sae.batches import ActivationSource, HeldOut
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.foreground import in_foreground
from interp_nb.sae.parallel import current_group, local_device
from interp_nb.sae.question import Config, Question, Stream, check_same_run, facts, is_pair, resolve, split_reading
from interp_nb.sae.reading import Reading
from interp_nb.sae.run import TrainingRun
from interp_nb.sae.sources import make_source
from interp_nb.sae.trackers import Callback
from interp_nb.sae.train_config import TrainConfig

# Names that both records of settings have are the training's; of the reading, one has another name here.
_READING: Final = frozenset(Reading.__dataclass_fields__) - {"batch_size", "dtype"} | {"windows_per_forward"}


def train_sae(
    model: HookedModel | None,
    site: str | Sequence[str],
    data: Any,
    config: Config | Sequence[Config] | None = None,
    *,
    layer: int | Sequence[int] | None = None,
    target: str | Sequence[str] | None = None,
    target_layer: int | Sequence[int] | None = None,
    epochs: int | None = 1,
    background: bool | None = None,
    checkpoint_dir: str | Path | None = None,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    progress: bool | None = None,
    **overrides: Any,
) -> TrainingRun:
    """Train a sparse autoencoder or transcoder, or several on one stream.

    In a notebook it returns at once, and the run's monitor shows how it goes; in a script it waits, with a progress
    bar. Under `torchrun`, and in `accelerate.notebook_launcher`, the processes train one SAE together.

    Args:
        model: The model; None when `data` are activations. Without it, loss recovered is not measured.
        site: Where to read: a full hook name, or a short one with `layer`. Several sites make a crosscoder.
        data: Text (strings, a `datasets` stream, token ids) or activations (a tensor, an (inputs, targets) pair, a
            folder of safetensors shards); see `make_source`.
        config: `SAEConfig`, `TrainConfig`, both, or a dict of their fields; a list trains one SAE for each, on the
            same batches.
        target: Where to write, for transcoders; None = where it reads.
        epochs: How often the data are read; None = until `n_tokens`.
        background: Return at once; None = in a notebook.
        checkpoint_dir: Folder for checkpoints; None = none are written.
        resume: Go on from the newest checkpoint in that folder, if there is one.
        callbacks: Called with every record of the history; see `trackers`.
        progress: Show a bar; None = when waiting at a terminal.
        **overrides: Fields of `SAEConfig`, `TrainConfig` and their parts (k=8, l1_coefficient=5, n_tokens=10**6), and
            of `Reading` (ctx_len, packing, skip_bos, ...; its batch_size is called windows_per_forward here).

    Raises:
        ConfigError: a setting is unknown or makes no sense, or the folder holds another run.
        ShapeError: an SAE's width is not that of the activations.
        DataError: the data are empty.
        MemoryBudgetError: it does not fit into memory.
        NonFiniteError: the loss or the data became NaN or infinite. `error.run` is the run; its `snapshot` has the
            weights from before.
        DiskError: a checkpoint could not be written; the ones before are whole, and `error.run.resume()` goes on.

    Cost: one forward and one step per token; `run.estimate` has the bytes and seconds expected.
    """
    configs = list(config) if isinstance(config, Sequence) and not is_pair(config) else [config]
    configs, overrides, reading = split_reading(configs, overrides, _READING)
    question = Question(_plain(site), _plain(layer), _plain(target), _plain(target_layer), epochs, reading)
    folder = None if checkpoint_dir is None else Path(checkpoint_dir)
    saved = _saved_run(folder, resume=resume)
    device = local_device(torch.device(getattr(getattr(model, "cfg", None), "device", None) or "cpu"))
    group = current_group(device)
    stream = Stream.of(configs, overrides)
    source = _source(question, model, data, stream.shuffle_rows, stream.seed)
    held, defaults = _held_out(source, stream, saved, 1 if group is None else group.size)
    resolved = resolve(configs, overrides, source, model, group, defaults)
    if saved is not None:
        check_same_run(saved["facts"], facts(resolved, question, source), folder)
    run = assemble(source, resolved, question, model, held, folder, saved, callbacks, group, device)
    if background is None:
        background = group is None and in_notebook()
    if background:
        run._start()
        return run
    try:
        in_foreground(run, progress if group is None or group.rank == 0 else False)
    except Exception as error:
        vars(error)["run"] = run  # what was trained so far must not be lost with the stack
        raise
    return run


def resume_run(
    folder: Path,
    model: HookedModel | None,
    data: Any,
    *,
    background: bool | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool | None = None,
) -> TrainingRun:
    """Go on with a run of which the checkpoints are left; see `TrainingRun.resume_from`."""
    newest = checkpoint.latest(folder)
    if newest is None:
        raise ConfigError(f"{folder} holds no checkpoint of train_sae; give the checkpoint_dir of a run")
    facts = checkpoint.read(newest)["facts"]
    question = Question(**facts["question"])
    configs = [(SAEConfig.from_json(each["sae"]), TrainConfig.from_json(each["train"])) for each in facts["configs"]]
    asked = {name: getattr(question, name) for name in ("layer", "target", "target_layer", "epochs")}
    return train_sae(
        model, question.site, data, configs, **asked, background=background, checkpoint_dir=folder, resume=True,
        callbacks=callbacks, progress=progress, **question.reading,
    )  # fmt: skip


def _source(question: Question, model: HookedModel | None, data: Any, shuffle: int, seed: int) -> ActivationSource:
    reading = {
        "batch_size" if name == "windows_per_forward" else name: value for name, value in question.reading.items()
    }
    return make_source(
        model,
        question.site,
        data,
        layer=question.layer,
        target=question.target,
        target_layer=question.target_layer,
        epochs=question.epochs,
        shuffle_rows=shuffle,
        seed=seed,
        **reading,
    )


def _held_out(
    source: ActivationSource, stream: Stream, saved: dict[str, Any] | None, n_processes: int
) -> tuple[HeldOut, dict[str, Any]]:
    """Set rows aside; give them, and the settings that nobody gave and the amount of data decides."""
    if saved is not None:
        kept = saved["facts"]["configs"][0]["train"]
        defaults = {name: kept[name] for name in ("n_tokens", "n_eval_tokens") if getattr(stream, name) is None}
        return HeldOut(**{"targets": saved["held"]["acts"]} | saved["held"]), defaults
    usual, defaults = TrainConfig(), {}
    n_held = stream.n_eval_tokens or usual.n_eval_tokens
    if stream.n_eval_tokens is None and (there := source.count_rows(10 * n_held, one_pass=True)) is not None:
        n_held = defaults["n_eval_tokens"] = max(1, min(n_held, there // 10))
    held = source.hold_out(n_held)
    # Schedules need to know how long the run is: a rate that is still rising when the data end trains nothing.
    if stream.n_tokens is None and (there := source.count_rows(usual.n_tokens)) is not None:
        defaults["n_tokens"] = max(1, there - there % n_processes)
    return held, defaults


def _saved_run(folder: Path | None, *, resume: bool) -> dict[str, Any] | None:
    """Read the newest checkpoint of a folder that is to be resumed; refuse to write over one that is not."""
    if folder is None:
        if resume:
            raise ConfigError("resume=True needs checkpoint_dir: the folder where the run's checkpoints are")
        return None
    newest = checkpoint.latest(folder)
    if newest is None:
        return None
    if not resume:
        raise ConfigError(
            f"{folder} holds a run already ({newest.name}), and nothing is written over: pass resume=True to go on "
            "with it, or another checkpoint_dir"
        )
    return checkpoint.read(newest)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, int)) else list(value)

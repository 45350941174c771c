"""Steps of one SAE trainer on demand, in a process of its own: run by the interpreter of each library's environment.

    PYTHON -m tests.bench.sae_steps METHOD D_SAE BATCH

prints a JSON line when it is ready, then one for each line on stdin: "step" takes and times a training step,
"train N SEED" trains anew on made-up data and says how good the SAE became. Nothing of interp_nb is imported unless
METHOD begins with it. A step is the library's own: its trainer's update and what its loop does around it.
"""

import gc
import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

# Wheels of torchvision that do not fit this torch break the import of transformers; nothing here needs them.
sys.modules.update(torchvision=None, torchaudio=None)  # type: ignore[arg-type]
os.environ.update(WANDB_MODE="disabled", HF_HUB_OFFLINE="1")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from tests.bench.measure import timed  # noqa: E402

D_IN, K = 768, 32
DEAD_AFTER = 10**7
"""Tokens without firing after which a latent is dead: every library's own default."""
SMALL = {"d_in": 64, "d_sae": 512, "batch": 512, "k": 8, "lr": 1e-3}
N_TRUE = 256


class Size(NamedTuple):
    """What is trained, and for how many steps the trainer is told that it will run."""

    d_in: int
    d_sae: int
    batch: int
    k: int
    lr: float
    n_steps: int
    seed: int = 0


class Trainer(NamedTuple):
    """A step, and the trained SAE's two halves."""

    step: Callable[[], Any]
    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]


def gaussian(size: Size) -> Iterator[Tensor]:
    """Four batches in turn: the time of a step hardly depends on what is in them."""
    generator = torch.Generator().manual_seed(size.seed)
    batches = [torch.randn(size.batch, size.d_in, generator=generator) for _ in range(4)]
    while True:
        yield from batches


def features(size: Size, n_rows: int, stream: int) -> Iterator[Tensor]:
    """Sparse sums of more directions than there are dimensions, some frequent and some rare, with a mean and noise."""
    made = torch.Generator().manual_seed(1000 + size.seed)
    directions = torch.nn.functional.normalize(torch.randn(N_TRUE, size.d_in, generator=made), dim=1)
    often = 4 * (1 / torch.arange(1, N_TRUE + 1)) ** 0.7
    often, mean = (often / often.sum() * 6).clamp(max=0.5), torch.randn(size.d_in, generator=made)
    drawn = torch.Generator().manual_seed(2000 + 10 * size.seed + stream)
    while True:
        on = torch.rand(n_rows, N_TRUE, generator=drawn) < often
        strength = on * (1 + torch.rand(n_rows, N_TRUE, generator=drawn))
        noise = 0.05 * torch.randn(n_rows, size.d_in, generator=drawn)
        rows = strength @ directions + 0.3 * mean + noise
        yield rows * size.d_in**0.5 / 3


def interp_nb(size: Size, kind: str, data: Iterator[Tensor]) -> Trainer:
    """Make ours: what `train_sae` does with a batch. "+bf16": candidates from low precision; "+sparse": L0 about k."""
    from interp_nb.sae.batches import Batch
    from interp_nb.sae.coder import SAE
    from interp_nb.sae.config import TAKES_K, SAEConfig
    from interp_nb.sae.initialize import initialize_
    from interp_nb.sae.learner import Learner
    from interp_nb.sae.metrics import Spread
    from interp_nb.sae.normalize import input_scale
    from interp_nb.sae.train_config import AuxKConfig, TrainConfig

    architecture, *flags = kind.split("+")
    widths = tuple(size.d_sae // part for part in (8, 4, 2, 1)) if architecture == "matryoshka" else None
    cfg = SAEConfig(
        size.d_in, size.d_sae, architecture, k=size.k if architecture in TAKES_K else None, matryoshka_widths=widths
    )
    config = TrainConfig(
        n_tokens=size.batch * size.n_steps, batch_size=size.batch, lr=size.lr, lr_warmup=0, lr_decay=0, seed=size.seed,
        grad_clip=1.0, b_dec_init="mean", auxk=AuxKConfig(dead_after_tokens=DEAD_AFTER),
        precision="candidates_bf16" if "bf16" in flags else "fp32",
    )  # fmt: skip
    sae, first = SAE(cfg, seed=size.seed), next(data)
    sae.set_scales(input_scale(first))
    initialize_(sae, first, first, config, torch.Generator().manual_seed(size.seed))
    if "sparse" in flags:
        _make_sparse(sae, sae.input(sae.normalize(first)), size.k)
    learner, done = Learner(sae, config, size.n_steps), count()

    def step() -> None:
        rows = next(data)
        batch = Batch(rows, rows, None, None, None, None)
        learner.step(batch, Spread.of(rows), next(done), len(rows), None)

    return Trainer(step, sae.encode, sae.decode)


@torch.no_grad()
def _make_sparse(sae: Any, entering: Tensor, k: int) -> None:
    """Let about k latents per row be active, as they are after some training with a sparsity loss."""
    scores = entering[:512] @ sae.encoder.T
    edge = scores.flatten().topk(len(scores) * k).values.min()
    if sae.cfg.architecture == "jumprelu":
        sae.log_threshold.fill_(float(edge)).log_()
    else:
        sae.b_enc.fill_(-float(edge))


def sae_lens(size: Size, kind: str, data: Iterator[Tensor]) -> Trainer:
    """Make SAELens's: the body of `SAETrainer.fit`, without progress bar and W&B."""
    from sae_lens import config
    from sae_lens.saes import batchtopk_sae, gated_sae, jumprelu_sae, matryoshka_batchtopk_sae, standard_sae, topk_sae
    from sae_lens.training.sae_trainer import SAETrainer

    modules = {
        "standard": (standard_sae, "Standard", {}),
        "topk": (topk_sae, "TopK", {"k": size.k}),
        "batch_topk": (batchtopk_sae, "BatchTopK", {"k": size.k}),
        "matryoshka": (
            matryoshka_batchtopk_sae,
            "MatryoshkaBatchTopK",
            {"k": size.k, "matryoshka_widths": [size.d_sae // part for part in (8, 4, 2, 1)]},
        ),
        "jumprelu": (jumprelu_sae, "JumpReLU", {}),
        "gated": (gated_sae, "Gated", {}),
    }
    module, name, settings = modules[kind]
    cfg = getattr(module, f"{name}TrainingSAEConfig")(
        d_in=size.d_in, d_sae=size.d_sae, device="cpu", dtype="float32", **settings
    )
    sae = getattr(module, f"{name}TrainingSAE")(cfg)
    told = config.SAETrainerConfig(
        total_training_samples=size.batch * size.n_steps, train_batch_size_samples=size.batch, device="cpu",
        autocast=False, lr=size.lr, lr_end=size.lr,
    )  # fmt: skip
    trainer = SAETrainer(told, sae, data)

    def step() -> None:
        trainer.maybe_reset_sparsity()
        trainer.step(next(data))
        trainer._checkpoint_if_needed()
        trainer.n_training_steps += 1

    return Trainer(step, sae.encode, sae.decode)


def dictionary_learning(size: Size, kind: str, data: Iterator[Tensor]) -> Trainer:
    """Make dictionary_learning's: `update`, as its `trainSAE` calls it."""
    from dictionary_learning.trainers import batch_top_k, gdm, jumprelu, matryoshka_batch_top_k, standard, top_k

    classes = {
        "standard": (standard.StandardTrainer, {}),
        "topk": (top_k.TopKTrainer, {"k": size.k}),
        "batch_topk": (batch_top_k.BatchTopKTrainer, {"k": size.k}),
        "matryoshka": (
            matryoshka_batch_top_k.MatryoshkaBatchTopKTrainer,
            {"k": size.k, "group_fractions": [1 / 8, 1 / 8, 1 / 4, 1 / 2]},
        ),
        "jumprelu": (jumprelu.JumpReluTrainer, {}),
        "gated": (gdm.GatedSAETrainer, {}),
    }
    made, settings = classes[kind]
    trainer = made(
        steps=size.n_steps, activation_dim=size.d_in, dict_size=size.d_sae, layer=0, lm_name="none", device="cpu",
        lr=size.lr, warmup_steps=0, seed=size.seed, **settings,
    )  # fmt: skip
    done = count()
    return Trainer(lambda: trainer.update(next(done), next(data)), trainer.ae.encode, trainer.ae.decode)


def sparsify(size: Size, kind: str, data: Iterator[Tensor]) -> Trainer:
    """Make sparsify's: what `Trainer.fit` does at one hookpoint, logging and schedules left out."""
    from sparsify.config import SparseCoderConfig
    from sparsify.sparse_coder import SparseCoder

    sae = SparseCoder(size.d_in, SparseCoderConfig(num_latents=size.d_sae, k=size.k))
    if kind == "adam":
        optimizer: Any = torch.optim.Adam(sae.parameters(), lr=size.lr)
    else:
        from schedulefree import ScheduleFreeWrapper
        from sparsify.sign_sgd import SignSGD

        optimizer = ScheduleFreeWrapper(SignSGD(sae.parameters(), lr=size.lr), momentum=0.95)
        optimizer.train()
    since, fired = torch.zeros(size.d_sae, dtype=torch.long), torch.zeros(size.d_sae, dtype=torch.bool)

    def step() -> None:
        rows = next(data)
        sae.set_decoder_norm_to_unit_norm()
        dead = since > DEAD_AFTER
        variance = (rows - rows.mean(0)).pow(2).sum()
        out = sae(x=rows, y=rows, dead_mask=dead if bool(dead.any()) else None, total_variance=variance)
        fired[out.latent_indices.flatten()] = True
        (out.fvu + out.auxk_loss / 32).backward()
        sae.remove_gradient_parallel_to_decoder_directions()
        optimizer.step()
        optimizer.zero_grad()
        since.add_(size.batch)
        since[fired] = 0
        fired.zero_()

    def encode(rows: Tensor) -> Tensor:
        top = sae.encode(rows)
        return rows.new_zeros(len(rows), size.d_sae).scatter_(1, top.top_indices, top.top_acts)

    return Trainer(step, encode, lambda code: code @ sae.W_dec + sae.b_dec)


def product(size: Size, kind: str, data: Iterator[Tensor]) -> Trainer:
    """Make the measure of all: the encoder's product in float32, once."""
    rows, encoder = next(data), torch.randn(size.d_sae, size.d_in)
    return Trainer(lambda: rows @ encoder.T, lambda rows: rows, lambda code: code)


LIBRARIES = {made.__name__: made for made in (interp_nb, sae_lens, dictionary_learning, sparsify, product)}


def make(method: str, size: Size, data: Iterator[Tensor]) -> Trainer:
    """Make the trainer of a method, written library.kind."""
    library, kind = method.split(".")
    torch.manual_seed(size.seed)
    return LIBRARIES[library](size, kind, data)


def trained(method: str, n_steps: int, seed: int) -> dict[str, float]:
    """Train a small SAE on made-up data, the same for every method, and measure it on rows it has not seen."""
    size = Size(n_steps=n_steps, seed=seed, **SMALL)  # type: ignore[arg-type]
    trainer = make(method, size, features(size, size.batch, stream=0))
    for _ in range(n_steps):
        trainer.step()
    rows = next(features(size, 20_000, stream=1))
    with torch.no_grad():
        code = trainer.encode(rows)
        lost = (rows - trainer.decode(code)).double().pow(2).sum()
    fvu = float(lost / (rows - rows.mean(0)).double().pow(2).sum())
    active = code > 0
    return {"fvu": fvu, "l0": float(active.sum() / len(rows)), "dead": float((~active.any(0)).double().mean())}


def main(method: str, d_sae: int, batch: int) -> None:
    """Answer the lines on stdin."""
    torch.set_num_threads(int(os.environ.get("BENCH_THREADS", str(os.cpu_count()))))
    # So low a learning rate that as many latents are active at the last step as at the first.
    size = Size(D_IN, d_sae, batch, K, 1e-6, 10**6)
    trainer = make(method, size, gaussian(size)) if d_sae else None
    # The first two steps allocate, compile and, in dictionary_learning, look for the data's median.
    for _ in range(2 if trainer else 0):
        trainer.step()  # type: ignore[union-attr]
    _say({})
    for line in sys.stdin:
        command, *numbers = line.split()
        if command == "train":
            _say(trained(method, *map(int, numbers)))
        elif trainer is not None:
            gc.collect()
            took = timed(trainer.step)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            _say({"seconds": took.seconds, "foreign": took.foreign, "peak": peak})


def _say(value: dict[str, float]) -> None:
    # Libraries print too: an answer is known by how it begins.
    print("=> " + json.dumps(value), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

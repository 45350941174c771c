"""Two threads using one model give the same numbers as one."""

import threading
from collections.abc import Callable
from typing import Any

import torch

from interp_nb.heads import attention, head_roles
from interp_nb.models.prompts import Contrast
from interp_nb.patching import patch_grid
from tests.tiny_models import ANSWER, CLEAN, CORRUPTED, WRONG, shared

ONE = Contrast(CLEAN, CORRUPTED, ANSWER, WRONG)
OTHER = Contrast("John and Mary went to the", "Mary and John went to the", " John", " Mary")

WORK: list[Callable[[Any], Any]] = [
    lambda model: patch_grid(model, ONE),
    lambda model: patch_grid(model, OTHER, "attn_out", direction="noise", metric="prob"),
    lambda model: patch_grid(model, ONE, "mlp_out", live=True).wait(),
    lambda model: attention(model, OTHER.clean),
    lambda model: head_roles(model, n_prompts=2, seq_len=6),
    lambda model: patch_grid(model, ONE, patches_per_forward=1),
]


def test_threads_do_not_change_each_others_numbers():
    model = shared("gpt2", 3)
    alone = [work(model) for work in WORK]
    together: list[Any] = [None] * (2 * len(WORK))
    start = threading.Barrier(len(together))

    def run(slot: int) -> None:
        start.wait()
        together[slot] = WORK[slot % len(WORK)](model)

    threads = [threading.Thread(target=run, args=(slot,)) for slot in range(len(together))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for slot, result in enumerate(together):
        assert result == alone[slot % len(WORK)]


def test_a_plain_forward_beside_a_running_grid_is_not_touched_by_it():
    # Nobody makes a reader take our lock: hooks, skipped layers and swapped-in residual streams must not reach it.
    model = shared("gpt2", 3)
    tokens = ONE.tokens(model).corrupted
    with torch.no_grad():
        alone = model(tokens)
    grids, stop = [], threading.Event()

    def keep_patching() -> None:
        while not stop.is_set():
            grids.append(patch_grid(model, ONE, patches_per_forward=1))

    thread = threading.Thread(target=keep_patching)
    thread.start()
    try:
        with torch.no_grad():
            wrong = sum(not torch.equal(model(tokens), alone) for _ in range(150))
    finally:
        stop.set()
        thread.join()
    assert wrong == 0
    assert grids
    assert all(grid == grids[0] for grid in grids)


def test_a_forward_that_begins_in_another_thread_leaves_this_ones_batch_alone():
    # TransformerLens notes the batch size on the position embedding when a forward begins and reads it after embedding.
    model = shared("gpt2", 3)
    tokens = ONE.tokens(model).corrupted

    def begin_elsewhere(activation: torch.Tensor, hook: Any) -> None:
        other = threading.Thread(target=setattr, args=(model.pos_embed, "_current_batch_size", 2))
        other.start()
        other.join()

    with torch.no_grad():
        disturbed = model.run_with_hooks(tokens, fwd_hooks=[("hook_embed", begin_elsewhere)])
        assert torch.equal(disturbed, model(tokens))

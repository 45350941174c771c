"""One lock per model, and two threads that give the numbers of one."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from interp_nb.models import lock
from interp_nb.models.edit import capture, edit, forward
from interp_nb.models.lock import model_lock
from tests.tiny_models import CLEAN, CORRUPTED, shared

SITE = "blocks.1.hook_resid_pre"
ROUNDS = 15


class Model:
    pass


class Unhashable(Model):
    def __eq__(self, other):
        return True

    __hash__ = None


def test_lock_belongs_to_the_object_and_not_to_its_value():
    first, second = Model(), Model()
    assert model_lock(first) is model_lock(first)
    assert model_lock(first) is not model_lock(second)
    assert model_lock(one := Unhashable()) is model_lock(one)
    assert model_lock(Unhashable()) is not model_lock(one)


def test_lock_is_reentrant():
    held = model_lock(Model())
    with held, held:
        assert held.acquire(blocking=False)
        held.release()


def test_lock_keeps_no_model_alive_and_is_forgotten_with_it():
    model = Model()
    model_lock(model)
    key, gone = id(model), weakref.ref(model)
    assert key in lock._locks
    del model
    gc.collect()
    assert gone() is None
    assert key not in lock._locks


def test_new_model_at_an_old_address_gets_a_lock_of_its_own():
    model = Model()
    old = model_lock(model)
    other = Model()
    # What a reused id looks like: the entry of a dead object under a living one's key.
    lock._locks[id(other)] = (weakref.ref(model), old)
    assert model_lock(other) is not old


def test_forward_waits_for_the_lock_and_holds_it(tiny_model):
    tokens = tiny_model.to_tokens(CLEAN)
    done = threading.Event()
    thread = threading.Thread(target=lambda: (forward(tiny_model, tokens), done.set()))
    with model_lock(tiny_model):
        thread.start()
        assert not done.wait(0.2)
    thread.join(30)
    assert done.is_set()


def test_lock_is_free_between_forwards_of_an_edit(tiny_model):
    tokens = tiny_model.to_tokens(CLEAN)
    with edit(tiny_model, [(SITE, lambda a, hook: a * 2)]), ThreadPoolExecutor(1) as pool:
        assert pool.submit(forward, tiny_model, tokens).result(timeout=30) is not None


def test_lock_is_free_after_an_interrupt(tiny_model):
    def interrupt(activation, hook):
        raise KeyboardInterrupt

    tokens = tiny_model.to_tokens(CLEAN)
    with pytest.raises(KeyboardInterrupt):
        forward(tiny_model, tokens, hooks=[(SITE, interrupt)])

    def take():
        got = model_lock(tiny_model).acquire(timeout=20)
        if got:
            model_lock(tiny_model).release()  # by the thread that took it: nobody else can
        return got

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(take).result(timeout=30)


def test_two_threads_give_the_same_numbers_as_one(tiny_model):
    """Clean forwards, edited ones, captures and starts at a layer, mixed on two threads, bit for bit."""
    one, two = tiny_model.to_tokens(CLEAN), tiny_model.to_tokens(CORRUPTED)
    residual = capture(tiny_model, one, [SITE])[SITE]

    def plain():
        return forward(tiny_model, one)

    def edited():
        return forward(tiny_model, two, hooks=[(SITE, lambda a, hook: a * 3)])

    def steered():
        with edit(tiny_model, [("blocks.0.hook_mlp_out", lambda a, hook: torch.zeros_like(a))]):
            return forward(tiny_model, one) + forward(tiny_model, one)

    def captured():
        return capture(tiny_model, two, ["blocks.1.attn.hook_pattern"])["blocks.1.attn.hook_pattern"]

    def started():
        return forward(tiny_model, residual, start_at_layer=1)

    kinds = [plain, edited, steered, captured, started]
    alone = [kind() for kind in kinds]

    def worker(offset):
        return [(n, kinds[n]()) for n in ((i * offset + offset) % len(kinds) for i in range(ROUNDS))]

    with ThreadPoolExecutor(3) as pool:
        results = [
            pair for future in [pool.submit(worker, k) for k in (1, 2, 3)] for pair in future.result(timeout=120)
        ]
    wrong = [kinds[n].__name__ for n, value in results if not torch.equal(value, alone[n])]
    assert len(results) == 3 * ROUNDS
    assert wrong == []


def test_without_the_lock_threads_do_disturb_each_other():
    """What the lock is for: TransformerLens's own hooks reach every thread's forward."""
    model = shared("gpt2")
    tokens = model.to_tokens(CLEAN)
    plain, inside, looked = forward(model, tokens), threading.Event(), threading.Event()

    def stay(activation, hook):
        inside.set()
        looked.wait(30)
        return activation * 3

    thread = threading.Thread(target=lambda: model.run_with_hooks(tokens, fwd_hooks=[(SITE, stay)]))
    thread.start()
    assert inside.wait(30)
    looked.set()
    with torch.no_grad(), model.hooks(fwd_hooks=[(SITE, lambda a, hook: a * 3)]), ThreadPoolExecutor(1) as pool:
        disturbed = pool.submit(lambda: model(tokens)).result(timeout=30)
    thread.join(30)
    assert not torch.allclose(disturbed, plain)

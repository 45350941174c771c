"""The one gate to a model's forward pass: reversible edits, locked forwards, captures.

Every forward of this package goes through `forward` or `capture`. They take the model's lock for that one forward, set
the gradient mode explicitly (PyTorch's is per thread, and handlers run on other threads), and take every hook off again
whatever happens. Hook points are shared by all users of a model, so an edit acts only in the context that entered it: a
context variable, which a background job copies from its creator.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb._cancel import check_cancelled
from interp_nb._errors import ConfigError
from interp_nb.models.lock import model_lock
from interp_nb.models.modules import can_keep_last, in_eval_mode, is_hooked, modules_of
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import check_hook, hook_name
from interp_nb.models.skipping import skipped

HookFunction = Callable[[Tensor, Any], Tensor | None]
"""`fn(activation, hook)`: the new activation, or None to leave it. Do not rely on `hook.name`: TransformerLens may
report its internal name instead of the one asked for."""

Hooks = Sequence[tuple[str, HookFunction]]

_active: ContextVar[frozenset[object]] = ContextVar("interp_nb_active_edits", default=frozenset())

_entered: set[object] = set()
"""Edits that nobody has left yet. A context may go on naming one that was left from another context."""


class Around(NamedTuple):
    """What is called before and after every forward of the model below."""

    before: Callable[[tuple[Any, ...], dict[str, Any]], None]
    """Called with its positional and its keyword arguments."""
    after: Callable[[dict[str, Any], Any], None]
    """Called with its keyword arguments and its output."""


@contextmanager
def edit(model: HookedModel, hooks: Hooks, *, around: Around | None = None) -> Iterator[None]:
    """Edit activations for the length of a `with` block, in this context only.

    The edit acts on every forward that this context runs, generation included, and on none that another thread or task
    runs meanwhile. Nested edits act in the order they were entered.

    Args:
        hooks: `(hook_name, fn)` pairs, see `HookFunction`.
        around: Called before and after every forward, for edits that have to know what is run.

    Raises:
        HookNameError: before anything is changed.
    """
    with attach(model, hooks, around=around) as acting, acting():
        yield


@contextmanager
def attach(
    model: HookedModel, hooks: Hooks, *, around: Around | None = None
) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Put hooks on a model that act only inside of `with acting():`, for generators.

    Whoever runs a generator shares its context: an edit that held between two of its steps would act on the caller's
    own forwards. Attaching is what costs; acting is a context variable.

    Raises:
        HookNameError: before anything is changed.
        ConfigError: `around` was given, and the model is no PyTorch module.
    """
    for name, _ in hooks:
        check_hook(model, name)
    below: Any = getattr(model, "original_model", model)
    if around is not None and not isinstance(below, torch.nn.Module):
        raise ConfigError(f"this edit has to see the tokens of every forward; a {type(model).__name__} shows none")
    token = object()
    attached = model.hooks(fwd_hooks=[(name, _only_within(token, function)) for name, function in hooks])
    entered = False
    with ExitStack() as watching:
        try:
            # The lock keeps hooks from being added or taken off in the middle of another thread's forward.
            with model_lock(model):
                entered = True
                attached.__enter__()
                if around is not None:
                    _watch(below, token, around, watching)
            yield partial(_acting, token)
        finally:
            _entered.discard(token)
            if entered:
                with model_lock(model):
                    watching.close()
                    attached.__exit__(None, None, None)


@contextmanager
def _acting(token: object) -> Iterator[None]:
    _active.set(_active.get() | {token})
    _entered.add(token)
    try:
        yield
    finally:
        # Not `ContextVar.reset`: a generator closed from another context (garbage, a new cell) must not fail here.
        _active.set(_active.get() - {token})


def _watch(below: torch.nn.Module, token: object, around: Around, watching: ExitStack) -> None:
    """Call `around` with every forward of a module, in contexts that entered the edit `token` stands for."""

    def before(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if token in _active.get():
            around.before(args, kwargs)

    def after(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if token in _active.get():
            around.after(kwargs, output)

    for function in (before, after):
        vars(function)["within"] = token  # known to `is_edited`
    watching.callback(below.register_forward_pre_hook(before, with_kwargs=True).remove)
    watching.callback(below.register_forward_hook(after, with_kwargs=True).remove)


def forward(
    model: HookedModel,
    tokens: Int[Tensor, "batch pos"] | Float[Tensor, "batch pos d_model"],
    *,
    hooks: Hooks = (),
    start_at_layer: int | None = None,
    stop_at_layer: int | None = None,
    last_position: bool = False,
    grad: bool = False,
) -> Float[Tensor, "batch pos_out d_vocab_or_d_model"]:
    """Run one forward pass under the model's lock, in eval mode; return its logits.

    Args:
        tokens: Token ids; with `start_at_layer`, the residual stream entering that layer instead.
        hooks: Edits for this forward only, see `edit`. Those in layers below `start_at_layer` do not act.
        start_at_layer: First layer that is computed; the layers below cost nothing.
        stop_at_layer: Return the residual stream entering this layer instead of logits.
        last_position: Return the last position only, `[batch 1 d_vocab]`, and unembed no other where the model can.
        grad: Keep the graph, for gradients at hook points.

    Raises:
        HookNameError: no such hook point; nothing has run.
        CancelledError: whoever asked for this gave it up, see `cancelled_by`; nothing has run.
    """
    check_cancelled()
    for name, _ in hooks:
        check_hook(model, name)
    token = object()
    how: dict[str, int] = {}
    if start_at_layer is not None:
        # A hook of our own, not TransformerLens's `start_at_layer`: that one keeps the residual stream on the blocks,
        # where a forward that somebody runs without our lock would pick it up.
        hooks = [(hook_name(model, "resid_pre", start_at_layer), lambda activation, hook: tokens.clone()), *hooks]
    if stop_at_layer is not None:
        how["stop_at_layer"] = stop_at_layer
    if last_position and stop_at_layer is None and can_keep_last(model):
        how["logits_to_keep"] = 1
    wrapped = [(name, _only_within(token, function)) for name, function in hooks]
    skips = skipped(model, start_at_layer, lambda: token in _active.get())
    with model_lock(model), torch.set_grad_enabled(grad), in_eval_mode(model), skips:
        _active.set(_active.get() | {token})
        try:
            out: Tensor = model.run_with_hooks(tokens, fwd_hooks=wrapped, return_type="logits", **how)
        finally:
            _active.set(_active.get() - {token})
    return out[:, -1:] if last_position else out


class _CapturedAll(Exception):
    """No error: it ends a forward that has given what it was run for."""


def capture(
    model: HookedModel,
    tokens: Int[Tensor, "batch pos"],
    sites: Sequence[str],
    *,
    hooks: Hooks = (),
    take: Callable[[Tensor], Tensor] = torch.clone,
) -> dict[str, Tensor]:
    """Run forward and return activations, keyed by the names asked for.

    The forward stops at the last of them: what comes after is not computed. The activations are copies, as they are
    after `hooks`.

    Args:
        sites: Full hook names.
        take: Copies what is kept of an activation. Never a view: the next layer's input may be the same storage, and
            an edit may write into it.

    Raises:
        HookNameError: no such hook point; nothing has run.
    """
    kept: dict[str, Tensor] = {}
    wanted = dict.fromkeys(sites)

    def keep(name: str) -> HookFunction:
        def read(activation: Tensor, hook: Any) -> None:
            kept[name] = take(activation.detach())
            if len(kept) == len(wanted):
                raise _CapturedAll

        return read

    with suppress(_CapturedAll):
        forward(model, tokens, hooks=[*hooks, *((name, keep(name)) for name in wanted)])
    return kept


def is_within_edit() -> bool:
    """Say whether this context is inside of an edit, of any model."""
    return bool(_active.get() & _entered)


def is_edited(model: HookedModel) -> bool:
    """Say whether anybody's hooks would change or watch a forward of this context.

    Counts edits that this context entered, permanent hooks, and hooks on modules; not edits of other contexts, which
    do not act here, nor what TransformerLens attaches for itself.
    """
    if is_within_edit():
        return True
    return any(is_hooked(module) for module in modules_of(model))


def _only_within(token: object, function: HookFunction) -> HookFunction:
    """Make a hook function act only in contexts that entered the edit `token` stands for."""

    def hooked(activation: Tensor, hook: Any) -> Tensor | None:
        return function(activation, hook) if token in _active.get() else None

    vars(hooked)["within"] = token  # known to `is_edited`
    return hooked

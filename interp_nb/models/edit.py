"""The one gate to a model's forward pass: reversible edits, locked forwards, captures.

Every forward of this package goes through `forward` or `capture`. They take the model's lock for that one forward, set
the gradient mode explicitly (PyTorch's is per thread, and handlers run on other threads), and take every hook off again
whatever happens. Hook points are shared by all users of a model, so an edit acts only in the context that entered it: a
context variable, which a background job copies from its creator.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.models.lock import model_lock
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import check_hook, hook_name

HookFunction = Callable[[Tensor, Any], Tensor | None]
"""`fn(activation, hook)`: the new activation, or None to leave it. Do not rely on `hook.name`: TransformerLens may
report its internal name instead of the one asked for."""

Hooks = Sequence[tuple[str, HookFunction]]

# Transformers blocks whose forward returns the bare residual stream (the others return tuples, and are simply run).
_RETURNS_TENSOR = frozenset(
    f"{family}DecoderLayer"
    for family in (
        "Llama",
        "Gemma",
        "Gemma2",
        "Qwen2",
        "Qwen3",
        "Mistral",
        "Mixtral",
        "Phi",
        "Phi3",
        "OPT",
        "Olmo",
        "Olmo2",
    )
) | {"GPT2Block", "GPTNeoXLayer"}

# Hooks that only watch: TransformerLens's own, and those with which transformers notes hidden states and attentions (it
# leaves them on once they were asked for).
_OF_LIBRARIES = ("transformer_lens.", "transformers.utils.output_capturing")

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
    """
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
    with model_lock(model), torch.set_grad_enabled(grad), _in_eval_mode(model), _skipped(model, start_at_layer, token):
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
    return any(_is_hooked(module) for module in _modules(model))


def training_modules(model: HookedModel) -> list[torch.nn.Module]:
    """List the modules of a model that are in training mode, where dropout acts."""
    return [module for module in _modules(model) if module.training]


def _modules(model: HookedModel) -> Iterator[torch.nn.Module]:
    """Yield every module of a model and of the Hugging Face model below it, once."""
    # Not `Module.modules()`: its recursion takes tens of milliseconds on a bridge, and this is done for every forward.
    left: list[Any] = [model, getattr(model, "original_model", None)]
    seen: set[int] = set()
    while left:
        module = left.pop()
        if isinstance(module, torch.nn.Module) and id(module) not in seen:
            seen.add(id(module))
            yield module
            left += module._modules.values()


def _is_hooked(module: torch.nn.Module) -> bool:
    if not module._forward_hooks and not module._forward_pre_hooks:
        return False
    points = vars(module).get("fwd_hooks")
    if points is not None:  # a hook point of TransformerLens, which knows the functions it was given
        return any(not hasattr(getattr(handle, "user_hook", None), "within") for handle in points)
    attached = (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    return any(
        not hasattr(hook, "within") and not str(getattr(hook, "__module__", "")).startswith(_OF_LIBRARIES)
        for hook in attached
    )


@contextmanager
def _in_eval_mode(model: HookedModel) -> Iterator[None]:
    """Switch dropout off for one forward, module by module, and back on for those that had it."""
    training = training_modules(model)
    try:
        for module in training:
            # Not `eval()`, nor an assignment: bridge modules hand those on, see `_skipped`.
            vars(module)["training"] = False
        yield
    finally:
        for module in training:
            vars(module)["training"] = True


@contextmanager
def _skipped(model: HookedModel, start_at_layer: int | None, token: object) -> Iterator[None]:
    """Make the blocks below a layer pass their input on, so that starting there saves their cost.

    TransformerLens 4.3 computes the blocks below and throws their output away (`TransformerBridge.forward`, docstring).
    Acts only under the model's lock and in this context, and is always undone.
    """
    below = list(getattr(model, "blocks", ()))[:start_at_layer] if start_at_layer else []
    below = [b for b in below if type(getattr(b, "original_component", None)).__name__ in _RETURNS_TENSOR]
    try:
        for block in below:
            # Not `block.forward = ...`: a bridge block hands attribute writes on to the Hugging Face module it wraps.
            vars(block)["forward"] = _passing_on(token, block.forward)
        yield
    finally:
        for block in below:
            vars(block).pop("forward", None)


def _passing_on(token: object, compute: Callable[..., Any]) -> Callable[..., Any]:
    """Make a block's forward that returns its input, in contexts that entered the forward `token` stands for."""

    def pass_on(hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:
        return hidden_states if token in _active.get() else compute(hidden_states, *args, **kwargs)

    return pass_on


def can_keep_last(model: HookedModel) -> bool:
    """Whether the Hugging Face model below can unembed the last positions only."""
    below = getattr(model, "original_model", None)
    return below is not None and "logits_to_keep" in inspect.signature(below.forward).parameters


def _only_within(token: object, function: HookFunction) -> HookFunction:
    """Make a hook function act only in contexts that entered the edit `token` stands for."""

    def hooked(activation: Tensor, hook: Any) -> Tensor | None:
        return function(activation, hook) if token in _active.get() else None

    vars(hooked)["within"] = token  # known to `is_edited`
    return hooked

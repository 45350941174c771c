"""One re-entrant lock per model object.

Hook points belong to the model, not to the caller, so two threads that run one model at once see each other's hooks
(widget callbacks run on another thread than cells in JupyterLab 4.4 and later). The lock is held for one forward at a
time, never for a whole computation, so that a click gets its turn. It lives outside of the model: a copied or saved
model carries no lock.
"""

import threading
import weakref
from typing import Any

_guard = threading.Lock()
# Keyed by id because a model need not be hashable; the weak reference removes the entry before an id can be reused.
_locks: dict[int, tuple[weakref.ref[Any], threading.RLock]] = {}


def model_lock(model: object) -> threading.RLock:
    """Return the lock of this model object, the same one at every call."""
    key = id(model)
    with _guard:
        entry = _locks.get(key)
        if entry is not None and entry[0]() is model:
            return entry[1]
        lock = threading.RLock()
        # NOTE: the callback may run in the middle of anything, even inside `_guard`, so it only drops one key (atomic)
        # and only if that key still belongs to the object that died.
        _locks[key] = (weakref.ref(model, lambda dead: _forget(key, dead)), lock)
        return lock


def _forget(key: int, dead: weakref.ref[Any]) -> None:
    entry = _locks.get(key)
    if entry is not None and entry[0] is dead:
        _locks.pop(key, None)

"""What a run writes down for whoever watches: records of how SAEs learn and what they recover, and changed settings."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from torch import Tensor

from interp_nb.sae.learner import Learner
from interp_nb.sae.parallel import Group
from interp_nb.sae.recovery import Recovery
from interp_nb.sae.trackers import Callback, Record

_EVALUATED: Final = ("loss_recovered", "ce_clean", "ce_recons", "ce_ablated")


class Log(NamedTuple):
    """What is written down; lists are appended to, tensors filled in place."""

    history: list[Record]
    """Records, of all SAEs in turn."""
    changes: list[Record]
    """Settings that were changed, and when."""
    firing: list[Tensor]
    """Per SAE, share of recent tokens on which each latent fired."""
    since_fired: list[Tensor]
    """Per SAE, tokens since each latent fired."""


class Recorder:
    """Writes records to a log and to callbacks.

    Args:
        recovery: Measures what the model loses, made when it is first needed; None where there is no model.
        group: The processes that train together; only the first one calls back.
    """

    def __init__(
        self, log: Log, recovery: Callable[[], Recovery] | None, callbacks: Sequence[Callback], group: Group | None
    ) -> None:
        self.log, self.callbacks = log, list(callbacks)
        self._recovery, self._group = recovery, group
        self._measured: Recovery | None = None

    def record(self, number: int, learner: Learner, moment: dict[str, Any], *, evaluate: bool) -> None:
        """Write down how an SAE does.

        Args:
            moment: When it is: step, tokens, seconds, speed.
            evaluate: Measure what the model loses, too.
        """
        record = {
            "sae": number,
            **moment,
            **learner.record(self._group),
            **(self._evaluated(learner) if evaluate else dict.fromkeys(_EVALUATED)),
        }
        self.log.firing[number].copy_(learner.firing)
        self.log.since_fired[number].copy_(learner.tokens_since_fired)
        self.log.history.append(record)
        self._call_back(record)

    def change(self, number: int, name: str, old: float | int, new: float | int, moment: dict[str, Any]) -> None:
        """Write down that something about an SAE was changed."""
        self.log.changes.append({**moment, "sae": number, "setting": name, "old": old, "new": new})

    def let_go(self) -> None:
        """Drop the model."""
        self._recovery, self._measured = None, None

    def _evaluated(self, learner: Learner) -> dict[str, Any]:
        if self._recovery is None:
            return dict.fromkeys(_EVALUATED)
        if self._measured is None:
            self._measured = self._recovery()
        found = self._measured.measure(learner.sae)._asdict()
        return {name: found[name] for name in _EVALUATED}

    def _call_back(self, record: Record) -> None:
        if self._group is not None and self._group.rank > 0:
            return
        for callback in tuple(self.callbacks):
            try:
                callback(dict(record))
            except Exception as error:  # noqa: BLE001 - a tracker that fails must not cost the run
                self.callbacks.remove(callback)
                warnings.warn(
                    f"a callback of train_sae failed and is not called any more: {type(error).__name__}: {error}",
                    stacklevel=2,
                )

"""What a run was asked to do between two steps: settings to change, and whether to stop."""

from typing import Final, NamedTuple

from interp_nb.sae.parallel import Group
from interp_nb.sae.settings import Setting


class Change(NamedTuple):
    """A setting that is to be changed."""

    sae: int | None
    """Whose; None = of every SAE that has it."""
    name: str
    value: float | int

    def concerns(self, number: int, settings: dict[str, Setting]) -> bool:
        """Whether an SAE with these settings is meant."""
        return self.sae in (None, number) and self.name in settings


class Commands:
    """Requests that wait for the next step; they may come from any thread."""

    def __init__(self) -> None:
        self.changes: Final[list[Change]] = []
        self.stopping = False

    def foreseen(self, settings: list[dict[str, Setting]]) -> list[dict[str, Setting]]:
        """Return the settings of every SAE with the values that were asked for."""
        for change in list(self.changes):
            for number, each in enumerate(settings):
                if change.concerns(number, each):
                    each[change.name] = each[change.name]._replace(value=change.value)
        return settings

    def take(self, group: Group | None) -> tuple[list[Change], bool]:
        """Return the changes that were asked for, and whether to stop: in all processes what the first one was asked.

        Changes are taken once; a wish to stop stays.
        """
        changes = [self.changes.pop(0) for _ in range(len(self.changes))]
        if group is None:
            return changes, self.stopping
        told, stopping = group.broadcast_json([changes, self.stopping])
        return [Change(*each) for each in told], bool(stopping)

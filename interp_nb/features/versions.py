"""Feature dictionaries as artifacts: versions of an SAE's card, its feature store, labels and scores, known by a hash.

    book = FeatureDictionary.create(store, "dictionaries/mine", note="first labels")
    book = book.add(store, note="relabelled", gate=report)   # a new version; refused, the current one stays
    book = book.rollback(note="labels were worse")           # the version before is current again
    FeatureDictionary.open("dictionaries/mine", version="v0002")

A version never changes: what `add` and `rollback` do is written down in the history, and which version is current is
one line in one file. How this stays whole whatever happens is in `artifact`.
"""

import html
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Int64

from interp_nb._atomic import alone
from interp_nb._errors import ConfigError
from interp_nb.features import artifact
from interp_nb.features.contents import check_same_features, content_of, features_of
from interp_nb.features.gate import gate_features, identity_of
from interp_nb.features.gate_report import MEASURED, GateReport
from interp_nb.features.labels import Label, utc_now

if TYPE_CHECKING:
    import pandas as pd


class Event(NamedTuple):
    """Something that was done to a dictionary."""

    action: str
    """"create", "add" or "rollback"."""
    version: str
    """Version that was current from then on."""
    note: str
    """Why, in the words of whoever did it."""
    time: str
    """When, in UTC (ISO 8601)."""


class FeatureDictionary:
    """One version of a feature dictionary; made by `create`, `open`, `add` and `rollback`.

    Attributes:
        path: The dictionary's folder.
        version: Name of this version, "v0001" and so on.
        note: What whoever added it had to say.
        time: When it was added, in UTC (ISO 8601).
        parent: Version that was current before; None for the first.
        content: Hash of all that is in it: equal hashes, equal content.
        latents: Indices of the features that are in it, ascending.
        thresholds: The gate they passed; None where there was none.
    """

    def __init__(self, path: Path, version: str, journal: Mapping[str, Any]) -> None:
        entry = artifact.entry_of(dict(journal), version)
        held = artifact.read_json(path / version / artifact.FEATURES)
        self.path, self.version = path, version
        self.note: str = entry["note"]
        self.time: str = entry["time"]
        self.parent: str | None = entry["parent"]
        self.content: str = entry["content"]
        self.latents: Int64[np.ndarray, " feature"] = np.array(held["latents"], np.int64)
        self.thresholds: dict[str, float | None] | None = held["gate"]
        self._of: dict[str, Any] = journal["of"]

    @classmethod
    def create(
        cls, store: Any, path: str | Path, *, note: str = "", gate: GateReport | None = None
    ) -> "FeatureDictionary":
        """Make a dictionary of a feature store with its labels; its first version is current.

        Args:
            store: A `FeatureStore`; its files are copied.
            gate: Only features that passed it are in the version; None = all latents that fire.

        Raises:
            ConfigError: there is a dictionary already, or nothing passed the gate.
            DiskError: it could not be written.
        """
        folder = Path(path)
        if folder.is_file():
            raise ConfigError(f"{folder} is a file; a dictionary is a folder: give another path")
        with alone(artifact.lock_of(folder)):
            if (folder / artifact.JOURNAL).is_file():
                raise ConfigError(
                    f"there is a feature dictionary at {str(folder)!r} already; to add a version to it, "
                    "FeatureDictionary.open(path).add(store)"
                )
            journal = {"of": identity_of(store), "current": "", "versions": {}, "events": []}
            return cls._added(folder, journal, "create", store, note, gate)

    @classmethod
    def open(cls, path: str | Path, version: str | None = None, *, verify: bool = True) -> "FeatureDictionary":
        """Open a version of a dictionary.

        Args:
            version: "v0001" and so on; None = the current one.
            verify: Read all of it and compare with its hashes, about a second per gigabyte.

        Raises:
            ModelNotFoundError: there is no dictionary.
            SaveFormatError: there is no such version, or a part of it changed; the message says which.
        """
        folder = Path(path)
        journal = artifact.read_journal(folder)
        name = journal["current"] if version is None else version
        entry = artifact.entry_of(journal, name)
        if verify:
            artifact.check_version(folder, name, entry["content"])
        return cls(folder, name, journal)

    def add(self, store: Any, *, note: str = "", gate: GateReport | None = None) -> "FeatureDictionary":
        """Add a version, which becomes the current one; return it.

        Args:
            store: A `FeatureStore` of the same SAE and model: more text, other labels.
            gate: As `create` takes it, made of this store's latents.

        Raises:
            StoreMismatchError: the store is of another SAE or model, or the gate was made of another store.
            ConfigError: nothing passed the gate, or nothing changed. The current version stays.
            DiskError: it could not be written. The current version stays.
        """
        with alone(artifact.lock_of(self.path)):
            journal = artifact.read_journal(self.path)
            check_same_features(journal["of"], identity_of(store), self.path)
            return self._added(self.path, journal, "add", store, note, gate)

    def rollback(self, to: str | None = None, *, note: str = "") -> "FeatureDictionary":
        """Make an earlier version the current one; return it. Later versions stay, and can be opened by name.

        Args:
            to: Any version; None = the one that was there when the current one was added.

        Raises:
            ConfigError: the current version is the first.
            SaveFormatError: there is no such version, or it is damaged. The current version stays.
        """
        with alone(artifact.lock_of(self.path)):
            journal = artifact.read_journal(self.path)
            current = journal["current"]
            target = to if to is not None else journal["versions"][current]["parent"]
            if target is None:
                raise ConfigError(f"{current} is the first version of {str(self.path)!r}: there is none to go back to")
            artifact.check_version(self.path, target, artifact.entry_of(journal, target)["content"])
            journal["current"] = target
            journal["events"].append(Event("rollback", target, note, utc_now())._asdict())
            artifact.write_journal(self.path, journal)
            return FeatureDictionary(self.path, target, journal)

    def verify(self) -> None:
        """Read all of this version and compare it with its hashes.

        Raises:
            SaveFormatError: naming the parts and files that changed.
        """
        artifact.check_version(self.path, self.version, self.content)

    @property
    def current(self) -> str:
        """Name of the version that is current now."""
        return str(artifact.read_journal(self.path)["current"])

    @property
    def versions(self) -> tuple[str, ...]:
        """Names of all versions, oldest first."""
        return tuple(sorted(artifact.read_journal(self.path)["versions"]))

    def history(self) -> list[Event]:
        """List what was done to the dictionary, oldest first."""
        return [Event(**event) for event in artifact.read_journal(self.path)["events"]]

    @cached_property
    def store(self) -> Any:
        """The feature store, to read; to label or to append, work on a `checkout`."""
        from interp_nb.features.store import load_store

        return load_store(self.path / self.version / artifact.STORE)

    @property
    def sae(self) -> Any:
        """The SAE; None where the latents are neurons or directions."""
        return self.store.sae

    @cached_property
    def card(self) -> dict[str, Any]:
        """The SAE's card, and what it was read with: plain values."""
        card = self.path / self.version / artifact.STORE / "sae" / "card.json"
        return {"of": self._of} | (artifact.read_json(card) if card.is_file() else {})

    @cached_property
    def labels(self) -> dict[int, Label]:
        """The labels that count, by latent."""
        current: dict[int, Label] = self.store.labels.current()
        return current

    @cached_property
    def scores(self) -> dict[int, dict[str, Any]]:
        """What was measured of each feature, by latent: its label's score, and what the gate measured."""
        held = artifact.read_json(self.path / self.version / artifact.SCORES)
        return {int(latent): values for latent, values in held.items()}

    def checkout(self, path: str | Path) -> Any:
        """Copy this version's store to a new folder, to label it or to read more text into it; return that store.

        Raises:
            ConfigError: the folder is there already.
            DiskError: it could not be written.
        """
        from interp_nb.features.store import load_store

        folder = Path(path)
        if folder.exists():
            raise ConfigError(f"{folder} is there already; give the path of a new folder")
        artifact.copy_folder(self.path / self.version / artifact.STORE, folder)
        return load_store(folder)

    def gate(self, model: Any = None, **thresholds: Any) -> GateReport:
        """Say which features of this version pass thresholds; see `gate_features`, whose arguments it takes."""
        return gate_features(self.store, model, latents=self.latents, **thresholds)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per feature: label, how sure that is, what was measured."""
        import pandas as pd

        columns = {name: self.store.column(name)[self.latents] for name in ("density", "max")}
        labels = [self.labels.get(latent) for latent in self.latents.tolist()]
        scores = [self.scores.get(latent, {}) for latent in self.latents.tolist()]
        return pd.DataFrame({
            "latent_idx": self.latents,
            "label": ["" if label is None else label.text for label in labels],
            "method": ["" if label is None else label.method for label in labels],
            "author": ["" if label is None else label.author for label in labels],
            "reliable": [None if label is None else label.reliable for label in labels],
            **{name: [_number(score.get(name)) for score in scores] for name in MEASURED},
            **columns,
        })  # fmt: skip

    def __repr__(self) -> str:
        """One line: version, whose features, how many, the first digits of the hash."""
        sites = " + ".join(self._of["latents"]["sites"]) or "unnamed site"
        model = (self._of["model"] or {}).get("name")
        where = f"{model} {sites}" if model else sites
        how_many = f"{len(self.latents)} of {self._of['latents']['d_sae']} latents"
        return f"FeatureDictionary({self.version}, {where}, {how_many}, {self.content[:8]})"

    def _repr_html_(self) -> str:
        """Draw the history as a small table."""
        rows = "".join(
            f"<tr>{''.join(f'<td>{html.escape(text)}</td>' for text in (e.time, e.action, e.version, e.note))}</tr>"
            for e in self.history()
        )
        head = "".join(f"<th>{name}</th>" for name in ("time (UTC)", "action", "version", "note"))
        return f"<p>{html.escape(repr(self))}</p><table><tr>{head}</tr>{rows}</table>"

    @classmethod
    def _added(
        cls, folder: Path, journal: dict[str, Any], action: str, store: Any, note: str, gate: GateReport | None
    ) -> "FeatureDictionary":
        """Write a version and make it current; the caller keeps others away."""
        kept = features_of(store, gate)
        name, before = artifact.next_version(journal), journal["current"] or None
        hashes = artifact.write_version(folder, name, content_of(store, kept, gate), before)
        content = artifact.content_hash(hashes)
        if before is not None and journal["versions"][before]["content"] == content:
            artifact.remove(folder / name)
            raise ConfigError(
                f"nothing changed since {before}, which has the same content ({content[:8]}): no version was added"
            )
        time = utc_now()
        journal["versions"][name] = {"parent": before, "content": content, "note": note, "time": time}
        journal["events"].append(Event(action, name, note, time)._asdict())
        journal["current"] = name
        artifact.write_journal(folder, journal)
        return cls(folder, name, journal)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)

"""What a family of files has to say of itself (`Format`), and what follows for all families from that.

A reader makes a `Plan` of a folder from its small files, and turns tensors into our state dict; a writer says what goes
into each file. Everything else is here: checking tensors against the plan, loading, inspecting, writing atomically.
"""

import dataclasses
import hashlib
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Final

import torch
from torch import Tensor

from interp_nb._errors import ConfigError, SaveFormatError
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import CROSS_LAYER
from interp_nb.sae.formats.inspection import SAEInspection, TensorNote
from interp_nb.sae.formats.plan import Piece, Plan
from interp_nb.sae.formats.processing import note_fold_
from interp_nb.sae.formats.tensor_files import Header, read_headers, read_tensors
from interp_nb.sae.formats.writing import Write, write_folder

_NUMBERS: Final = ("float64", "float32", "float16", "bfloat16", "int64", "int32")
_SCALES: Final = ("norm_scale", "target_scale")
_ALIGNED: Final = 64
"""Bytes: where PyTorch begins its tensors, and files do not."""


class Format(ABC):
    """Base: a family of files."""

    name: ClassVar[str]
    """As `sae.save(format=...)` takes it."""
    looks_like: ClassVar[str]
    """Files that a folder of this family has, for messages."""
    holds: ClassVar[str]
    """What can be written in it, for messages."""
    read_as: ClassVar[str] = ""
    """The family that reads what this one writes, where that is another."""

    @abstractmethod
    def find(self, folder: Path) -> list[str]:
        """List the SAEs of this family that lie in a folder itself, not in folders below it.

        Only names and small files are looked at. "" = the folder is one SAE; several have other ids.
        """

    def id_of(self, folder: Path, file: str) -> str:
        """Say which SAE of a folder a file in it belongs to."""
        return ""

    @abstractmethod
    def plan(self, folder: Path, sae_id: str) -> Plan:
        """Read the small files of an SAE.

        Raises:
            SaveFormatError: they do not say what they have to, or something that makes no sense.
        """

    def convert(self, plan: Plan, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Turn tensors, by their names in the files, into the parameters and buffers of our SAE.

        Here: each becomes what its piece says, transposed where it says so.

        Args:
            tensors: By name; where several files have one of the same name, by "file:name".
        """
        return {piece.becomes: tensors[piece.name].T if piece.transposed else tensors[piece.name]
                for piece in plan.pieces if piece.name in tensors}  # fmt: skip

    def contents(self, sae: SAE, dtype: str | None) -> dict[str, Write]:
        """Say what writes each file of an SAE's folder.

        Raises:
            ConfigError: what the family cannot hold, with an alternative.
        """
        raise ConfigError(f"{self.name} is only read here; save it as 'interp_nb' or 'sae_lens'")

    def save(self, sae: SAE, folder: Path, dtype: str | None = None) -> Path:
        """Write an SAE to a folder, all files or none; return the folder.

        Raises:
            ConfigError: what the family cannot hold, with an alternative.
            DiskError: the disk is full or the folder cannot be written; what was there is untouched.
        """
        contents = self.contents(sae, dtype)
        self.refuse_strangers(folder, contents)
        return write_folder(folder, contents)

    def refuse_strangers(self, folder: Path, names: Iterable[str]) -> None:
        """Refuse to write over files that are not of an SAE of this family, such as a model's config.json.

        Args:
            names: Files to be written.

        Raises:
            SaveFormatError: naming them.
        """
        known = self.replaces(folder) if folder.is_dir() else set()
        there = sorted(name for name in names if name not in known and os.path.lexists(folder / name))
        if there:
            raise SaveFormatError(
                f"{folder} holds {', '.join(there)}, which is not of an SAE of {self.name} and would be lost; give "
                "another path"
            )

    def replaces(self, folder: Path) -> set[str]:
        """List the files of an SAE of this family in a folder, which another one may take the place of."""
        return {each.name for each in folder.iterdir()} if self.find(folder) else set()

    def load(self, folder: Path, sae_id: str = "") -> SAE:
        """Load an SAE, with what its files say as provenance.

        Raises:
            SaveFormatError: the files are damaged, or not what they say they are.
        """
        plan = sound_plan(self, folder, sae_id)
        headers = {file: read_headers(folder / file) for file in plan.files}
        problems = tensor_problems(plan, headers)
        if problems:
            raise SaveFormatError(f"{folder}: {'; '.join(problems)}")
        wide = encoder_header(plan, headers).dtype == "float64"
        times = Counter(name for there in headers.values() for name in there)
        tensors = {}
        for file in plan.files:
            for name, value in read_tensors(folder / file).items():
                tensors[name if times[name] == 1 else f"{file}:{name}"] = widened(value, wide=wide)
        state = self.convert(plan, tensors)
        sae = built(plan.cfg, state, f"{folder} ({self.name})", torch.float64 if wide else torch.float32)
        sae.provenance = {"format": described(self, plan, folder)}
        note_fold_(sae, plan.fold)
        return sae

    def inspect(self, folder: Path, sae_id: str = "") -> SAEInspection:
        """Say what an SAE on disk is, from its small files and the shapes of its tensors.

        Raises:
            SaveFormatError: the small files do not say what it is.
        """
        plan = sound_plan(self, folder, sae_id)
        headers: dict[str, dict[str, Header]] = {}
        problems = list(plan.problems)
        for file in plan.files:
            try:
                headers[file] = read_headers(folder / file)
            except SaveFormatError as error:
                problems.append(str(error))
        cfg = plan.cfg
        if len(headers) == len(plan.files):
            problems += tensor_problems(plan, headers)
        return SAEInspection(
            path=str(folder), sae_id=sae_id, family=self.name, version=plan.version, architecture=plan.architecture,
            ours=cfg.architecture, kind=cfg.kind, d_in=cfg.d_in, d_sae=cfg.d_sae, d_out=cfg.output_width,
            dtype=encoder_header(plan, headers).dtype, model=cfg.model or "unknown", sites=cfg.sites,
            site_as_said=plan.site, tensors=_notes(plan, headers), conventions=list(plan.conventions),
            problems=problems, ids=[],
        )  # fmt: skip


def sound_plan(family: Format, folder: Path, sae_id: str) -> Plan:
    """Make a family's plan of a folder; what makes no sense as our configuration is an error of the files."""
    try:
        return family.plan(folder, sae_id)
    except ConfigError as error:
        raise SaveFormatError(f"{folder} ({family.name}) has settings that make no sense: {error}") from error


def tensor_problems(plan: Plan, headers: dict[str, dict[str, Header]]) -> list[str]:
    """Compare the tensors of files with what the plan expects; each difference is a sentence."""
    found = []
    known: set[tuple[str, str]] = set()
    for piece in plan.pieces:
        file = plan.file_of(piece)
        known.add((file, piece.name))
        header = headers.get(file, {}).get(piece.name)
        if header is None:
            found += [f"{file} must have {piece.name} {list(piece.shape)}, found none"] if piece.needed else []
        elif header.shape != piece.shape:
            found.append(f"{piece.name} in {file} must be {list(piece.shape)}, found {list(header.shape)}")
        elif header.dtype not in _NUMBERS:
            found.append(f"{piece.name} in {file} must hold numbers, found {header.dtype}")
    for file, there in headers.items():
        odd = sorted(name for name in there if (file, name) not in known)
        if odd:
            found.append(f"{file} must not have {', '.join(odd[:8])}: nobody knows what for")
    return found


def encoder_header(plan: Plan, headers: dict[str, dict[str, Header]]) -> Header:
    """Give the header of what becomes the encoder, or else the decoder."""
    for wanted in ("encoder", "W_dec"):
        for piece in plan.pieces:
            if piece.becomes.startswith(wanted) and piece.name in headers.get(plan.file_of(piece), {}):
                return headers[plan.file_of(piece)][piece.name]
    return Header((), "unknown")


def widened(value: Tensor, *, wide: bool) -> Tensor:
    """Bring a tensor to the precision it is used in: float32 holds all that half precision does."""
    return value.to(torch.float64 if wide else torch.float32) if value.is_floating_point() else value


def built(cfg: Any, state: dict[str, Tensor], where: str, dtype: torch.dtype) -> SAE:
    """Make an SAE of a configuration and its state.

    Raises:
        SaveFormatError: parts are missing, left over, of another shape, or not finite.
    """
    # Before anything is made: what the files hold bounds what a configuration may claim.
    wanted = {"encoder": (cfg.d_sae, encoder_width(cfg)), "W_dec": (cfg.d_sae, cfg.output_width)}
    if any(name not in state or tuple(state[name].shape) != shape for name, shape in wanted.items()):
        raise SaveFormatError(f"{where} must hold encoder and decoder of {cfg.d_sae} latents, found others")
    sae = shapes_of(cfg).to(dtype)
    own = sae.state_dict()
    made: dict[str, Tensor] = {name: torch.ones(own[name].shape) for name in _SCALES if name in own} | state
    odd = sorted(name for name in own.keys() | made.keys() if name not in own or name not in made
                 or made[name].shape != own[name].shape)  # fmt: skip
    if odd:
        shapes = [f"{name} {list(made[name].shape) if name in made else 'missing'}" for name in odd]
        raise SaveFormatError(f"{where} does not hold the weights of its configuration ({', '.join(shapes)})")
    for name, value in made.items():
        if not bool(value.isfinite().all()):
            raise SaveFormatError(f"{where}: {name} must be finite, found NaN or infinity in it")
    return filled(sae, made)


def shapes_of(cfg: Any) -> SAE:
    """Make an SAE without weights: names, shapes and types, and no memory."""
    with torch.device("meta"):
        return SAE(cfg)


def filled(sae: SAE, state: dict[str, Tensor]) -> SAE:
    """Give an SAE without weights its own: these tensors, copied only where they do not lie as it needs them."""
    taken: set[int] = set()
    held = {}
    for name, like in sae.state_dict().items():
        value = state[name].to(like.dtype).contiguous()
        # One tensor may have become two parameters, which change one by one; and where memory begins decides in which
        # order products are summed: what is loaded computes the same bits as what was saved.
        copied = value.untyped_storage().data_ptr() in taken or value.data_ptr() % _ALIGNED
        held[name] = value.clone() if copied else value
        taken.add(held[name].untyped_storage().data_ptr())
    sae.load_state_dict(held, assign=True)
    return sae.eval()


def encoder_width(cfg: Any) -> int:
    """Give how much of a row each latent reads: of a cross-layer transcoder one site's part."""
    return int(cfg.d_in) // (int(cfg.n_sites) if cfg.kind in CROSS_LAYER else 1)


def described(family: Format, plan: Plan, folder: Path) -> dict[str, Any]:
    """Say where an SAE came from, as provenance: plain JSON."""
    return {
        "family": family.name,
        "version": plan.version,
        "architecture": plan.architecture,
        "site": list(plan.cfg.sites) or plan.site or "unknown",
        "model": plan.cfg.model or "unknown",
        "conventions": {each.name: {"value": each.value, "known": each.known} for each in plan.conventions},
        "files": {name: file_hash(folder / name) for name in (*plan.configs, *plan.files)},
        "metadata": plan.metadata,
    }


def file_hash(file: Path) -> str:
    """Hash a file's bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def relabeled(found: SAEInspection, path: str, sae_id: str, ids: list[str], *, is_first: bool) -> SAEInspection:
    """Say of an inspection how the caller named the folder, and what else is in it."""
    return dataclasses.replace(found, path=path, sae_id=sae_id, ids=ids, is_first=is_first)


def _notes(plan: Plan, headers: dict[str, dict[str, Header]]) -> list[TensorNote]:
    by_place: dict[tuple[str, str], Piece] = {(plan.file_of(piece), piece.name): piece for piece in plan.pieces}
    notes = []
    for file, there in headers.items():
        for name, header in there.items():
            piece = by_place.get((file, name))
            becomes, transposed = ("not read", False) if piece is None else (piece.becomes, piece.transposed)
            notes.append(TensorNote(name, file, header.shape, header.dtype, becomes, transposed))
    return notes

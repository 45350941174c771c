"""Folders that are damaged or hostile: an error of ours or an SAE, and never a crash, code that runs, a file changed.

Every mutation of `mutations` is made of folders of every family. The files of other libraries have no hash: bits that
were flipped in a weight may load, as another number; in our own they may not.
"""

import hashlib
import pickle
import random
import shutil
import stat
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from interp_nb._errors import InterpError
from interp_nb.sae.formats.inspect import inspect_sae
from interp_nb.sae.formats.registry import FORMATS, ids_in
from interp_nb.sae.saving import load_sae
from tests.unit.sae.formats.fixtures import ROOT, cases
from tests.unit.sae.formats.mutations import CANARY, HARMLESS, MUTATIONS, Hostile
from tests.unit.sae.sae_cases import make_sae

PER_FAMILY = 1
"""Folders of a family that each mutation is made of; which ones, the name of the mutation decides."""
FAMILIES = sorted({case.split("/")[0] for case in cases()})


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A family of our own: the fixtures hold only those of others."""
    root = tmp_path_factory.mktemp("own")
    for kind, architecture in (("sae", "jumprelu"), ("clt", "topk")):
        make_sae(kind, architecture, "free", torch.float32).save(root / architecture)
    return sorted(root.iterdir())


def snapshot(folder: Path) -> dict[str, tuple[int, str]]:
    """Everything about the files that a reader might change."""
    found = {}
    for file in sorted(folder.rglob("*")):
        about = file.lstat()
        plain = stat.S_ISREG(about.st_mode)
        found[str(file)] = (about.st_mtime_ns, hashlib.sha256(file.read_bytes()).hexdigest() if plain else "")
    return found


def attempt(folder: Path, sae_id: str | None) -> object:
    """Look at a folder and load what is in it: an SAE, or the error of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refused = ""
        try:
            problems = inspect_sae(folder, sae_id).problems
        except InterpError as error:
            refused, problems = str(error), []
        try:
            made = load_sae(folder, sae_id=sae_id)
        except InterpError as error:
            return error
        # What cannot be looked at is not loaded; and what loads has no damage to be told of.
        assert not refused, refused
        assert not any("found a damaged one" in problem for problem in problems), problems
        return made


def test_enough_folders_of_every_family():
    assert len(MUTATIONS) * len(FAMILIES) * PER_FAMILY >= 100
    known = {"gemma_scope", "gemma_scope_2", "sparsify", "dictionary_learning", "circuit_tracer", "sae_lens"}
    assert known <= set(FAMILIES) and known <= set(FORMATS)


def test_the_pickles_would_run(tmp_path):
    pickle.loads(pickle.dumps(Hostile(tmp_path / CANARY)))
    assert (tmp_path / CANARY).is_dir()


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutated_folder_is_refused_or_read(name, tmp_path, own):
    rng = random.Random(f"a mutation: {name}")
    drawn = [rng.sample(cases(family), min(PER_FAMILY, len(cases(family)))) for family in FAMILIES]
    chosen = [ROOT / case for each in drawn for case in each] + own
    n_changed = 0
    for number, original in enumerate(chosen):
        home = tmp_path / str(number)
        folder = home / original.name
        shutil.copytree(original, folder)
        (home / "outside").mkdir()
        save_file({"secret": torch.ones(3)}, home / "outside" / "secret.safetensors")
        ids = ids_in(folder)
        sae_id = None if "" in ids else ids[0]
        before = attempt(folder, sae_id) if name in HARMLESS else None
        changed = MUTATIONS[name](folder, rng)
        n_changed += changed
        seen = snapshot(home)
        outcome = attempt(folder, sae_id)
        where = f"{name} of {original}"
        assert snapshot(home) == seen, f"{where}: files were changed"
        assert not list(home.rglob(CANARY)), f"{where}: code ran"
        if isinstance(outcome, torch.nn.Module):
            weights = list(outcome.state_dict().values())
            assert all(bool(value.isfinite().all()) for value in weights if value.is_floating_point()), where
            if before is not None:
                assert outcome.state_dict().keys() == before.state_dict().keys(), where
                assert all(torch.equal(a, b) for a, b in zip(weights, before.state_dict().values(), strict=True)), where
            assert not (original in own and name.startswith("weights_flipped")), f"{where}: a flipped bit was read"
        else:
            assert name not in HARMLESS and 20 < len(str(outcome)) < 4000, f"{where}: {outcome}"
            assert "secret" not in str(outcome) or "outside" in str(outcome), f"{where}: {outcome}"
    assert n_changed >= 2, f"{name} changed {n_changed} folders"

"""Maps of latents: principal components by hand, kept and read again, what cannot be mapped."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from interp_nb._errors import ConfigError
from interp_nb.features.latents import SAELatents
from interp_nb.features.maps import METHODS, feature_map, map_methods, map_note
from interp_nb.features.plain_latents import Directions, Neurons
from tests.unit.features.text_cases import N_LATENTS, make_sae

SITE = "blocks.0.hook_resid_post"


def store_of(source, path):
    return SimpleNamespace(source=source, path=path)


def test_map_is_the_two_principal_components_of_unit_directions():
    sae = make_sae(SITE)
    found = feature_map(sae)
    rows = torch.nn.functional.normalize(sae.W_dec.detach().double())
    centered = rows - rows.mean(0)
    _, sizes, axes = torch.linalg.svd(centered, full_matrices=False)
    expected = (centered @ axes[:2].T).numpy()
    assert found.dtype == np.float32
    for column in range(2):
        sign = np.sign((found[:, column] * expected[:, column]).sum())
        np.testing.assert_allclose(sign * found[:, column], expected[:, column], atol=1e-5)
    share = float(sizes[:2].square().sum() / sizes.square().sum())
    assert map_note(sae) == f"2 components hold {100 * share:.0f} % of the variance"
    np.testing.assert_array_equal(found, feature_map(sae))


def test_map_does_not_depend_on_how_long_directions_are():
    rows = torch.randn(20, 6)
    plain, longer = (feature_map(Directions(each, (SITE,))) for each in (rows, rows * torch.rand(20, 1).add(0.5)))
    np.testing.assert_allclose(plain, longer, atol=1e-5)


def test_map_is_kept_in_the_folder_of_the_store_and_made_again_when_broken(tmp_path):
    store = store_of(SAELatents(make_sae(SITE)), tmp_path)
    first = feature_map(store)
    kept = tmp_path / "map-pca.npy"
    assert kept.exists()
    other = first + 1
    np.save(kept, other)
    np.testing.assert_array_equal(feature_map(store), other)  # it is read, not made
    for broken in (b"", b"no map", kept.read_bytes()[:40]):
        kept.write_bytes(broken)
        np.testing.assert_array_equal(feature_map(store), first)
    np.save(kept, first[:5])
    np.testing.assert_array_equal(feature_map(store), first)


@pytest.mark.parametrize("shape", [(1, 6), (5, 1), (2, 2)])
def test_few_latents_or_dimensions_have_a_map_too(shape):
    found = feature_map(Directions(torch.randn(shape), (SITE,)))
    assert found.shape == (shape[0], 2)
    assert np.isfinite(found).all()
    assert map_note(Directions(torch.randn(shape), (SITE,))).startswith("2 components hold ")


def test_umap_is_asked_with_cosines_and_a_seed(monkeypatch):
    asked = {}

    class UMAP:
        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, rows):
            return rows[:, :2].astype(np.float64)

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=UMAP))
    found = feature_map(make_sae(SITE), "umap")
    assert found.shape == (N_LATENTS, 2)
    assert found.dtype == np.float32
    assert asked == {"n_neighbors": 15, "metric": "cosine", "random_state": 0, "n_jobs": 1}
    assert "distances between groups mean little" in map_note(make_sae(SITE), "umap")


def test_methods_say_what_they_lack(monkeypatch):
    monkeypatch.setattr("interp_nb.features.maps.find_spec", lambda name: None)
    assert map_methods() == {"pca": "", "umap": "needs umap-learn: pip install umap-learn"}
    monkeypatch.setattr("interp_nb.features.maps.find_spec", lambda name: name == "umap" or None)
    assert map_methods() == dict.fromkeys(METHODS, "")


def test_what_cannot_be_mapped_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ConfigError, match="method='umap' needs umap-learn"):
        feature_map(make_sae(SITE), "umap")
    with pytest.raises(ConfigError, match="method must be one of pca, umap, got 'tsne'"):
        feature_map(make_sae(SITE), "tsne")
    with pytest.raises(ConfigError, match="a map needs directions, and neurons have none"):
        feature_map(Neurons(8, (SITE,)))

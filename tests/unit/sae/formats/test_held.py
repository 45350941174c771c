"""What each family can hold, tried on the SAEs that come with the package, and what it says of what it cannot."""

import pytest
import torch

from interp_nb._errors import ConfigError
from interp_nb.sae.formats.registry import FORMATS, format_named, ids_in
from interp_nb.sae.saving import load_sae

HELD = {
    "pocket": {"interp_nb", "sae_lens", "sae_lens_legacy", "sae_lens_training", "dictionary_learning"},
    "pocket_transcoder": {"interp_nb", "sparsify"},
}


@pytest.mark.parametrize("name", HELD)
@pytest.mark.parametrize("format", FORMATS)
def test_the_package_s_own_are_held_whole_or_refused_with_an_alternative(name, format, tmp_path):
    sae = load_sae(name)
    if format not in HELD[name]:
        with pytest.raises(ConfigError, match=r"the files of \w+ cannot hold .*; save (it )?as '(interp_nb|sae_lens)'"):
            sae.save(tmp_path / "new", format)
        assert not (tmp_path / "new").exists()
        return
    folder = sae.save(tmp_path, format)
    again = load_sae(folder, sae_id=ids_in(folder)[0] or None)
    acts = torch.randn(8, sae.cfg.d_in, generator=torch.Generator().manual_seed(0)) * 3
    torch.testing.assert_close(again.encode(acts), sae.encode(acts), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(again(acts), sae(acts), rtol=1e-5, atol=1e-5)
    assert (again.cfg.model, again.cfg.sites, again.cfg.kind) == (sae.cfg.model, sae.cfg.sites, sae.cfg.kind)
    assert again.provenance["model"]["fold"] is sae.provenance["model"]["fold"] is False


def test_every_family_says_what_it_can_hold():
    said = [format_named(name).holds for name in FORMATS]
    assert len(set(said)) == len(FORMATS) and all(20 < len(words) < 100 for words in said)

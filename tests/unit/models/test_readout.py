"""The end of a model: logits as it gives them, directions as gradients are, what cannot be read is refused."""

import pytest
import torch

from interp_nb._errors import ConfigError
from interp_nb.models.edit import capture, forward
from interp_nb.models.readout import read_readout
from tests.tiny_models import ARCHITECTURES, HandMade, make, shared

TEXT = "The Eiffel Tower is in"


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_logits_are_the_models_own(architecture, fold):
    model = make(architecture, fold=True) if fold else shared(architecture)
    tokens, readout = model.to_tokens(TEXT), read_readout(model)
    resid = capture(model, tokens, ["blocks.1.hook_resid_post"])["blocks.1.hook_resid_post"]
    logits = forward(model, tokens)
    torch.testing.assert_close(readout.logits(resid), logits, rtol=1e-4, atol=1e-4)
    assert readout.agrees(resid, logits)
    assert not readout.agrees(resid, logits + 0.01 * logits.abs().max())
    assert not readout.agrees(resid, logits[..., :-1])


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "gemma2"])
def test_what_is_written_times_the_direction_is_what_it_adds(architecture):
    model = shared(architecture)
    readout = read_readout(model)
    resid = torch.randn(3, 32)
    for answer, wrong in ((5, 7), (5, None)):
        direction = readout.direction(resid, answer, wrong)
        written = torch.randn(32)
        scale = readout.scale(resid)
        # Frozen: what is added is put through the norm with the scale that was there before.
        raw = readout.raw_logits(resid)
        moved = raw + 1e-3 * readout.through(written) / scale
        before, after = readout.capped(raw).double(), readout.capped(moved).double()
        change = (after - before) / 1e-3
        against = change.mean(-1) if wrong is None else change[:, wrong]
        expected = (change[:, answer] - against).float()
        torch.testing.assert_close(direction @ written, expected, rtol=1e-2, atol=1e-2)


def test_table_of_tokens_is_centered_over_the_vocabulary():
    readout = read_readout(shared("gpt2"))
    table = readout.vocabulary(torch.randn(4, 32))
    torch.testing.assert_close(table.mean(-1), torch.zeros(4), atol=1e-5, rtol=0)
    # A direction that layer norm takes away does nothing.
    torch.testing.assert_close(readout.vocabulary(torch.ones(1, 32)), torch.zeros_like(table[:1]), atol=1e-4, rtol=0)


def test_model_without_norm_and_unembedding_is_refused():
    with pytest.raises(ConfigError, match="final norm and unembedding cannot be read"):
        read_readout(HandMade())

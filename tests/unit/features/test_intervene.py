"""One latent changed: against the SAE put in by hand, on paper, what must hold, what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from interp_nb._errors import ConfigError, NonFiniteError, PromptError, ShapeError
from interp_nb._measures import kl
from interp_nb.features.intervene import FeatureEffect, feature_effect
from interp_nb.features.latents import SAELatents
from interp_nb.features.plain_latents import Neurons
from tests.tiny_models import ARCHITECTURES, N_CTX, TwoHeads, shared
from tests.unit.features.test_on_text import on_paper
from tests.unit.features.text_cases import PROMPT, activations, make_sae

SITE = "blocks.0.hook_resid_post"
STRENGTH = {"ablate": None, "boost": -6.0, "set": 5.0}


def strongest(model, sae, prompt=PROMPT, site=SITE):
    with torch.no_grad():
        latents = sae.encode(activations(model, model.to_tokens(prompt))[site])[0]
    return int(latents[1:].sum(0).argmax())


def rule(kind, strength, old):
    new = {"ablate": torch.zeros_like(old), "boost": old * (strength or 0), "set": torch.full_like(old, strength or 0)}
    return new[kind]


def inserted(sae, latent, kind, strength, bos, *, positions=None):
    """A hook as a tutorial writes it: encode, change the latent, decode, add the error back."""

    def change(acts, hook):
        with torch.no_grad():
            latents = sae.encode(acts)
            error = acts - sae.decode(latents, acts)
            new = rule(kind, strength, latents[..., latent])
            here = torch.ones(acts.shape[1], dtype=torch.bool)
            here[:bos] = False
            if positions is not None:
                here &= torch.isin(torch.arange(acts.shape[1]), torch.tensor(positions))
            latents[..., latent] = torch.where(here, new, latents[..., latent])
            return sae.decode(latents, acts) + error

    return change


def by_hand(model, hooks, n_new):
    """Logits after the prompt, and the greedy continuation, every forward whole."""
    tokens = model.to_tokens(PROMPT)
    n_prompt, first = tokens.shape[1], None
    for _ in range(n_new):
        with torch.no_grad():
            logits = model.run_with_hooks(tokens, fwd_hooks=hooks)[0, -1]
        first = logits if first is None else first
        tokens = torch.cat([tokens, logits.argmax().view(1, 1)], 1)
        if int(tokens[0, -1]) == 0:
            break
    return first, [str(piece) for piece in model.to_str_tokens(tokens[0, n_prompt:])]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("kind", ["ablate", "boost", "set"])
def test_effect_is_that_of_the_sae_put_in_by_hand(architecture, kind):
    model, sae, strength = shared(architecture), make_sae(SITE), STRENGTH[kind]
    latent, bos = strongest(model, sae), int(model.to_tokens(PROMPT)[0, 0] == 0)
    found = feature_effect(model, sae, latent, PROMPT, kind=kind, strength=strength, n_new=6)
    before, goes_on = by_hand(model, [], 6)
    after, goes_on_changed = by_hand(model, [(SITE, inserted(sae, latent, kind, strength, bos))], 6)
    odds = torch.stack([before, after]).softmax(-1)
    torch.testing.assert_close(torch.stack([found.before, found.after]), odds[:, found.token_ids], atol=1e-4, rtol=1e-3)
    assert set(found.token_ids) == set(odds.topk(10).indices.flatten().tolist())
    assert found.kl == pytest.approx(float(kl(before, after)), abs=1e-4, rel=1e-3)
    assert found.kl > 1e-3
    assert (found.continuation_before, found.continuation_after) == (goes_on, goes_on_changed)


def test_a_change_goes_on_with_the_text_and_changes_it(tiny_model):
    # Somewhere among strengths the continuations part: else the test above would see unchanged text only.
    sae = make_sae(SITE)
    latent = strongest(tiny_model, sae)
    found = feature_effect(tiny_model, sae, latent, PROMPT, kind="set", strength=12.0)
    here = feature_effect(tiny_model, sae, latent, PROMPT, kind="set", strength=12.0, positions=range(1, 6))
    _, all_along = by_hand(tiny_model, [(SITE, inserted(sae, latent, "set", 12.0, 1))], 12)
    positions = [1, 2, 3, 4, 5]
    _, at_prompt = by_hand(tiny_model, [(SITE, inserted(sae, latent, "set", 12.0, 1, positions=positions))], 12)
    assert found.continuation_after == all_along
    assert here.continuation_after == at_prompt
    assert (here.positions, found.positions) == (positions, None)
    assert found.continuation_after != found.continuation_before
    assert found.continuation_after != here.continuation_after


@pytest.mark.parametrize("kind", ["sae", "transcoder", "skip_transcoder", "crosscoder", "clt"])
def test_boost_by_one_changes_no_bit(tiny_model, kind):
    between = [f"blocks.{layer}.ln2.hook_normalized" for layer in range(2)]
    out = [f"blocks.{layer}.hook_mlp_out" for layer in range(2)]
    sites = {"sae": [SITE], "crosscoder": [SITE, "blocks.1.hook_resid_post"], "clt": [*between, *out]}
    sae = make_sae(*sites.get(kind, [between[0], out[0]]), kind=kind)
    for latent in range(0, 48, 7):
        found = feature_effect(tiny_model, sae, latent, PROMPT, kind="boost", strength=1.0, n_new=5)
        assert found.kl == 0.0
        assert torch.equal(found.before, found.after)
        assert torch.equal(found.acts.nan_to_num(), found.new_acts.nan_to_num())
        assert found.continuation_before == found.continuation_after


def test_set_to_its_own_value_changes_nothing(tiny_model):
    sae = make_sae(SITE)
    latent = strongest(tiny_model, sae)
    acts = feature_effect(tiny_model, sae, latent, PROMPT, n_new=0).acts
    pos = int(acts.nan_to_num().argmax())
    found = feature_effect(
        tiny_model, sae, latent, PROMPT, kind="set", strength=float(acts[pos]), positions=[pos - len(acts)], n_new=0
    )
    assert found.positions == [pos]
    assert found.kl == pytest.approx(0, abs=1e-9)
    torch.testing.assert_close(found.before, found.after, atol=1e-7, rtol=1e-6)


def test_ablation_is_boost_by_nothing_and_set_to_nothing(tiny_model):
    sae = make_sae(SITE)
    latent = strongest(tiny_model, sae)
    ablated = feature_effect(tiny_model, sae, latent, PROMPT)
    for other in ({"kind": "boost", "strength": 0.0}, {"kind": "set", "strength": 0.0}):
        found = feature_effect(tiny_model, sae, latent, PROMPT, **other)
        assert torch.equal(found.after, ablated.after)
        assert found.continuation_after == ablated.continuation_after


def test_numbers_are_what_paper_says():
    # 6 and 5 enter layer 1, and 0.25 of latent 0 is added more at both: 7.5 and 6.25, then 6.25 + 7.5 + 6.25 = 20.
    found = feature_effect(TwoHeads(), on_paper(), 0, "31", kind="boost", n_new=0)
    assert found.acts.tolist() == [6.0, 5.0]
    assert found.new_acts.tolist() == [12.0, 10.0]
    expected = torch.tensor([[16.0] + [0.0] * 9, [20.0] + [0.0] * 9]).softmax(-1)
    assert found.token_ids[0] == 0
    assert torch.equal(torch.stack([found.before, found.after]), expected[:, found.token_ids])
    assert found.strength == 2.0


def test_repr_is_exact(tiny_model):
    paper = feature_effect(TwoHeads(), on_paper(), 0, "31", kind="set", strength=-64.0, n_new=0)
    # -11.5 and -12.25 enter layer 1, so the last residual is -36, against nine logits of 0: KL = 36 + ln 9.
    line = "FeatureEffect(latent 0 set to -64, blocks.1.hook_resid_pre, KL 38.20, '0' 1.00 to 0.00)"
    assert repr(paper) == line
    silent = feature_effect(TwoHeads(), on_paper(), 1, "1", n_new=0)
    assert repr(silent) == "FeatureEffect(latent 1 ablated, blocks.1.hook_resid_pre, KL 0.00, '0' 0.86 to 0.86)"
    assert silent.note == "the latent does not fire on this text, so this changes nothing"


def test_store_gives_the_unit_of_set(tiny_model):
    sae = make_sae(SITE)
    latent = strongest(tiny_model, sae)
    largest = np.arange(48, dtype=np.float32) / 4
    store = SimpleNamespace(source=SAELatents(sae), sae=sae, column={"max": largest}.__getitem__)
    whole = feature_effect(tiny_model, store, latent, PROMPT, kind="set")
    half = feature_effect(tiny_model, store, latent, PROMPT, kind="set", strength=0.5)
    assert (whole.value, whole.strength) == (float(largest[latent]), 1.0)
    assert (half.value, half.strength) == (float(largest[latent]) / 2, 0.5)
    absolute = feature_effect(tiny_model, sae, latent, PROMPT, kind="set", strength=float(largest[latent]) / 2)
    assert torch.equal(absolute.after, half.after)
    with pytest.raises(ConfigError, match="latent 0 never fired there; give the SAE instead of the store"):
        feature_effect(tiny_model, store, 0, PROMPT, kind="set")


def test_neuron_is_ablated_in_its_place(tiny_model):
    site = "blocks.1.mlp.hook_post"
    acts = activations(tiny_model, tiny_model.to_tokens(PROMPT))[site][0]
    neuron = int(acts[-1].argmax())
    found = feature_effect(tiny_model, Neurons(acts.shape[1], (site,)), neuron, PROMPT, n_new=3)

    def silence(x, hook):
        x = x.clone()
        x[:, 1:, neuron] = x[:, 1:, neuron].clamp(max=0)
        return x

    logits, goes_on = by_hand(tiny_model, [(site, silence)], 3)
    torch.testing.assert_close(found.after, logits.softmax(-1)[found.token_ids], atol=1e-5, rtol=1e-4)
    assert found.continuation_after == goes_on


def test_generation_ends_where_the_context_does(tiny_model):
    sae = make_sae(SITE)
    full = feature_effect(tiny_model, sae, 0, PROMPT * 60, n_new=4)
    assert full.continuation_before == full.continuation_after == []
    assert full.note.startswith(f"only the first {N_CTX} tokens were read")
    nearly = " the" * (N_CTX - 3)
    assert len(feature_effect(tiny_model, sae, 0, nearly, n_new=9).continuation_before) <= 2


def test_text_of_one_token_and_no_new_ones(tiny_model):
    found = feature_effect(tiny_model, make_sae(SITE), 3, " Paris", n_new=0)
    assert len(found.tokens) == 2
    assert found.continuation_after == []


def test_saved_and_loaded_it_is_equal_and_has_a_frame(tiny_model, tmp_path):
    found = feature_effect(tiny_model, make_sae(SITE), 3, PROMPT, kind="boost", strength=3)
    assert FeatureEffect.load(found.save(tmp_path / "effect.safetensors")) == found
    frame = found.to_frame()
    assert list(frame.columns) == ["token", "before", "after", "change"]
    assert frame.token.tolist() == found.token_strings
    np.testing.assert_allclose(frame.change, found.after - found.before)
    larger = torch.maximum(found.before, found.after).tolist()
    assert larger == sorted(larger, reverse=True)


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"prompt": ""}, PromptError, "prompt is empty"),
        ({"latent_idx": 48}, ShapeError, "a latent is 0 to 47 here, got 48"),
        ({"kind": "remove"}, ConfigError, "kind must be one of ablate, boost, set, got 'remove'"),
        ({"strength": 2.0}, ConfigError, "kind='ablate' takes no strength, got 2.0"),
        ({"kind": "boost", "strength": float("nan")}, ConfigError, "strength must be a finite number, got nan"),
        ({"kind": "set"}, ConfigError, "kind='set' needs a strength"),
        ({"positions": [0]}, ShapeError, r"positions must be some of those that count, 1 to 5, got \[0\]"),
        ({"positions": []}, ShapeError, r"1 to 5, got \[\]; None = all"),
        ({"n_new": -1}, ConfigError, "n_new must be at least 0, got -1"),
    ],
)
def test_what_makes_no_sense_is_refused(tiny_model, asked, error, message):
    asked = {"latent_idx": 3, "prompt": PROMPT} | asked
    with pytest.raises(error, match=message):
        feature_effect(tiny_model, make_sae(SITE), **asked)


def test_model_that_gives_nan_is_refused(tiny_model):
    sae = make_sae(SITE)
    with torch.no_grad():
        sae.W_dec[3] = torch.nan
    with pytest.raises(NonFiniteError, match="must be finite"):
        feature_effect(tiny_model, sae, 3, PROMPT, kind="set", strength=1.0)

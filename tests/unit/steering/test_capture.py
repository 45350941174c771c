"""What `generate` keeps of every token, the last one included: activations as steered, and the highest latents."""

import pytest
import torch

from tests.tiny_models import shared
from tests.unit.steering.steer_cases import BEHIND, PROMPTS, SITE, tiny_sae, vector


def whole(model, prompt, new, v=None):
    """Activations of the whole text in one forward."""
    from interp_nb.models.edit import capture
    from interp_nb.steering.apply import steer
    from interp_nb.steering.recipe import Steering

    ids = torch.cat([model.to_tokens(prompt)[0], torch.tensor(new, dtype=torch.long)]).unsqueeze(0)
    found = {}
    for name in (BEHIND, SITE):
        with steer(model, [] if v is None else Steering(v, layers=[0])):
            found[name] = capture(model, ids, [name])[name][0]
    return found


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("architecture", ["gpt2", "gemma2"])
def test_activations_are_those_of_the_whole_text_prompt_and_last_token_included(architecture, use_cache):
    from interp_nb.steering.generate import generate
    from interp_nb.steering.recipe import Steering

    model, v = shared(architecture), vector(norm=8.0)
    made = generate(
        model, list(PROMPTS), steering=Steering(v, layers=[0]), n_new=3, stop_at_end=False, capture=["resid_post"],
        use_cache=use_cache,
    )  # fmt: skip
    for number, prompt in enumerate(PROMPTS):
        for own, by in ((made.baseline[number], None), (made.steered[number], v)):
            assert list(own.activations) == [BEHIND, SITE]
            assert own.latents is None
            for name, expected in whole(model, prompt, own.token_ids, by).items():
                found = own.activations[name]
                assert found.shape == (len(made.prompt_ids[number]) + 3, 32)
                assert torch.allclose(found, expected, atol=1e-5 * float(expected.abs().max()))


def test_capture_of_the_prompt_alone_needs_no_new_token(tiny_model):
    from interp_nb.steering.generate import generate

    made = generate(tiny_model, PROMPTS[0], n_new=0, capture=SITE)
    assert made.baseline[0].text == ""
    assert torch.allclose(made.baseline[0].activations[SITE], whole(tiny_model, PROMPTS[0], [])[SITE], atol=1e-6)


def test_latents_are_ranked_for_every_token_of_both_runs(tiny_model):
    from interp_nb.steering.generate import generate
    from interp_nb.steering.latents import feature_vector
    from interp_nb.steering.recipe import Steering

    sae = tiny_sae()
    held = Steering(feature_vector(sae, 5, acts_p99=50.0), operator="set")
    made = generate(tiny_model, PROMPTS[0], steering=held, n_new=3, stop_at_end=False, sae=sae, n_latents=4)
    for own in (made.baseline[0], made.steered[0]):
        assert own.activations == {}
        assert own.latents.ids.shape == own.latents.acts.shape == (len(made.prompt_ids[0]) + 3, 4)
        assert bool((own.latents.acts[:, :-1] >= own.latents.acts[:, 1:]).all())
    plain = whole(tiny_model, PROMPTS[0], made.baseline[0].token_ids)[BEHIND]
    expected = sae.encode(plain).clamp(min=0).topk(4, dim=1)
    assert torch.allclose(made.baseline[0].latents.acts, expected.values, atol=1e-4)
    clear = expected.values[:, 0] - expected.values[:, 1] > 1e-3
    assert torch.equal(made.baseline[0].latents.ids[clear, 0], expected.indices[clear, 0])
    # Begin-of-text is not steered; every other token has the latent at the top, the new ones too.
    assert made.steered[0].latents.ids[1:, 0].tolist() == [5] * (len(made.prompt_ids[0]) + 2)
    assert made.steered[0].latents.ids[0, 0] == made.baseline[0].latents.ids[0, 0]


def test_places_that_cannot_be_kept_are_refused(tiny_model):
    from interp_nb._errors import ConfigError, HookNameError
    from interp_nb.sae.coder import SAE
    from interp_nb.sae.config import SAEConfig
    from interp_nb.steering.generate import generate

    with pytest.raises(HookNameError, match="did you mean 'resid_post'"):
        generate(tiny_model, PROMPTS[0], capture=["resid_pst"])
    with pytest.raises(ConfigError, match="pairs of tokens"):
        generate(tiny_model, PROMPTS[0], capture=["pattern"])
    with pytest.raises(ConfigError, match="one named place"):
        generate(tiny_model, PROMPTS[0], sae=SAE(SAEConfig(d_in=32, d_sae=8, architecture="relu")))
    with pytest.raises(ConfigError, match="one named place"):
        generate(tiny_model, PROMPTS[0], sae=3)

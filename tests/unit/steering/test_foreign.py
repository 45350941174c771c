"""Objects of the steering-vectors package: the same activations when they are added, and what is refused."""

from types import SimpleNamespace

import pytest
import torch

from interp_nb._errors import ConfigError, VectorMismatchError
from interp_nb.models.edit import forward
from interp_nb.steering.extract import steering_vector
from interp_nb.steering.foreign import SITES, from_steering_vectors
from tests.tiny_models import make, shared
from tests.unit.steering.vector_cases import PACKAGE, PAIRS

TEXT = "The Eiffel Tower is in"


def foreign(kind="decoder_block", layers=(0, 1), width=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return SimpleNamespace(
        layer_activations={layer: torch.randn(width, generator=generator) for layer in layers}, layer_type=kind
    )


def test_the_packages_own_numbers_are_our_mean_difference():
    model = shared("gpt2", 4)
    activations = {int(layer): torch.tensor(row) for layer, row in PACKAGE["mean"].items()}
    found = from_steering_vectors(SimpleNamespace(layer_activations=activations, layer_type="decoder_block"), model)
    ours = steering_vector(model, PAIRS)
    assert torch.allclose(found.vectors, ours.vectors, atol=2e-6)
    assert bool((found.cosine(ours) > 1 - 1e-6).all())


MODULES = {
    "gpt2": {"decoder_block": "", "self_attn": "attn", "mlp": "mlp"},
    "llama": {"decoder_block": "", "self_attn": "self_attn", "mlp": "mlp"},
}


@pytest.mark.parametrize("kind", sorted(SITES))
@pytest.mark.parametrize("architecture", sorted(MODULES))
def test_adding_it_does_what_the_package_does(architecture, kind):
    """The package adds to the output of a module; we to the activation at a site. The logits are the same."""
    model = make(architecture)
    obj = foreign(kind)
    vector = from_steering_vectors(obj, model)
    tokens = model.to_tokens(TEXT)
    hooks = [
        (name, lambda x, hook, row=row: x + row) for name, row in zip(vector.hook_names, vector.vectors, strict=True)
    ]
    found = forward(model, tokens, hooks=hooks)
    below = model.original_model
    blocks = below.transformer.h if architecture == "gpt2" else below.model.layers
    handles = []
    for layer, row in obj.layer_activations.items():
        part = blocks[layer].get_submodule(MODULES[architecture][kind])

        def add(module, args, output, row=row):
            return (output[0] + row, *output[1:]) if isinstance(output, tuple) else output + row

        handles.append(part.register_forward_hook(add))
    with torch.no_grad():
        expected = below(tokens).logits
    for handle in handles:
        handle.remove()
    plain = forward(model, tokens)
    assert (expected - plain).abs().max() > 0.1
    assert torch.allclose(found, expected, atol=1e-4)


def test_negative_layers_and_extra_axes_are_understood(tiny_model):
    row = torch.randn(1, 32)
    found = from_steering_vectors(SimpleNamespace(layer_activations={-1: row}, layer_type="mlp"), tiny_model, name="x")
    assert (found.layers, found.site, found.name) == ([1], "mlp_out", "x")
    assert torch.equal(found.vectors, row)


@pytest.mark.parametrize(
    ("obj", "error", "said"),
    [
        ("vector.pkl", ConfigError, "its files are pickles, which are not read here"),
        (SimpleNamespace(layer_activations={0: [1.0]}), ConfigError, "expected a SteeringVector"),
        (foreign("input_layernorm"), ConfigError, "'input_layernorm' has no site here"),
        (foreign(layers=()), ConfigError, "no layers"),
        (foreign(layers=(0, 9)), VectorMismatchError, "has 2 layers"),
        (foreign(width=31), VectorMismatchError, "width 31"),
    ],
)
def test_what_does_not_fit_is_refused(tiny_model, obj, error, said):
    with pytest.raises(error, match=said):
        from_steering_vectors(obj, tiny_model)


def test_a_norm_behind_the_module_is_another_place():
    with pytest.raises(ConfigError, match="has a norm after mlp"):
        from_steering_vectors(foreign("mlp"), shared("gemma2"))
    assert from_steering_vectors(foreign(), shared("gemma2")).site == "resid_post"

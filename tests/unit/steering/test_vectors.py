"""Steering vectors as data: arithmetic on paper, what must not change, what is refused, how they print and draw."""

import dataclasses
import math

import pytest
import torch

from interp_nb._errors import ConfigError, ShapeError, VectorMismatchError
from interp_nb.steering.mismatch import check_model
from interp_nb.steering.records import PairRead, VectorQuality
from interp_nb.steering.vectors import SteeringVector


def made(rows, name="v", **known):
    return SteeringVector.of(torch.tensor(rows), list(range(len(rows))), name=name, **known)


def quality(n=1, **values):
    fields = dict.fromkeys(VectorQuality._fields[:6], torch.full((n,), 0.75)) | values
    return VectorQuality(**fields, n_train=8, n_held_out=2, note="")


def random_vectors(n=3, layers=2, d=16):
    return [made(torch.randn(layers, d).tolist(), name=f"v{index}") for index in range(n)]


def test_arithmetic_by_hand():
    one, other = made([[1.0, 2.0]], "a"), made([[3.0, -4.0]], "b")
    assert (one + other).vectors.tolist() == [[4.0, -2.0]]
    assert (one - other).vectors.tolist() == [[-2.0, 6.0]]
    assert (2 * one).vectors.tolist() == (one * 2).vectors.tolist() == [[2.0, 4.0]]
    assert (other / 4).vectors.tolist() == [[0.75, -1.0]]
    assert (-one).vectors.tolist() == [[-1.0, -2.0]]
    assert sum([one, other]).vectors.tolist() == [[4.0, -2.0]]
    assert other.norm.tolist() == [5.0]
    assert other.unit().vectors.tolist() == [[pytest.approx(0.6), pytest.approx(-0.8)]]
    assert other.scaled_to(10).vectors.tolist() == [[6.0, -8.0]]
    assert float(one.cosine(other)) == pytest.approx((3 - 8) / (5**0.5 * 5))
    # (1, 2) along (3, -4) / 5 is -1 long.
    assert one.project(other).vectors.tolist() == [[pytest.approx(-0.6), pytest.approx(0.8)]]
    assert one.orthogonal_to(other).vectors.tolist() == [[pytest.approx(1.6), pytest.approx(1.2)]]


def test_arithmetic_keeps_names_and_provenance():
    one = made([[1.0, 2.0]], "a", provenance={"function": "x"}, model_name="pocket")
    other = made([[3.0, -4.0]], "b", provenance={"function": "y"})
    found = 0.5 * one - other
    assert found.name == "0.5 a - b"
    assert found.model_name == "pocket"
    assert found.provenance["operation"] == "-"
    scaled, second = found.provenance["terms"]
    assert second == {"name": "b", "provenance": {"function": "y"}}
    assert scaled["provenance"]["scale"] == 0.5
    assert scaled["provenance"]["terms"][0]["provenance"] == {"function": "x"}


def test_scaling_keeps_what_holds_of_the_direction():
    vector = made([[3.0, 4.0]], midpoint=torch.tensor([1.5]), stream_norm=torch.tensor([10.0]), quality=quality())
    assert vector.norm_share.tolist() == [0.5]
    for found, sign, share in ((2 * vector, 1, 1.0), (-vector, -1, 0.5), (vector.unit(), 1, 0.1)):
        assert found.midpoint.tolist() == [1.5 * sign]
        assert found.norm_share.tolist() == [pytest.approx(share)]
        assert found.quality is vector.quality
    assert (vector + vector).quality is None
    assert (vector + vector).midpoint.tolist() == [0.0]
    assert (vector + made([[1.0, 0.0]])).norm_share.tolist() == [pytest.approx(math.hypot(4, 4) / 10)]


def test_orthogonal_to_several_leaves_nothing_along_any():
    vector, *others = random_vectors(4)
    slanted = [others[0], others[0] + 1e-3 * others[1], others[2]]  # two of them nearly parallel
    left = vector.orthogonal_to(*slanted)
    for other in (*slanted, others[1]):
        assert left.cosine(other).abs().max() < 1e-5
    # The removed part lies in their span: least squares finds it whole.
    for layer in range(2):
        span = torch.stack([other.vectors[layer] for other in slanted], 1).double()
        removed = (vector.vectors - left.vectors)[layer].double()
        residual = removed - span @ torch.linalg.lstsq(span, removed).solution
        assert residual.norm() < 1e-3 * removed.norm()


def test_orthogonal_to_itself_is_zero():
    vector, other = random_vectors(2)
    assert bool((vector.orthogonal_to(2 * vector).vectors == 0).all())
    assert bool(((vector + other).orthogonal_to(vector, other).vectors == 0).all())
    with pytest.raises(ConfigError, match=r"zero at layers 0-1 and has no direction"):
        vector.orthogonal_to(vector).unit()


def test_projection_and_rest_add_up():
    vector, other = random_vectors(2)
    assert torch.allclose((vector.project(other) + vector.orthogonal_to(other)).vectors, vector.vectors, atol=1e-5)


def test_at_takes_one_layer_of_everything():
    vector = made(
        [[1.0, 0.0], [0.0, 2.0]], layer=1, midpoint=torch.tensor([3.0, 4.0]), stream_norm=torch.tensor([5.0, 8.0]),
        quality=quality(2, auc=torch.tensor([0.5, 0.9])),
    )  # fmt: skip
    found = vector.at()
    assert (found.layers, found.layer, found.vectors.tolist()) == ([1], 1, [[0.0, 2.0]])
    assert (found.midpoint.tolist(), found.norm_share.tolist()) == ([4.0], [0.25])
    assert found.quality.auc.tolist() == [pytest.approx(0.9)]
    assert vector.at(0).layer == 0
    with pytest.raises(VectorMismatchError, match=r"'v' has vectors for layers 0-1 of resid_post, none for layer 5"):
        vector.at(5)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"model_name": "gpt2"}, r"different models, pocket and gpt2"),
        ({"site": "mlp_out"}, r"different sites, resid_post and mlp_out"),
    ],
)
def test_vectors_of_different_places_are_refused(other, said):
    one = made([[1.0, 2.0]], model_name="pocket")
    with pytest.raises(VectorMismatchError, match=said):
        one + made([[1.0, 2.0]], **other)
    with pytest.raises(VectorMismatchError, match=said):
        one.cosine(made([[1.0, 2.0]], **other))


def test_vectors_of_other_layers_or_widths_are_refused():
    one = made([[1.0, 2.0]])
    with pytest.raises(VectorMismatchError, match=r"layer 0 and layers 0-1; take one layer of each"):
        one - made([[1.0, 2.0], [1.0, 2.0]])
    with pytest.raises(VectorMismatchError, match=r"different widths, 2 and 3"):
        one.project(made([[1.0, 2.0, 3.0]]))


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_factors_and_rows_must_be_finite(wrong):
    with pytest.raises(ConfigError, match="finite"):
        made([[1.0]]) * wrong
    with pytest.raises(ConfigError, match="finite"):
        made([[wrong]])


def test_other_refusals():
    vector = made([[1.0, 2.0]])
    with pytest.raises(ConfigError, match="divided by 0"):
        vector / 0
    with pytest.raises(ConfigError, match="norm must be positive"):
        vector.scaled_to(-1)
    for layers in ([0, 1], [], [0, 0]):
        with pytest.raises(ShapeError, match="one row per layer"):
            SteeringVector.of(torch.ones(max(1, len(set(layers)) - 1), 2), layers)
    for what in ("text", None, [1.0]):
        with pytest.raises(TypeError):
            vector * what
        with pytest.raises(TypeError):
            vector + what


def test_hook_names_of_short_and_full_sites():
    assert made([[1.0], [2.0]]).hook_names == ["blocks.0.hook_resid_post", "blocks.1.hook_resid_post"]
    assert made([[1.0]], site="ln_final.hook_normalized").hook_names == ["ln_final.hook_normalized"]


def test_equal_by_value_and_frozen():
    one, same = made([[1.0, 2.0]]), made([[1.0, 2.0]])
    assert one == same
    assert one != made([[1.0, 2.5]])
    assert one == dataclasses.replace(same, _sae=object())  # the SAE is no part of the value
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.name = "other"


def test_check_model_tells_models_apart(tiny_model):
    from interp_nb.sae.fingerprint import model_identity
    from tests.tiny_models import shared

    fits = SteeringVector.of(torch.ones(2, 32), [0, 1])
    check_model(fits, tiny_model)
    for vector, said in (
        (SteeringVector.of(torch.ones(1, 32), [7]), r"layer 7, model .* has 2 layers"),
        (SteeringVector.of(torch.ones(1, 31), [0]), r"width 31, the residual stream of model .* has 32"),
        (SteeringVector.of(torch.ones(1, 32), [0], site="blocks.0.hook_nothing"), "no such place"),
        (SteeringVector.of(torch.ones(1, 32), [0], model_name="pocket"), r"name pocket; this one is name"),
        (
            SteeringVector.of(torch.ones(1, 32), [0], provenance={"model_type": "llama"}),
            "of a llama model, .* is a gpt2",
        ),
    ):
        with pytest.raises(VectorMismatchError, match=said):
            check_model(vector, tiny_model)
    # Known by its weights, whatever it was called; and refused by them.
    known = model_identity(tiny_model)
    renamed = dict(known, name="somewhere/else")
    check_model(dataclasses.replace(fits, model_name="somewhere/else", provenance={"model": renamed}), tiny_model)
    other = dataclasses.replace(fits, provenance={"model": renamed | {"weights": "0"}})
    with pytest.raises(VectorMismatchError, match="another model"):
        check_model(other, tiny_model)
    with pytest.raises(VectorMismatchError, match="llama"):
        check_model(dataclasses.replace(fits, provenance={"model_type": "gpt2"}), shared("llama"))


def test_repr_says_what_it_is():
    rows = [[0.6, 0.8], [0.0, 3.36], [0.0, 1.0], [1.0, 0.0]]
    scan = quality(
        4, auc=torch.tensor([0.5, 1.0, 0.9, 0.8]), auc_low=torch.tensor([0.3, 0.98, 0.8, 0.7]),
        auc_high=torch.ones(4),
    )  # fmt: skip
    vector = made(rows, "sentiment", method="mean", layer=1, quality=scan, stream_norm=torch.full((4,), 4.0))
    assert repr(vector) == (
        "SteeringVector(sentiment, mean difference, resid_post, layers 0-3, best 1, AUC 1.00 [0.98, 1.00], share 0.84)"
    )
    assert repr(made([[1.0]], "latent 12", method="latent")) == "SteeringVector(latent 12, resid_post, layer 0)"
    sparse = SteeringVector.of(torch.ones(2, 3), [0, 2], name="mean difference", method="mean", layer=2)
    assert repr(sparse) == "SteeringVector(mean difference, resid_post, layers 0, 2, steers 2)"


def test_frame_has_a_row_per_layer():
    frame = made([[3.0, 4.0], [0.0, 1.0]], quality=quality(2), stream_norm=torch.tensor([10.0, math.nan])).to_frame()
    assert frame["layer"].tolist() == [0, 1]
    assert frame["norm"].tolist() == [5.0, 1.0]
    assert frame["share"][0] == 0.5
    assert math.isnan(frame["share"][1])
    assert frame["auc"].tolist() == [0.75, 0.75]


@pytest.mark.parametrize("n_layers", [1, 2, 40])
def test_picture_is_drawn_whatever_is_unknown(n_layers):
    from interp_nb.widgets.fallback import picture

    scan = quality(n_layers, separability=torch.full((n_layers,), math.nan), agreement=torch.linspace(-1, 1, n_layers))
    scan.separability[0] = math.inf
    read = [PairRead(["<|end|>", "a\n", " $b$" * 80], ["<|end|>", "c"], [1, 2], [1])]
    plain = SteeringVector.of(torch.ones(n_layers, 3), list(range(n_layers)))
    full = dataclasses.replace(plain, quality=scan, pairs_read=read, note="few $pairs", n_pairs=2, read_at="mean")
    pictures = [picture(vector)[0] for vector in (plain, full, plain.unit())]
    assert all(png.startswith(b"\x89PNG") for png in pictures)
    assert len(set(pictures)) == (3 if n_layers > 1 else 2)
    assert picture(full)[0] == pictures[1]

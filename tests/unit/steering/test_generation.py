"""The result of `generate`: one line, a table, a file, a picture."""

import math

import pytest
import torch

from tests.unit.steering.steer_cases import BEHIND, PROMPTS, tiny_sae, vector


@pytest.fixture
def made(tiny_model):
    from interp_nb.steering.generate import generate
    from interp_nb.steering.recipe import FromMarker, Steering

    steering = [Steering(vector(2, norm=25.0), 0.5), Steering(vector(1), positions=FromMarker(" in"), layers="all")]
    return generate(
        tiny_model, list(PROMPTS[:2]), steering=steering, n_new=3, n_samples=2, temperature=1.0, stop_at_end=False,
        capture=[BEHIND], sae=tiny_sae(), n_latents=2,
    )  # fmt: skip


def test_it_prints_on_one_line(tiny_model, made):
    from interp_nb.steering.generate import generate

    share = " + ".join(f"{each:.2f}" for each in made.norm_share_added)
    assert repr(made) == (
        "Generation(2 prompts x n_new=3, 2 samples, v2 add +0.50 at layer 1, v1 add +1.00 at layers 0-1, "
        f"diverges at token {min(at for at in made.diverges_at if at is not None)}, share {share})"
    )
    assert repr(generate(tiny_model, "Paris", n_new=2)) == "Generation(1 prompt x n_new=2, not steered)"
    same = generate(tiny_model, "Paris", steering=vector() * 0.0, n_new=2)
    assert repr(same).startswith("Generation(1 prompt x n_new=2, 0 v0 add +1.00 at layer 1, says the same")


def test_texts_are_numbered_by_prompt_and_sample(made):
    assert [made.prompt_of(number) for number in range(4)] == [0, 0, 1, 1]
    frame = made.to_frame()
    assert len(frame) == 2 * 4 * 3
    assert frame.groupby(["run", "prompt", "sample"]).size().eq(3).all()
    first = frame[(frame.run == "steered") & (frame.prompt == 1) & (frame["sample"] == 1)]
    assert first.token_id.tolist() == made.steered[3].token_ids
    assert first.change.tolist() == pytest.approx(made.steered[3].change.tolist())


def test_the_first_difference_is_found_in_texts_of_any_length():
    from interp_nb.steering.generation import Continuation, first_difference

    def text(*ids):
        nothing = torch.zeros(len(ids))
        return Continuation("", [str(each) for each in ids], list(ids), nothing, nothing, nothing, "end", {}, None)

    assert first_difference(text(1, 2, 3), text(1, 2, 3)) is None
    assert first_difference(text(1, 2, 3), text(1, 5, 3)) == 1
    assert first_difference(text(1, 2), text(1, 2, 3)) == 2


def test_it_is_saved_and_read_back_equal(made, tmp_path):
    from interp_nb.steering.generation import Generation

    read = Generation.load(made.save(tmp_path / "made.safetensors"))
    assert read == made
    assert repr(read) == repr(made)
    assert torch.equal(read.steered[0].activations[BEHIND], made.steered[0].activations[BEHIND])
    assert torch.equal(read.steered[0].latents.ids, made.steered[0].latents.ids)


def test_recipes_are_noted_in_words(made):
    assert [str(each) for each in made.steering] == ["v2 add +0.50 at layer 1", "v1 add +1.00 at layers 0-1"]
    assert [each.positions for each in made.steering] == ["all", "after ' in'"]


@pytest.mark.parametrize("baseline", [True, False])
@pytest.mark.parametrize("steered", [True, False])
def test_its_picture_is_static_and_the_same_every_time(tiny_model, baseline, steered):
    from interp_nb.steering.generate import generate

    options = {"steering": vector(2, norm=25.0) if steered else None, "baseline": baseline, "n_new": 20}
    one, other = (generate(tiny_model, list(PROMPTS), **options)._repr_mimebundle_()[0] for _ in range(2))
    assert set(one) == {"text/plain", "text/html"}
    assert one == other
    assert one["text/html"].startswith("<figure")
    assert "<script" not in one["text/html"]


def test_its_picture_is_drawn_of_many_and_of_odd_texts(tiny_model):
    from interp_nb.steering.generate import generate
    from interp_nb.widgets.pictures.generation import draw

    many = generate(tiny_model, ["Paris"] * 12, steering=vector(), n_new=30, stop_at_end=False)
    few = generate(tiny_model, ["Paris"] * 8, steering=vector(), n_new=30, stop_at_end=False)
    heights = [draw(each).get_figheight() for each in (many, few)]
    assert heights[0] <= heights[1] + 1.0, "what is beyond eight texts is counted, not drawn"
    nothing = generate(tiny_model, "Paris", steering=vector(), n_new=0)
    assert math.isfinite(draw(nothing).get_figheight())
    stream = generate(tiny_model, "Paris", n_new=0)
    assert stream._repr_mimebundle_()[0]["text/html"]

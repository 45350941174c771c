"""The playground without its widget: what is set, text, the code that gives it again, vectors, saving, the picture."""

import copy
import io
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from interp_nb._cancel import CancelledError, cancelled_by
from interp_nb._errors import ConfigError, PromptError, VectorMismatchError
from interp_nb._save import equal_values
from interp_nb.models.load import load_model
from interp_nb.sae.saving import load_sae
from interp_nb.steering import playground_sliders
from interp_nb.steering.generate import generate
from interp_nb.steering.next_tokens import next_tokens
from interp_nb.steering.pair_text import read_pairs
from interp_nb.steering.playground import SteeringPlayground, steering_playground
from interp_nb.steering.playground_settings import MAX_SLIDERS
from interp_nb.steering.playground_start import named_vectors
from interp_nb.steering.recipe import Steering
from interp_nb.steering.vectors import SteeringVector
from interp_nb.widgets.fallback import picture
from tests.contract.made_playground import made_playground, made_text

PROMPT = "Dear Sir"


@pytest.fixture(scope="module")
def pocket() -> Any:
    return load_model()


def direction(model: Any, name: str = "push", seed: int = 1) -> SteeringVector:
    """A direction at every layer."""
    rows = torch.randn(4, model.cfg.d_model, generator=torch.Generator().manual_seed(seed))
    return SteeringVector.of(rows, [0, 1, 2, 3], layer=2, name=name)


def ran(code: str, **scope: Any) -> Any:
    """Run a script as a reader would, and return its last line's value."""
    exec(code, scope)
    return scope["generation"]


def same_texts(one: Any, other: Any) -> bool:
    """Whether two generations say the same with the same log-probabilities."""
    return equal_values([one.baseline, one.steered], [other.baseline, other.steered])


def test_first_text_is_there_and_is_generates(pocket: Any) -> None:
    made = steering_playground(pocket, PROMPT, [direction(pocket)], strengths=1.0, n_new=8)
    expected = generate(pocket, PROMPT, steering=Steering(made.vectors["push"]), n_new=8)
    assert same_texts(made.generation, expected)
    assert repr(made) == "SteeringPlayground(pocket, 'Dear Sir', push +1.00, 8 new tokens)"
    first = made.next_token
    assert first.after[first.tokens.index(expected.steered[0].tokens[0])] == pytest.approx(
        float(expected.steered[0].log_probs[0].exp()), rel=1e-4
    )
    assert made.to_frame().equals(made.generation.to_frame())


def test_without_prompt_nothing_is_generated(pocket: Any) -> None:
    made = steering_playground(pocket, "", [direction(pocket)])
    assert made.generation is None
    with pytest.raises(ConfigError, match="Nothing was generated yet"):
        made.to_frame()
    with pytest.raises(PromptError):
        made.generate()
    assert made.generate(prompt=PROMPT, n_new=2).prompts == [PROMPT]


def test_muted_and_idle_sliders_are_left_out(pocket: Any) -> None:
    made = steering_playground(pocket, PROMPT, [direction(pocket), direction(pocket, "other", 2)], n_new=4)
    assert made.steering() == []
    assert made.generation.steered == []
    made.set(strengths={"push": 1.0, "other": 1.0}, muted={"push": True}, layers={"other": "all"})
    [only] = made.steering()
    assert (only.vector.name, only.chosen_layers) == ("other", [0, 1, 2, 3])
    text = made.generate()
    expected = generate(pocket, PROMPT, steering=Steering(made.vectors["other"], layers="all"), n_new=4)
    assert same_texts(text, expected)


@pytest.mark.parametrize(
    "changes",
    [
        {"strengths": {"push": 1.0}},
        {"strengths": {"push": 0.0}},
        {"strengths": {"push": -0.3}, "layers": {"push": "all"}, "positions": "generated"},
        {"strengths": {"push": 1 / 3, "mood": 1.5, "latent 12": 2.0}, "operators": {"latent 12": "set"}},
        {"strengths": {"push": 1.0, "mood": 1.0}, "muted": {"push": True}, "temperature": 0.8, "seed": 7},
        {"strengths": {"mood": 0.5, "latent 12": 0.0}, "operators": {"mood": "clamp", "latent 12": "scale"}},
        {"prompt": 'It\'s "quoted" \\ and\nbroken', "strengths": {"push": 1.0}, "layers": {"push": 3}},
    ],
)
def test_code_gives_the_same_text_with_no_playground(pocket: Any, changes: dict[str, Any]) -> None:
    made = steering_playground(pocket, PROMPT, [direction(pocket)], n_new=6)
    made.make_vector("The visit was good | The visit was bad\nHe felt glad | He felt sad", name="mood")
    made.add_latent(load_sae("pocket"), 12, acts_p99=5.5)
    text = made.generate(**changes)
    code = made.code()
    assert same_texts(ran(code, playground=made), text)
    # Only a vector that was given has to come from somewhere.
    assert ("playground" in code) == ("push" in made.settings.acting)


def test_code_survives_names_that_are_no_variables(pocket: Any) -> None:
    names = ["2 fast", "model", "class", "a'b\"c", "é", "model 2", "generation", "load model", "generate", "steering"]
    vectors = {name: direction(pocket, name, seed) for seed, name in enumerate(names)}
    made = steering_playground(pocket, PROMPT, vectors, strengths=0.1, n_new=3)
    assert same_texts(ran(made.code(), playground=made), made.generation)
    made = steering_playground(pocket, PROMPT, n_new=3)
    for name in ("steering vector", "load_model", "pairs"):
        made.make_vector("The visit was good | The visit was bad\nHe felt glad | He felt sad", name=name)
    text = made.generate(strengths=dict.fromkeys(made.vectors, 0.1))
    assert same_texts(ran(made.code()), text)


def test_vectors_come_and_go_under_their_names(pocket: Any) -> None:
    made = steering_playground(pocket, PROMPT, [direction(pocket), direction(pocket, seed=2)], n_new=2)
    assert list(made.vectors) == ["push", "push 2"]
    vector = made.make_vector([("good", "bad"), ("nice", "awful")])
    assert list(made.vectors) == ["push", "push 2", "vector 1"]
    assert made.vectors["vector 1"] is vector
    assert made.make_vector("good | bad\nnice | awful").name == "vector 2"
    made.remove_vector("push")
    assert list(made.strengths) == ["push 2", "vector 1", "vector 2"]
    with pytest.raises(ConfigError, match="did you mean 'push 2'"):
        made.remove_vector("push")
    for number in range(MAX_SLIDERS - 3):
        made.add_vector(direction(pocket, f"v{number}"))
    with pytest.raises(ConfigError, match=f"at most {MAX_SLIDERS} sliders"):
        made.add_vector(direction(pocket))


ADDING = [
    lambda made: made.make_vector("good | bad\nnice | awful"),
    lambda made: made.add_latent(load_sae("pocket"), 12, acts_p99=5.5),
    lambda made: made.add_vector(direction(made.model, "late")),
]


@pytest.mark.parametrize("add", ADDING, ids=["make_vector", "add_latent", "add_vector"])
@pytest.mark.parametrize("late", [False, True])
def test_vector_that_is_cancelled_or_fails_leaves_nothing_behind(
    pocket: Any, add: Any, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = steering_playground(pocket, PROMPT, [direction(pocket)], n_new=1)
    names = ("vectors", "origins", "shares", "settings", "choices")
    before = {name: copy.copy(getattr(made, name)) for name in names}
    signal, real = threading.Event(), playground_sliders._shares

    def shares(*given: Any) -> Any:
        """The last forward of all; late = it is given up when that has run."""
        found = real(*given)
        signal.set()
        return found

    monkeypatch.setattr(playground_sliders, "_shares", shares)
    if not late:
        signal.set()
    with cancelled_by(signal), pytest.raises(CancelledError):
        add(made)
    assert {name: getattr(made, name) for name in names} == before

    def fails(*given: Any) -> Any:
        raise ConfigError("no")

    monkeypatch.setattr(playground_sliders, "_shares", fails)
    with pytest.raises(ConfigError, match="no"):
        add(made)
    assert {name: getattr(made, name) for name in names} == before
    monkeypatch.undo()
    add(made)
    assert len(made.vectors) == len(made.settings.sliders) == 2


def test_latents_are_set_and_scaled(pocket: Any) -> None:
    made = steering_playground(pocket, PROMPT, n_new=4)
    vector = made.add_latent(load_sae("pocket"), 12, strength=1.0, acts_p99=5.5)
    assert (vector.latent_idx, made.origins["latent 12"]["kind"]) == (12, "latent")
    made.set(operators={"latent 12": "scale"})
    assert made.steering() == [], "times 1 is as it is"
    with pytest.raises(ConfigError, match="must be one of add"):
        steering_playground(pocket, PROMPT, [direction(pocket)]).set(operators={"push": "set"})
    with pytest.raises(ConfigError, match="layer of 'latent 12' must be one of 1, got 'all'"):
        made.set(layers={"latent 12": "all"})


def test_share_of_the_norm_is_measured_where_the_vector_knows_none(pocket: Any) -> None:
    vector = direction(pocket)
    made = steering_playground(pocket, PROMPT, vector, strengths=0.5, n_new=1)
    assert not vector.norm_share.isfinite().any()
    # The text is two tokens long and so is what was measured.
    assert made.shares["push"][2] * 0.5 == pytest.approx(made.generation.norm_share_added[0], rel=1e-4)


def test_a_sweeps_choice_is_where_the_slider_starts(pocket: Any) -> None:
    sweep = SimpleNamespace(name="push", choice=SimpleNamespace(layer=3, strength=0.75))
    made = steering_playground(pocket, PROMPT, [direction(pocket)], sweeps=[sweep], n_new=1)
    assert (made.strengths, made.layers) == ({"push": 0.75}, {"push": 3})
    given = steering_playground(pocket, PROMPT, [direction(pocket)], strengths=[0.5], sweeps=[sweep], n_new=1)
    assert given.strengths == {"push": 0.5}
    undecided = SimpleNamespace(name="push", choice=None)
    assert steering_playground(pocket, PROMPT, [direction(pocket)], sweeps=[undecided], n_new=1).layers == {"push": 2}
    with pytest.raises(ConfigError, match="there is no vector 'other'"):
        steering_playground(
            pocket, PROMPT, [direction(pocket)], sweeps=[SimpleNamespace(name="other", choice=None)], n_new=1
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strengths": {"pish": 1.0}}, "did you mean 'push'"),
        ({"strengths": [1.0, 2.0]}, "one per vector, 1, got 2"),
        ({"strengths": float("inf")}, "finite"),
        ({"layers": {"push": 4}}, "one of 0, 1, 2, 3, all, got 4"),
        ({"layers": {"pish": 0}}, "layers: there is no vector 'pish'"),
        ({"positions": "user"}, "positions must be one of"),
        ({"n_new": 201}, "from 1 to 200"),
        ({"temperature": -1.0}, "temperature"),
    ],
)
def test_what_makes_no_sense_is_refused(pocket: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        steering_playground(pocket, PROMPT, [direction(pocket)], **options)


def test_unknown_settings_and_foreign_vectors_are_refused(pocket: Any) -> None:
    made = steering_playground(pocket, PROMPT, [direction(pocket)], n_new=1)
    with pytest.raises(ConfigError, match="did you mean 'strengths'"):
        made.set(strength={"push": 1.0})
    with pytest.raises(ConfigError, match="no setting 'sliders'"):
        made.set(sliders={})
    with pytest.raises(ConfigError, match="must be a dict by the names"):
        made.set(strengths=1.0)
    with pytest.raises(VectorMismatchError):
        made.add_vector(SteeringVector.of(torch.ones(1, 7), [0]))
    with pytest.raises(ConfigError, match="SteeringVectors, got a Tensor"):
        named_vectors([torch.ones(3)])


def test_saved_playground_is_equal_and_says_that_its_model_is_gone(pocket: Any, tmp_path: Any) -> None:
    made = steering_playground(pocket, PROMPT, [direction(pocket, "z"), direction(pocket, "a", 2)], strengths=1.0,
                               n_new=4)  # fmt: skip
    made.add_latent(load_sae("pocket"), 12, acts_p99=5.5)
    loaded = SteeringPlayground.load(made.save(tmp_path / "playground.safetensors"))
    assert loaded == made
    assert list(loaded.vectors) == ["z", "a", "latent 12"], "the order in which they act"
    with pytest.raises(ConfigError, match="loaded without its model"):
        loaded.generate()
    again = steering_playground(pocket, loaded.prompt, loaded.vectors, strengths=loaded.strengths, n_new=4)
    assert same_texts(again.generation, made.generation)


def test_live_returns_at_once_and_ends_with_the_same_text(pocket: Any) -> None:
    vector = direction(pocket)
    made = steering_playground(pocket, PROMPT, [vector], strengths=1.0, n_new=12, live=True)
    assert same_texts(made.wait().generation, steering_playground(pocket, PROMPT, [vector], strengths=1.0,
                                                                  n_new=12).generation)  # fmt: skip


def test_next_tokens_count_what_follows_the_prompt_as_generated(pocket: Any) -> None:
    made = steering_playground(pocket, PROMPT, [direction(pocket)], strengths=1.0, positions="generated", n_new=6)
    text = made.generation.steered[0]
    for n in (0, 3, 5):
        found = made.next_tokens(after=text.token_ids[:n])
        at = found.token_ids.index(text.token_ids[n])
        assert found.after[at] == pytest.approx(float(text.log_probs_steered[n].exp()), rel=1e-4)
        assert found.before[at] == pytest.approx(float(text.log_probs_baseline[n].exp()), rel=1e-4)
    assert list(found.to_frame().columns) == ["token", "before", "after", "change"]
    unsteered = next_tokens(pocket, made.generation.prompt_ids[0], [], n_prompt=3)
    assert (unsteered.before, unsteered.kl, len(unsteered.tokens)) == (unsteered.after, 0.0, 12)


def test_pairs_are_read_from_lines() -> None:
    assert read_pairs("a | b\n\n  c \\| d | e\\|f  \n") == [("a", "b"), ("c | d", "e|f")]
    with pytest.raises(ConfigError, match="got 0"):
        read_pairs(" \n")


def pixels(result: Any) -> tuple[Image.Image, bytes]:
    """Draw a result."""
    drawn, _ = picture(result)
    return Image.open(io.BytesIO(drawn)).convert("RGB"), drawn


def test_picture_shows_text_strengths_and_next_tokens() -> None:
    image, drawn = pixels(made_playground())
    assert drawn == pixels(made_playground())[1], "the same result, the same bytes"
    blue, red = 0, 0
    for count, (r, _, b) in image.getcolors(1 << 20):
        blue += count * (b > r + 40 and b > 150)
        red += count * (r > b + 40 and r > 150)
    assert blue > 300
    assert red > 300
    bare, _ = pixels(made_playground(generation=None, generated_with=None, next_token=None))
    assert bare.height < image.height
    plain = made_text()
    vars(plain)["steered"] = []
    assert pixels(made_playground(generation=plain))[0].size == image.size

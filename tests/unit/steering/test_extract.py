"""`steering_vector`: against loops over single texts, which tokens are read, chats, bad pairs, five architectures."""

import json

import pytest
import torch

from interp_nb._errors import ConfigError, HookNameError, PromptError
from interp_nb.models.edit import edit
from interp_nb.steering.estimators import METHODS
from interp_nb.steering.extract import steering_vector
from interp_nb.steering.vectors import SteeringVector
from tests.tiny_models import N_CTX, HandMade, make, shared
from tests.unit.steering.vector_cases import PAIRS, activation, many_pairs

TEMPLATE = (
    "{% for turn in messages %}{{ ' ' + turn['role'] + ' ' + turn['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}{{ ' assistant' }}{% endif %}"
)


@pytest.fixture
def chat_model():
    """A model of its own, whose tokenizer lays out chats; tokenizers are shared, so it is taken off again."""
    model = make("gpt2")
    model.tokenizer.chat_template = TEMPLATE
    yield model
    model.tokenizer.chat_template = None


def by_loop(model, pairs, site, choose):
    """Mean difference, one text at a time; `choose` says which positions of n are read."""
    differences = []
    for pair in pairs:
        read = []
        for text in pair:
            acts = activation(model, text, site)
            read.append(acts[choose(len(acts))].mean(0))
        differences.append(read[0] - read[1])
    return torch.stack(differences).mean(0)


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "gemma2", "gpt_neox", "qwen2", "mistral"])
def test_equals_single_texts_whatever_the_batch(architecture):
    model = shared(architecture)
    expected = torch.stack(
        [by_loop(model, PAIRS, f"blocks.{layer}.hook_resid_post", lambda n: [n - 1]) for layer in range(2)]
    )
    for batch_tokens in (1, 30, 4096):
        found = steering_vector(model, PAIRS, batch_tokens=batch_tokens)
        assert found.layers == [0, 1]
        assert torch.allclose(found.vectors, expected, atol=2e-5), batch_tokens


@pytest.mark.parametrize(
    ("read", "choose"),
    [("mean", lambda n: list(range(1, n))), (-2, lambda n: [n - 2]), (4, lambda n: [4]), ("last", lambda n: [n - 1])],
)
def test_reads_the_tokens_it_says(tiny_model, read, choose):
    site = "blocks.1.hook_resid_post"
    found = steering_vector(tiny_model, PAIRS, -1, read=read)
    assert found.layers == [1]
    assert torch.allclose(found.vectors[0], by_loop(tiny_model, PAIRS, site, choose), atol=2e-5)
    tokens = tiny_model.to_str_tokens(PAIRS[0][0])
    assert found.pairs_read[0].positive == [str(token) for token in tokens]
    assert found.pairs_read[0].positive_read == choose(len(tokens))
    assert found.read_at == str(read)
    assert len(found.pairs_read) == 3


def test_reads_the_answers_tokens(tiny_model):
    prompt, answers = "The Tower is in", (" Paris and Rome", " the store")
    found = steering_vector(tiny_model, [((prompt, answers[0]), (prompt, answers[1]))], 1, read="answer")
    n_prompt = tiny_model.to_tokens(prompt).shape[1]
    acts = [
        activation(tiny_model, prompt + answer, "blocks.1.hook_resid_post")[n_prompt:].mean(0) for answer in answers
    ]
    assert torch.allclose(found.vectors[0], acts[0] - acts[1], atol=2e-5)
    assert found.pairs_read[0].positive_read == [n_prompt, n_prompt + 1, n_prompt + 2]


def test_begin_of_text_is_never_read(tiny_model):
    found = steering_vector(tiny_model, PAIRS, read="mean")
    assert all(0 not in pair.positive_read + pair.negative_read for pair in found.pairs_read)
    with pytest.raises(
        PromptError, match=r"pair 0, positive: position 0 cannot be read of its 6 tokens: 1 to 5 can, or"
    ):
        steering_vector(tiny_model, PAIRS, read=0)


@pytest.mark.parametrize("site", ["attn_out", "mlp_out", "z", "resid_pre", "resid_mid"])
def test_any_site(tiny_model, site):
    from interp_nb.models.sites import hook_name

    full = hook_name(tiny_model, site, 1)
    expected = by_loop(tiny_model, PAIRS, full, lambda n: [n - 1])
    found = steering_vector(tiny_model, PAIRS, 1, site=site)
    assert torch.allclose(found.vectors[0], expected, atol=2e-5)
    same = steering_vector(tiny_model, PAIRS, site=full)
    assert (same.site, same.layers) == (site, [1])
    assert torch.equal(same.vectors, found.vectors)


def test_place_outside_of_the_layers(tiny_model):
    found = steering_vector(tiny_model, PAIRS, site="ln_final.hook_normalized")
    assert found.hook_names == ["ln_final.hook_normalized"]
    expected = by_loop(tiny_model, PAIRS, "ln_final.hook_normalized", lambda n: [n - 1])
    assert torch.allclose(found.vectors[0], expected, atol=2e-5)


def test_on_paper():
    # Last position of layer 0: 2 + 1 = 3 and 4 + 1 = 5; of layer 1: 1 + 3 = 4 and 1 + 5 = 6.
    found = steering_vector(HandMade(), [("12", "14")])
    assert found.vectors.tolist() == [[-2.0], [-2.0]]
    assert found.midpoint.tolist() == [-4.0, -5.0]
    # Norms of both positions, of both texts: layer 0 (1 + 3 + 1 + 5) / 4.
    assert found.stream_norm.tolist() == [2.5, 3.0]
    assert found.norm_share.tolist() == [pytest.approx(0.8), pytest.approx(2 / 3)]


def test_norm_is_that_of_tokens_that_count(tiny_model):
    found = steering_vector(tiny_model, PAIRS, 1)
    norms = [
        activation(tiny_model, text, "blocks.1.hook_resid_post")[1:].norm(dim=1).mean() for p in PAIRS for text in p
    ]
    assert float(found.stream_norm) == pytest.approx(float(torch.stack(norms).mean()), rel=1e-5)


def test_norm_of_the_stream_can_be_measured_later(tiny_model):
    texts = [text for pair in PAIRS for text in pair]
    found = steering_vector(tiny_model, PAIRS)
    plain = SteeringVector.of(found.vectors, found.layers)
    assert torch.allclose(plain.measured_on(tiny_model, texts).stream_norm, found.stream_norm, atol=1e-4)


def test_background_is_read_alike(tiny_model):
    background = ["the store", "a drink to John"]
    found = steering_vector(tiny_model, PAIRS, 1, method="centered", background=background)
    site = "blocks.1.hook_resid_post"
    neutral = torch.stack([activation(tiny_model, text, site)[-1] for text in background]).mean(0)
    yes = torch.stack([activation(tiny_model, text, site)[-1] for text, _ in PAIRS]).mean(0)
    assert float(torch.cosine_similarity(found.vectors[0], yes - neutral, dim=0).abs()) == pytest.approx(1.0, abs=1e-5)


def test_quality_and_suggestion_come_with_it(tiny_model):
    found = steering_vector(tiny_model, many_pairs(), name="Paris")
    assert found.quality.n_held_out == 5
    assert found.quality.n_train == 19
    assert found.layer in (0, 1)
    assert bool((found.quality.auc_low <= found.quality.auc).all())
    assert repr(found).startswith("SteeringVector(Paris, mean difference, resid_post, layers 0-1, best ")


def test_same_call_same_vector(tiny_model):
    assert steering_vector(tiny_model, many_pairs()) == steering_vector(tiny_model, many_pairs())


def test_two_pairs_and_one_say_what_is_unknown(tiny_model):
    for n in (1, 2):
        found = steering_vector(tiny_model, PAIRS[:n])
        assert "too few pairs are held out" in found.note
        assert "is taken because the pairs differ most, and most alike, there" in found.note
        assert bool(found.quality.auc.isnan().all())
    assert "nan" not in repr(found)


def test_layer_of_few_pairs_is_where_they_differ_most_and_alike():
    """On the pocket model sentiment is at the last token in its last layer only; at layer 0 the tokens themselves."""
    from interp_nb.models.load import load_model

    pairs = [
        ("The dinner went very well, and I felt", "The dinner went very badly, and I felt"),
        ("The trip was a real joy, so we felt", "The trip was a real pain, so we felt"),
        ("I love it", "I hate it"),
    ]
    assert [steering_vector(load_model("pocket"), pairs[:n]).layer for n in (1, 2, 3)] == [3, 3, 3]


def test_every_method_suggests_the_layer_that_steers():
    """Sentiment reaches the last token in the pocket model's last layer only, whatever the estimator."""
    from interp_nb.models.load import load_model
    from interp_nb.models.pocket.families import feelings

    cues = list(zip(feelings.POSITIVE_CUES, feelings.NEGATIVE_CUES, strict=True))
    pairs = [
        tuple(
            f"The {event} {feelings.TIMES[at % 10]} {cue}, and {feelings.SUBJECTS[at % 4]} felt" for cue in cues[at % 8]
        )
        for at, event in enumerate(feelings.EVENTS * 3)
    ]
    for method in METHODS:
        found = steering_vector(load_model("pocket"), pairs, method=method)
        assert found.layer == 3, method
        assert found.quality.suggests(3), method


def test_provenance_is_json_and_tells_pairs_apart(tiny_model):
    found = steering_vector(tiny_model, PAIRS)
    told = json.loads(json.dumps(found.provenance))
    assert told["settings"]["n_pairs"] == len(PAIRS)
    assert len(told["model"]["weights"]) == 32
    assert told["model_type"] == "gpt2"
    assert set(told["versions"]) == {"interp_nb", "torch"}
    other = steering_vector(tiny_model, PAIRS[1:]).provenance
    assert other["settings"]["pairs"] != told["settings"]["pairs"]


def test_chat_turns_go_through_the_template(chat_model):
    asked = [{"role": "user", "content": "Paris"}]
    pair = ([*asked, {"role": "assistant", "content": "Rome"}], [*asked, {"role": "assistant", "content": "the"}])
    found = steering_vector(chat_model, [pair])
    assert "".join(found.pairs_read[0].positive) == " user Paris assistant Rome"
    # A chat that ends with the user goes on to where the assistant begins.
    open_ended = steering_vector(chat_model, [(asked, [{"role": "user", "content": "Rome"}])])
    assert "".join(open_ended.pairs_read[0].positive) == " user Paris assistant"
    answered = steering_vector(chat_model, [((asked, " Rome"), (asked, " the"))], read="answer")
    assert "".join(answered.pairs_read[0].positive) == " user Paris assistant Rome"
    assert len(answered.pairs_read[0].positive_read) == 1


def test_chats_that_cannot_be_laid_out_are_refused(tiny_model, chat_model):
    chat = [{"role": "user", "content": "Paris"}]
    chat_model.tokenizer.chat_template = None
    with pytest.raises(PromptError, match=r"pair 0, positive: this model's tokenizer has no chat template"):
        steering_vector(chat_model, [(chat, chat)])
    chat_model.tokenizer.chat_template = "{{ raise_exception('no system turns') }}"
    with pytest.raises(PromptError, match=r"template refuses these turns: no system turns"):
        steering_vector(chat_model, [(chat, chat)])
    with pytest.raises(PromptError, match=r"turn 0 is \{'role': 'user'\}"):
        steering_vector(chat_model, [([{"role": "user"}], chat)])


LONG = "Paris " * 60


@pytest.mark.parametrize(
    ("pairs", "error", "said"),
    [
        ([], ConfigError, "give at least one pair"),
        ("Paris", ConfigError, "must be a list"),
        ([("Paris", "Rome"), ("Paris", "Paris")], ConfigError, r"pair 1 has the same text twice, 'Paris'"),
        (["Paris"], ConfigError, r"pair 0 must be \(positive, negative\)"),
        ([("a", "b", "c")], ConfigError, r"pair 0 must be \(positive, negative\)"),
        ([("Paris", 3)], ConfigError, r"pair 0, negative: it must be a text or a list of chat turns, got 3"),
        ([("Paris", "Rome"), ("", "Rome")], PromptError, r"pair 1, positive: prompt is empty"),
        ([("Paris", "<|end|>")], PromptError, r"pair 0, negative: it has no token beside begin-of-text"),
        (
            [("Paris", LONG)],
            PromptError,
            rf"pair 0, negative: prompt has 63 tokens, this model's context holds {N_CTX}",
        ),
    ],
)
def test_bad_pairs_are_named(tiny_model, pairs, error, said):
    with pytest.raises(error, match=said):
        steering_vector(tiny_model, pairs)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"method": "means"}, ConfigError, "did you mean 'mean'"),
        ({"read": "first"}, ConfigError, "read must be one of last, mean, answer or a position"),
        ({"read": True}, ConfigError, "read must be"),
        ({"read": 30}, PromptError, "position 30 cannot be read of its 6 tokens"),
        ({"read": "answer"}, ConfigError, r'with read="answer" it must be \(prompt, answer\)'),
        ({"n_folds": 1}, ConfigError, "n_folds must be at least 2"),
        ({"held_out": 1.0}, ConfigError, "held_out must be"),
        ({"layers": [5]}, HookNameError, "layer must be 0 to 1"),
        ({"layers": []}, ConfigError, "layers is empty"),
        ({"layers": 1, "site": "ln_final.hook_normalized"}, ConfigError, "is one place"),
        ({"layers": 1, "site": "blocks.0.hook_resid_post"}, HookNameError, "give site='resid_post'"),
        ({"site": "resid"}, HookNameError, "did you mean"),
    ],
)
def test_bad_settings_are_refused(tiny_model, options, error, said):
    with pytest.raises(error, match=said):
        steering_vector(tiny_model, PAIRS, **options)


def test_empty_answers_and_long_ones_are_refused(tiny_model):
    with pytest.raises(PromptError, match="pair 0, negative: its answer is empty"):
        steering_vector(tiny_model, [(("Paris", " is"), ("Paris", ""))], read="answer")
    with pytest.raises(PromptError, match=rf"prompt and answer have 43 tokens, this model's context holds {N_CTX}"):
        steering_vector(tiny_model, [(("Paris", " is"), ("Paris", LONG))], read="answer")


def test_tokens_before_the_texts_part_say_nothing(tiny_model):
    pairs = [("The Tower is in Paris", "The Tower is in Rome"), ("John gave Mary", "John gave John")]
    with pytest.raises(ConfigError, match=r"the pairs do not differ at .*; read other tokens, such as read='mean'"):
        steering_vector(tiny_model, pairs, read=1)


def test_edited_models_are_refused(tiny_model):
    with (
        edit(tiny_model, [("blocks.0.hook_resid_post", lambda x, hook: x * 2)]),
        pytest.raises(ConfigError, match="being edited"),
    ):
        steering_vector(tiny_model, PAIRS)


def test_shared_texts_are_run_once(tiny_model, monkeypatch):
    from interp_nb.steering import reading

    rows = []
    capture = reading.capture
    monkeypatch.setattr(
        reading, "capture", lambda model, tokens, *a, **k: rows.append(len(tokens)) or capture(model, tokens, *a, **k)
    )
    steering_vector(tiny_model, [(f"{word} Paris", "Rome") for word in ("the", "a", "to")])
    assert sum(rows) == 4


def test_is_shown_without_a_widget(tiny_model):
    bundle, _ = steering_vector(tiny_model, PAIRS)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert isinstance(steering_vector(tiny_model, PAIRS), SteeringVector)

"""Attention patterns of real (tiny) models: right numbers, right names, the same numbers in CircuitsVis."""

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from interp_nb._errors import ConfigError, HookNameError, ShapeError
from interp_nb.heads import AttentionPatterns, attention, labelled_pairs
from tests.tiny_models import ARCHITECTURES, shared, tokenizer

PROMPT = "John and Mary went to the store John and"


@pytest.fixture(scope="module")
def patterns() -> AttentionPatterns:
    return attention(shared("gpt2"), PROMPT)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_patterns_are_post_softmax_causal_and_equal_to_the_cache(architecture):
    model = shared(architecture)
    result = attention(model, PROMPT)
    n_pos = len(result.tokens)
    assert result.patterns.shape == (2, 4, n_pos, n_pos)
    torch.testing.assert_close(result.patterns.sum(-1), torch.ones(2, 4, n_pos))
    assert (result.patterns.triu(1) == 0).all()
    with torch.no_grad():
        _, cache = model.run_with_cache(torch.tensor([result.token_ids]))
    for layer in range(2):
        assert torch.equal(result.patterns[layer], cache[f"blocks.{layer}.attn.hook_pattern"][0])


def test_patterns_equal_the_hugging_face_models_own():
    model = shared("gpt2")
    result = attention(model, PROMPT)
    from tests.tiny_models import hf_model

    own = hf_model("gpt2")
    own.set_attn_implementation("eager")
    with torch.no_grad():
        given = own(torch.tensor([result.token_ids]), output_attentions=True).attentions
    torch.testing.assert_close(result.patterns, torch.cat(given), atol=1e-5, rtol=1e-4)


def test_layers_are_those_asked_for_in_that_order():
    model = shared("gpt2", 3)
    full, some = attention(model, PROMPT), attention(model, PROMPT, layers=[2, 0])
    assert (full.layers, some.layers) == ([0, 1, 2], [2, 0])
    assert torch.equal(some.patterns, full.patterns[[2, 0]])
    assert torch.equal(some.head(2, 1), full.head(2, 1))
    assert attention(model, PROMPT, layers=[-1]).layers == [2]
    with pytest.raises(
        ShapeError, match=r"layer must be one of \[2, 0\], got 1; call attention\(\.\.\., layers=\[1\]\)"
    ):
        some.head(1, 0)
    with pytest.raises(ShapeError, match="head must be 0 to 3, got 4"):
        some.head(2, 4)


def test_tokens_may_be_given_as_ids(patterns):
    ids = torch.tensor(patterns.token_ids)
    for tokens in (ids, ids.unsqueeze(0)):
        result = attention(shared("gpt2"), tokens)
        assert torch.equal(result.patterns, patterns.patterns)
        assert result.tokens == patterns.tokens


def test_repr_is_exact():
    pattern = torch.tensor([[[[1.0, 0.0], [0.25, 0.75]], [[1.0, 0.0], [0.996, 0.004]], [[1.0, 0.0], [1.0, 0.0]]]])
    made = AttentionPatterns(
        patterns=pattern, layers=[5], tokens=["a", "b"], token_ids=[0, 1], prompt="ab", pairs={}, model_name="tiny",
        provenance={},
    )  # fmt: skip
    assert repr(made) == "AttentionPatterns(layer=1 x head=3 x pos=2, sharpest 1.00 at layer 5 head 1)"


def test_save_and_load_give_equal_patterns(patterns, tmp_path):
    named = patterns.with_pairs({"second to first": [(8, 1)]})
    loaded = AttentionPatterns.load(named.save(tmp_path / "patterns.safetensors"))
    assert loaded == named
    assert loaded != patterns
    assert loaded.roles() == named.roles()
    assert repr(loaded) == repr(patterns)


def test_frame_has_a_row_per_visible_pair(patterns):
    frame = patterns.to_frame()
    n_pos = len(patterns.tokens)
    assert len(frame) == 2 * 4 * n_pos * (n_pos + 1) // 2
    row = frame[(frame.layer == 1) & (frame["head"] == 2) & (frame.dest_pos == 4) & (frame.src_pos == 3)].iloc[0]
    assert row.attention == pytest.approx(float(patterns.patterns[1, 2, 4, 3]))
    assert (row.dest_token, row.src_token) == (patterns.tokens[4], patterns.tokens[3])


def test_roles_of_one_prompt_use_its_repeats_and_its_labelled_pairs(patterns):
    roles = patterns.with_pairs({"store to John": [(7, 1)]}).roles()
    assert roles.roles == [
        "previous_token", "duplicate_token", "induction", "first_token", "self", "entropy", "store to John",
    ]  # fmt: skip
    assert torch.equal(roles.role("store to John"), patterns.patterns[:, :, 7, 1])
    # " John" comes twice, but the first is "John" without a space; " and" comes twice.
    first, second = (i for i, token in enumerate(patterns.tokens) if token == " and")
    assert torch.equal(roles.role("duplicate_token"), patterns.patterns[:, :, second, first])
    assert torch.equal(roles.role("induction"), patterns.patterns[:, :, second, first + 1])
    assert roles.prompt == PROMPT


def test_mass_follows_the_pairs(patterns):
    mass = patterns.mass({"a": [(3, 1), (3, 2), (5, 0)], "none": []})
    p = patterns.patterns
    torch.testing.assert_close(mass["a"], (p[:, :, 3, 1] + p[:, :, 3, 2] + p[:, :, 5, 0]) / 2)
    assert mass["none"].isnan().all()
    assert patterns.mass() == {}


@pytest.mark.parametrize("pair", [(1, 2), (99, 0), (2, -1)])
def test_pairs_outside_of_the_prompt_are_refused(patterns, pair):
    with pytest.raises(
        ConfigError, match=r"pairs\['x'\] must hold \(dest, src\) with 0 <= src <= dest < 11 tokens, got"
    ):
        patterns.mass({"x": [pair]})


def test_labelled_pairs_give_each_verb_its_own_subject():
    words = "The old man sleeps while Ann sings and eats"
    roles = [None, "subject", "subject", "verb", None, "subject", "verb", None, "verb"]
    assert len(words.split()) == len(roles)
    labels = [SimpleNamespace(role=role) for role in roles]
    assert labelled_pairs(labels) == [[3, 1], [3, 2], [6, 5], [8, 5]]
    assert labelled_pairs(labels, offset=1) == [[4, 2], [4, 3], [7, 6], [9, 6]]
    assert labelled_pairs(labels, "subject", "verb") == [[5, 3]]
    assert labelled_pairs(labels, "pronoun") == []


def test_labelled_pairs_read_the_pocket_worlds_answer_key():
    from itertools import islice

    from interp_nb.models.pocket.labelled import encode_labelled
    from interp_nb.models.pocket.world import documents

    for document in islice(documents(0, weights={"agreement": 1.0}), 20):
        ids, labels = encode_labelled(document, tokenizer())
        pairs = labelled_pairs(labels)
        strings = tokenizer().convert_ids_to_tokens(ids)
        verb, noun = ("".join(strings[i] for i in sorted({pair[at] for pair in pairs})) for at in (0, 1))
        # "\u0120" is how byte-level tokens write a leading space.
        assert verb.removeprefix("\u0120") == document.slots["verb"].text
        assert noun.removeprefix("\u0120") == document.slots["noun"].text


@pytest.mark.parametrize("layer", [None, 1])
def test_circuitsvis_shows_the_same_numbers(patterns, layer):
    html = patterns.to_circuitsvis(layer)._repr_html_()
    props = json.loads(re.search(r"CircuitsVis\.AttentionHeads,\s*(\{.*\})", html).group(1))
    shown = torch.tensor(props["attention"])
    expected = patterns.patterns.flatten(0, 1) if layer is None else patterns.patterns[layer]
    assert torch.equal(shown, expected)
    assert props["tokens"] == patterns.tokens
    layers = [0, 1] if layer is None else [layer]
    assert props["attentionHeadNames"] == [f"L{i}H{j}" for i in layers for j in range(4)]


def test_circuitsvis_view_is_local_stable_and_safe(patterns, monkeypatch):
    from circuitsvis.utils import render

    monkeypatch.setattr(render, "internet_on", lambda: pytest.fail("asked the network"))
    hostile = AttentionPatterns(
        **{**vars(patterns), "tokens": ["</script><img onerror=alert(1)>", *patterns.tokens[1:]]}
    )
    view = hostile.to_circuitsvis(0)
    html = view._repr_html_()
    assert html == view._repr_html_()
    assert "unpkg.com/circuitsvis" not in html
    assert len(html) > 1_000_000
    tail = html[html.rindex("CircuitsVis.AttentionHeads,") :]
    assert tail.count("</script>") == 1
    assert "<img" not in tail
    props = json.loads(re.search(r"(\{.*\})", tail).group(1))
    assert props["tokens"][0] == "</script><img onerror=alert(1)>"
    ids = set(re.findall(r"circuits-vis-[0-9a-f]{12}-\d+", html))
    assert len(ids) == 1
    assert html.count(ids.pop()) == 2
    assert repr(view) == f"CircuitsVisHTML({len(html) / 1e6:.1f} MB)"
    with pytest.raises(ShapeError, match="layer must be one of"):
        patterns.to_circuitsvis(7)


def test_recompute_runs_another_prompt_with_the_same_layers():
    patterns = attention(shared("gpt2", 3), PROMPT, layers=[1], pairs={"x": [(2, 1)]})
    again = patterns._live.recompute(prompt="The Eiffel Tower is in")
    assert again.layers == [1]
    assert again.pairs == {}
    assert again == attention(shared("gpt2", 3), "The Eiffel Tower is in", layers=[1])


class WithoutPatterns:
    """A model whose attention computes no pattern, as fused implementations do."""

    def __init__(self, known: bool) -> None:
        self.cfg = SimpleNamespace(n_layers=1, n_heads=1, d_model=1, d_vocab=4, n_ctx=8)
        self.hook_dict = {"blocks.0.attn.hook_pattern": None} if known else {"blocks.0.hook_resid_pre": None}

    def to_tokens(self, text, **options: Any):
        return torch.tensor([[1, 2]])

    def to_str_tokens(self, tokens):
        return [str(int(token)) for token in tokens]

    def run_with_cache(self, *args: Any, **kwargs: Any):
        raise NotImplementedError

    def hooks(self, *args: Any, **kwargs: Any):
        raise NotImplementedError

    def run_with_hooks(self, tokens, **kwargs: Any):
        return torch.zeros(1, 2, 4)


def test_a_model_that_computes_no_pattern_is_refused_with_what_to_do():
    with pytest.raises(HookNameError, match=r'never computed one.*load the model with attn_implementation="eager"'):
        attention(WithoutPatterns(known=True), "x")
    with pytest.raises(HookNameError, match="no layer of this model has a pattern"):
        attention(WithoutPatterns(known=False), "x")

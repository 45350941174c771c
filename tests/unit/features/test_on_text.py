"""Features of a text: on paper, against one latent at a time, what must hold, what is refused."""

import math

import pytest
import torch

from interp_nb._errors import AnswerTokenError, ConfigError, HookNameError, PromptError, ShapeError
from interp_nb.features.direct import Question
from interp_nb.features.on_text import PromptFeatures, prompt_features
from interp_nb.features.plain_latents import Directions, Neurons
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from tests.tiny_models import ARCHITECTURES, N_CTX, TwoHeads, shared
from tests.unit.features.text_cases import (
    ANSWER,
    N_LATENTS,
    PROMPT,
    WIDTH,
    WRONG,
    activations,
    make_sae,
    without,
)

SITES = [
    "blocks.1.hook_resid_pre",
    "blocks.0.hook_resid_post",
    "blocks.1.hook_resid_post",
    "blocks.0.hook_mlp_out",
    "blocks.1.hook_attn_out",
    "blocks.0.hook_resid_mid",
]


def on_paper() -> SAE:
    """Latent 0 reads x and writes a quarter of it, latent 1 the same less 4; the rest of x is the SAE's error."""
    sae = SAE(SAEConfig(1, 2, "relu", sites=("blocks.1.hook_resid_pre",)))
    with torch.no_grad():
        sae.encoder.copy_(torch.tensor([[1.0], [1.0]]))
        sae.b_enc.copy_(torch.tensor([0.0, -4.0]))
        sae.W_dec.copy_(torch.tensor([[0.25], [0.5]]))
    return sae


def last_logits(model, tokens, hooks=()):
    with torch.no_grad():
        return model.run_with_hooks(tokens, fwd_hooks=list(hooks))[0, -1]


def test_numbers_are_what_paper_says():
    # 6 and 5 enter layer 1: latents [6 5] and [2 1]. The last residual is 5 + (6 + 5) = 16 in all. Without latent 0 it
    # is 3.75 + 4.5 + 3.75 = 12, without latent 1 4.5 + 5 + 4.5 = 14.
    found = prompt_features(TwoHeads(), on_paper(), "31", answer="0", wrong="1")
    assert found.latents.tolist() == [0, 1]
    assert found.acts.tolist() == [[6.0, 5.0], [2.0, 1.0]]
    assert (found.max.tolist(), found.mean.tolist()) == ([6.0, 2.0], [5.5, 1.5])
    assert found.n_tokens_firing.tolist() == [2, 2]
    assert found.ablation.tolist() == [4.0, 2.0]
    assert found.metric == 16.0
    assert (found.n_firing, found.n_ablated) == (2, 2)
    # Explained: recons are 2.5 and 1.75 of 6 and 5.
    assert found.explained_variance == pytest.approx(1 - (3.5**2 + 3.25**2) / 0.5)
    assert found.direct is None
    assert "no direct effects: this model's final norm and unembedding cannot be read" in found.note


def test_measure_without_a_wrong_answer_is_against_the_mean_logit():
    found = prompt_features(TwoHeads(), on_paper(), "31", answer="0")
    assert found.metric == pytest.approx(16 * 0.9)
    assert found.ablation.tolist() == pytest.approx([4 * 0.9, 2 * 0.9])


def test_repr_is_exact():
    model, sae = TwoHeads(), on_paper()
    site = "blocks.1.hook_resid_pre"
    expected = f"PromptFeatures({site}, 2 of 2 latents x pos=2, max, latent 0 first with 6.00)"
    assert repr(prompt_features(model, sae, "31")) == expected
    by_effect = prompt_features(model, sae, "31", answer="0", wrong="1", rank_by="ablation", n=1)
    assert repr(by_effect) == f"PromptFeatures({site}, 1 of 2 latents x pos=2, ablation, latent 0 first with +4.00)"
    here = prompt_features(model, sae, "31", pos=1, rank_by="mean")
    assert repr(here) == f"PromptFeatures({site}, 2 of 2 latents x pos=2, mean at pos 1, latent 0 first with 5.00)"
    assert repr(prompt_features(model, sae, "0")) == f"PromptFeatures({site}, 0 of 0 latents x pos=1, max)"


@pytest.mark.parametrize("architecture", ["topk", "relu", "jumprelu", "gated"])
def test_activations_are_the_dense_encoding(tiny_model, architecture):
    sae = make_sae("blocks.0.hook_resid_post", architecture=architecture)
    acts = activations(tiny_model, tiny_model.to_tokens(PROMPT))["blocks.0.hook_resid_post"][0]
    with torch.no_grad():
        dense = sae.encode(acts[1:])  # begin-of-text is left out
    found = prompt_features(tiny_model, sae, PROMPT, n=N_LATENTS)
    assert set(found.latents.tolist()) == set((dense > 0).any(0).nonzero()[:, 0].tolist())
    torch.testing.assert_close(found.acts[:, 1:], dense.T[found.latents], rtol=1e-5, atol=1e-6)
    assert found.acts[:, 0].isnan().all()
    torch.testing.assert_close(found.max, dense.amax(0)[found.latents], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.mean, dense.mean(0)[found.latents], rtol=1e-5, atol=1e-6)
    assert found.n_tokens_firing.tolist() == (dense > 0).sum(0)[found.latents].tolist()
    assert found.max.tolist() == sorted(found.max.tolist(), reverse=True)
    by_mean = prompt_features(tiny_model, sae, PROMPT, rank_by="mean", n=5)
    assert by_mean.latents.tolist() == dense.mean(0).argsort(descending=True, stable=True)[:5].tolist()
    here = prompt_features(tiny_model, sae, PROMPT, pos=3, n=N_LATENTS)
    assert here.latents.tolist() == dense[2].argsort(descending=True, stable=True)[: int((dense[2] > 0).sum())].tolist()
    assert torch.equal(here.score, here.acts[:, 3])


@pytest.mark.parametrize(
    ("architecture", "site"),
    # Where attention and MLP lie side by side, there is no stream between them.
    [(each, site) for each in ARCHITECTURES for site in SITES if (each, site[9:]) != ("gpt_neox", "hook_resid_mid")],
)
def test_ablation_equals_one_latent_at_a_time(architecture, site):
    model = shared(architecture)
    sae, tokens = make_sae(site), model.to_tokens(PROMPT)
    question = Question.of(model, ANSWER, WRONG)
    acts = activations(model, tokens)[site]
    first = int(tokens[0, 0] == 0)  # begin-of-text is not touched, where there is one
    with torch.no_grad():
        latents = sae.encode(acts)
    latents[:, :first] = 0
    found = prompt_features(model, sae, PROMPT, answer=ANSWER, wrong=WRONG, rank_by="ablation", n=8)
    for latent, effect in zip(found.latents.tolist(), found.ablation.tolist(), strict=True):
        less = without(sae, latents, latent)
        logits = last_logits(model, tokens, [(site, lambda x, hook, less=less: x.sub_(less))])
        assert effect == pytest.approx(found.metric - float(question.measure(logits)), abs=3e-4, rel=1e-4)
    assert found.ablation.abs().max() > 0.01
    sizes = found.ablation.abs().tolist()
    assert sizes == sorted(sizes, reverse=True)


def frozen(model, resid, scale_at):
    """Logits of residual streams in float64, the final norm's scale that of another: written out by hand."""
    norm, head = model.ln_final.original_component, model.unembed.original_component
    gain = norm.weight.double() + (1 if type(norm).__name__.startswith("Gemma") else 0)
    centered = type(norm).__name__ == "LayerNorm"
    eps = getattr(norm, "eps", None) or norm.variance_epsilon
    x, base = (each - each.mean(-1, keepdim=True) if centered else each for each in (resid, scale_at))
    normed = x / (base.square().mean(-1, keepdim=True) + eps).sqrt() * gain
    normed = normed + norm.bias.double() if centered else normed
    logits = normed @ head.weight.double().T
    cap = getattr(model.original_model.config, "final_logit_softcapping", None)
    return cap * torch.tanh(logits / cap) if cap else logits


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("wrong", [WRONG, None])
@pytest.mark.parametrize("site", ["blocks.0.hook_resid_post", "blocks.1.hook_mlp_out", "blocks.0.hook_attn_out"])
def test_direct_effects_are_the_explicit_sum_in_float64(architecture, wrong, site):
    model, sae = shared(architecture), make_sae(site)
    cache = activations(model, model.to_tokens(PROMPT))
    resid, question = cache["blocks.1.hook_resid_post"][0].double(), Question.of(model, ANSWER, wrong)
    found = prompt_features(model, sae, PROMPT, answer=ANSWER, wrong=wrong, rank_by="direct", n=5)
    assert found.note == ""
    for row, latent in enumerate(found.latents.tolist()):
        written = sae.W_dec[latent].detach().double() / float(sae.norm_scale)
        for pos in found.acts[row].isfinite().nonzero()[:, 0].tolist():
            amount = torch.zeros((), dtype=torch.float64, requires_grad=True)
            logits = frozen(model, resid[pos] + amount * written, resid[pos])
            against = logits.mean() if wrong is None else logits[question.wrong]
            (slope,) = torch.autograd.grad(logits[question.answer] - against, amount)
            expected = float(found.acts[row, pos]) * float(slope)
            assert float(found.direct[row, pos]) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert torch.equal(found.score, found.direct[:, -1])
    sizes = found.score.abs().tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0.01


def test_parts_of_the_measure_add_up_and_are_what_they_are_called(tiny_model):
    site = "blocks.1.hook_resid_post"  # the last: nothing comes after it but norm and unembedding
    sae = make_sae(site)
    found = prompt_features(tiny_model, sae, PROMPT, answer=ANSWER, wrong=WRONG, rank_by="direct", n=N_LATENTS)
    parts = found.direct_parts
    assert sum(parts) == pytest.approx(found.metric, abs=1e-6)
    assert parts.latents == pytest.approx(float(found.score.sum()), abs=1e-4)
    # What is left over is the shift of the final norm.
    question = Question.of(tiny_model, ANSWER, WRONG)
    rows = tiny_model.unembed.original_component.weight
    shift = tiny_model.ln_final.original_component.bias
    assert parts.other == pytest.approx(float(shift @ (rows[question.answer] - rows[question.wrong])), abs=1e-4)
    bare = make_sae(site)
    with torch.no_grad():
        bare.b_dec.zero_()
    no_bias = prompt_features(tiny_model, bare, PROMPT, answer=ANSWER, wrong=WRONG, rank_by="direct")
    assert no_bias.direct_parts.bias == pytest.approx(0, abs=1e-5)
    assert abs(parts.bias) > 1e-3


def test_transcoder_writes_at_its_target(tiny_model):
    read, written = "blocks.0.ln2.hook_normalized", "blocks.0.hook_mlp_out"
    sae, tokens = make_sae(read, written, kind="skip_transcoder"), tiny_model.to_tokens(PROMPT)
    acts = activations(tiny_model, tokens)[read]
    with torch.no_grad():
        latents = sae.encode(acts)
    latents[:, 0] = 0
    found = prompt_features(tiny_model, sae, PROMPT, answer=ANSWER, wrong=WRONG, rank_by="ablation", n=4)
    assert found.site == f"{read} -> {written}"
    torch.testing.assert_close(found.acts[:, 1:], latents[0, 1:].T[found.latents], rtol=1e-4, atol=1e-5)
    question = Question.of(tiny_model, ANSWER, WRONG)
    for latent, effect in zip(found.latents.tolist(), found.ablation.tolist(), strict=True):
        less = without(sae, latents, latent, acts)
        logits = last_logits(tiny_model, tokens, [(written, lambda x, hook, less=less: x - less)])
        assert effect == pytest.approx(found.metric - float(question.measure(logits)), abs=2e-4)
    assert sum(found.direct_parts) == pytest.approx(found.metric, abs=1e-6)


def test_crosscoder_is_set_everywhere_to_one_change(tiny_model):
    sites = ("blocks.0.hook_resid_pre", "blocks.1.hook_resid_pre")
    sae, tokens = make_sae(*sites, kind="crosscoder"), tiny_model.to_tokens(PROMPT)
    cache = activations(tiny_model, tokens)
    acts = torch.cat([cache[site] for site in sites], -1)
    with torch.no_grad():
        latents = sae.encode(acts)
    latents[:, 0] = 0
    found = prompt_features(tiny_model, sae, PROMPT, answer=ANSWER, wrong=WRONG, rank_by="ablation", n=3)
    question = Question.of(tiny_model, ANSWER, WRONG)
    for latent, effect in zip(found.latents.tolist(), found.ablation.tolist(), strict=True):
        less = without(sae, latents, latent).chunk(2, -1)
        hooks = [
            (site, lambda x, hook, new=cache[site] - part: new.clone()) for site, part in zip(sites, less, strict=True)
        ]
        expected = found.metric - float(question.measure(last_logits(tiny_model, tokens, hooks)))
        assert effect == pytest.approx(expected, abs=2e-4)
    assert "a crosscoder" in found.note
    with pytest.raises(ConfigError, match="direct effects of a crosscoder are not defined"):
        prompt_features(tiny_model, sae, PROMPT, answer=ANSWER, rank_by="direct")


def test_cross_layer_transcoder_adds_to_every_later_layer(tiny_model):
    reads = [f"blocks.{layer}.ln2.hook_normalized" for layer in range(2)]
    writes = [f"blocks.{layer}.hook_mlp_out" for layer in range(2)]
    sae, tokens = make_sae(*reads, *writes, kind="clt"), tiny_model.to_tokens(PROMPT)
    cache = activations(tiny_model, tokens)
    with torch.no_grad():
        latents = sae.encode(torch.cat([cache[site] for site in reads], -1))
    latents[:, 0] = 0
    found = prompt_features(tiny_model, sae, PROMPT, answer=ANSWER, wrong=WRONG, rank_by="ablation", n=4)
    question = Question.of(tiny_model, ANSWER, WRONG)
    for latent, effect in zip(found.latents.tolist(), found.ablation.tolist(), strict=True):
        less = without(sae, latents, latent).chunk(2, -1)
        hooks = [(site, lambda x, hook, part=part: x - part) for site, part in zip(writes, less, strict=True)]
        expected = found.metric - float(question.measure(last_logits(tiny_model, tokens, hooks)))
        assert effect == pytest.approx(expected, abs=2e-4)
    assert sum(found.direct_parts) == pytest.approx(found.metric, abs=1e-6)


@pytest.mark.parametrize("site", ["blocks.0.hook_resid_post", "blocks.1.hook_resid_mid"])
def test_only_the_promising_are_ablated_where_not_all_can_be(tiny_model, site):
    n = 5
    sae, tokens = make_sae(site), tiny_model.to_tokens(PROMPT)
    question = Question.of(tiny_model, ANSWER, WRONG)
    probe = torch.zeros(1, tokens.shape[1], WIDTH, requires_grad=True)
    with torch.enable_grad():
        logits = tiny_model.run_with_hooks(tokens, fwd_hooks=[(site, lambda x, hook: x.add_(probe))])[0, -1]
        (slope,) = torch.autograd.grad(question.measure(logits), probe)
    everything = prompt_features(tiny_model, sae, PROMPT, answer=ANSWER, wrong=WRONG, rank_by="ablation", n=N_LATENTS)
    rows = sae.W_dec.detach() / float(sae.norm_scale)
    acts = everything.acts.nan_to_num(nan=0.0)
    promise = (acts * (rows[everything.latents] @ slope[0].T)).sum(1).abs()
    best = everything.latents[promise.argsort(descending=True)[:n]]
    with torch.no_grad():  # as the handlers of a widget run
        found = prompt_features(tiny_model, sae, PROMPT, answer=ANSWER, wrong=WRONG, rank_by="ablation", n_ablated=n)
    assert sorted(found.latents.tolist()) == sorted(best.tolist())
    assert (found.n_ablated, everything.n_ablated) == (n, everything.n_firing)
    whole = dict(zip(everything.latents.tolist(), everything.ablation.tolist(), strict=True))
    for latent, effect in zip(found.latents.tolist(), found.ablation.tolist(), strict=True):
        assert effect == pytest.approx(whole[latent], abs=1e-4)


def test_runs_of_several_forwards_are_those_of_one(tiny_model, monkeypatch):
    sae = make_sae("blocks.1.hook_resid_pre")
    asked = {"answer": ANSWER, "wrong": WRONG, "rank_by": "ablation", "n": N_LATENTS}
    at_once = prompt_features(tiny_model, sae, PROMPT, **asked)
    monkeypatch.setattr("interp_nb.features.text_run._TOKENS_AT_ONCE", 20)
    in_parts = prompt_features(tiny_model, sae, PROMPT, **asked)
    assert dict(zip(in_parts.latents.tolist(), in_parts.ablation.tolist(), strict=True)) == pytest.approx(
        dict(zip(at_once.latents.tolist(), at_once.ablation.tolist(), strict=True)), abs=1e-5
    )


def test_chosen_latents_come_in_their_order_whether_they_fire_or_not(tiny_model):
    sae = make_sae("blocks.0.hook_resid_post")
    ranked = prompt_features(tiny_model, sae, PROMPT, n=N_LATENTS, answer=ANSWER)
    silent = next(latent for latent in range(N_LATENTS) if latent not in ranked.latents.tolist())
    wanted = [silent, *ranked.latents[[3, 0]].tolist()]
    found = prompt_features(tiny_model, sae, PROMPT, latents=wanted, answer=ANSWER)
    assert found.latents.tolist() == wanted
    assert found.acts[0, 1:].tolist() == [0.0] * (len(found.tokens) - 1)
    assert float(found.ablation[0]) == 0.0
    torch.testing.assert_close(found.acts[1], ranked.acts[3], equal_nan=True)
    assert float(found.ablation[2]) == pytest.approx(float(ranked.ablation[0]), abs=1e-5)


def test_neurons_and_directions_have_features_too(tiny_model):
    site = "blocks.0.mlp.hook_post"
    acts = activations(tiny_model, tiny_model.to_tokens(PROMPT))[site][0]
    neurons = prompt_features(tiny_model, Neurons(acts.shape[1], (site,)), PROMPT, answer=ANSWER, n=3)
    assert neurons.latents.tolist() == acts[1:].amax(0).argsort(descending=True)[:3].tolist()
    assert math.isnan(neurons.explained_variance)
    assert "is no part of it" in neurons.note
    # A direction of any length: without it, nothing is left along it.
    direction = torch.randn(1, WIDTH, generator=torch.Generator().manual_seed(3)) * 2
    there, tokens = "blocks.1.hook_resid_pre", tiny_model.to_tokens(PROMPT)
    found = prompt_features(
        tiny_model, Directions(direction, (there,)), PROMPT, answer=ANSWER, wrong=WRONG, latents=[0]
    )
    unit = direction[0] / direction.norm()

    def project(x, hook):
        along = (x[:, 1:] @ unit).clamp(min=0)  # a direction fires where its projection is positive
        return torch.cat([x[:, :1], x[:, 1:] - along.unsqueeze(-1) * unit], 1)

    question = Question.of(tiny_model, ANSWER, WRONG)
    expected = found.metric - float(question.measure(last_logits(tiny_model, tokens, [(there, project)])))
    assert float(found.ablation[0]) == pytest.approx(expected, abs=2e-4)
    assert abs(expected) > 1e-3


def test_text_of_one_token(tiny_model):
    found = prompt_features(tiny_model, make_sae("blocks.0.hook_resid_post"), " Paris", answer=ANSWER, wrong=WRONG)
    assert len(found.tokens) == 2
    assert math.isnan(found.explained_variance)
    assert found.n_tokens_firing.tolist() == [1] * len(found.latents)
    assert found.direct is not None


def test_long_text_is_cut_and_says_so(tiny_model, capfd):
    sae = make_sae("blocks.0.hook_resid_post")
    found = prompt_features(tiny_model, sae, PROMPT + PROMPT * 200_000)
    assert len(found.tokens) == N_CTX
    assert found.note == f"only the first {N_CTX} tokens were read"
    assert found.prompt == (PROMPT * 40)[: len(found.prompt)]
    short = prompt_features(tiny_model, sae, found.prompt)
    assert (short.note, short.token_ids) == ("", found.token_ids)
    assert capfd.readouterr().err == ""


def test_half_a_surrogate_pair_is_text_like_any_other(tiny_model):
    found = prompt_features(tiny_model, make_sae("blocks.0.hook_resid_post"), "The \ud800 Tower")
    assert found.tokens[1] == "The"
    assert found.tokens[-1] == " Tower"


def test_saved_and_loaded_it_is_equal(tiny_model, tmp_path):
    sae = make_sae("blocks.0.hook_resid_post")
    for asked in ({}, {"answer": ANSWER, "wrong": WRONG, "rank_by": "ablation"}):
        found = prompt_features(tiny_model, sae, PROMPT, **asked)
        assert PromptFeatures.load(found.save(tmp_path / "features.safetensors")) == found


def test_frame_has_a_row_per_latent(tiny_model):
    sae = make_sae("blocks.0.hook_resid_post")
    found = prompt_features(tiny_model, sae, PROMPT, n=4, answer=ANSWER)
    frame = found.to_frame()
    columns = ["latent", "score", "max", "mean", "n_tokens_firing", "pos", "token", "direct", "ablation"]
    assert list(frame.columns) == columns
    assert frame.latent.tolist() == found.latents.tolist()
    assert [float(found.acts[row, pos]) for row, pos in enumerate(frame.pos)] == frame["max"].tolist()
    assert frame.token.tolist() == [found.tokens[pos] for pos in frame.pos]
    assert list(prompt_features(TwoHeads(), on_paper(), "0").to_frame().columns) == columns[:7]


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"prompt": ""}, PromptError, "prompt is empty; give at least one token"),
        ({"prompt": "<|end|>"}, PromptError, "no token but begin-of-text"),
        ({"answer": " Paris and"}, AnswerTokenError, r"must be one token, this model splits it into 2"),
        ({"answer": ANSWER, "wrong": ANSWER}, AnswerTokenError, "answer and wrong must be different tokens"),
        ({"wrong": WRONG}, ConfigError, "wrong=' Rome' needs an answer"),
        ({"rank_by": "ablation"}, ConfigError, "rank_by='ablation' needs an answer"),
        ({"rank_by": "maximum"}, ConfigError, "rank_by must be one of max, mean, ablation, direct, got 'maximum'"),
        ({"pos": 0}, ShapeError, "pos must be a token of the text that counts, 1 to 5, got 0"),
        ({"pos": 6}, ShapeError, "1 to 5, got 6"),
        ({"n": 0}, ConfigError, "n must be at least 1, got 0"),
        ({"latents": [3, 48]}, ShapeError, "a latent is 0 to 47 here, got 48"),
        ({"latents": [-1]}, ShapeError, "a latent is 0 to 47 here, got -1"),
    ],
)
def test_what_makes_no_sense_is_refused(tiny_model, asked, error, message):
    sae = make_sae("blocks.0.hook_resid_post")
    with pytest.raises(error, match=message):
        prompt_features(tiny_model, sae, **{"prompt": PROMPT} | asked)


def test_other_models_saes_are_refused(tiny_model):
    with pytest.raises(ShapeError, match=r"d_in=16.*is \[5, 32\]; were they made for another model"):
        prompt_features(tiny_model, make_sae("blocks.0.hook_resid_post", d_in=16), PROMPT)
    with pytest.raises(HookNameError, match=r"no hook point .blocks\.7\.hook_resid_post"):
        prompt_features(tiny_model, make_sae("blocks.7.hook_resid_post"), PROMPT)
    with pytest.raises(ConfigError, match="an SAE must name the places in the model"):
        prompt_features(tiny_model, SAE(SAEConfig(WIDTH, 4, k=2)), PROMPT)
    with pytest.raises(ConfigError, match="sae must be an SAE"):
        prompt_features(tiny_model, "gpt2", PROMPT)


def test_direct_effects_off_the_residual_stream_are_refused(tiny_model):
    sae = make_sae("blocks.0.attn.hook_z")
    with pytest.raises(ConfigError, match=r"blocks.0.attn.hook_z of this model is no part of it"):
        prompt_features(tiny_model, sae, PROMPT, answer=ANSWER, rank_by="direct")
    assert prompt_features(tiny_model, sae, PROMPT, answer=ANSWER, rank_by="ablation").ablation.abs().max() > 0

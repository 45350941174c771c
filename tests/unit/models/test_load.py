"""load_model on six architectures: the caller's model untouched, Hugging Face's residual stream, hooks, generation."""

import copy
import gc
import weakref

import pytest
import torch

from interp_nb.models.edit import capture, forward
from interp_nb.models.info import model_info
from interp_nb.models.load import load_model
from interp_nb.models.prompts import Contrast, tokenize
from tests.tiny_models import ANSWER, ARCHITECTURES, CLEAN, CORRUPTED, WRONG, hf_model, make, shared, tokenizer

PROMPT = "The Eiffel Tower is in Paris and the"


def residual_stream(hf, tokens):
    """Hugging Face's residual stream before every layer and after the last, before the final norm."""
    base = hf.base_model
    norm = next(getattr(base, name) for name in ("ln_f", "final_layer_norm", "norm") if hasattr(base, name))
    last = []
    handle = norm.register_forward_pre_hook(lambda module, inputs: last.append(inputs[0]))
    with torch.no_grad():
        out = hf(tokens, output_hidden_states=True)
    handle.remove()
    return [*out.hidden_states[:-1], last[0]], out.logits


@pytest.fixture(params=ARCHITECTURES)
def architecture(request):
    return request.param


def test_unfolded_residual_stream_equals_hugging_face_hidden_states(architecture):
    hf, model = hf_model(architecture), shared(architecture)
    tokens, _ = tokenize(model, PROMPT)
    expected, logits = residual_stream(hf, tokens)
    names = [f"blocks.{layer}.hook_resid_pre" for layer in range(2)] + ["blocks.1.hook_resid_post"]
    with torch.no_grad():
        got, cache = model.run_with_cache(tokens)
    scale = max(float(h.abs().max()) for h in expected)
    for name, hidden in zip(names, expected, strict=True):
        torch.testing.assert_close(cache[name], hidden, atol=2e-6 * scale, rtol=1e-5)
    torch.testing.assert_close(got, logits, atol=1e-5 * float(logits.abs().max()), rtol=1e-5)


def test_folded_weights_predict_the_same_and_differ_inside(architecture):
    plain, folded = shared(architecture), make(architecture, fold=True)
    tokens, _ = tokenize(plain, PROMPT)
    expected, got = forward(plain, tokens).log_softmax(-1), forward(folded, tokens).log_softmax(-1)
    torch.testing.assert_close(got, expected, atol=2e-4, rtol=1e-4)
    inside = "unembed.hook_in"  # after the final norm, whose gain is folded away
    difference = capture(plain, tokens, [inside])[inside] - capture(folded, tokens, [inside])[inside]
    assert difference.abs().max() > 1e-3
    assert (model_info(plain).fold, model_info(folded).fold) == (False, True)


@pytest.mark.parametrize("fold", [False, True])
def test_pair_is_copied_and_keeps_logits_and_state_bit_for_bit(architecture, fold):
    hf, own = hf_model(architecture), copy.deepcopy(tokenizer())
    hf.train()
    hf.get_input_embeddings().weight.grad = torch.ones_like(hf.get_input_embeddings().weight)
    tokens = torch.tensor([tokenizer().encode(PROMPT)])
    hf.eval()
    with torch.no_grad():
        logits = hf(tokens).logits
    hf.train()
    weights = {name: value.clone() for name, value in hf.state_dict().items()}
    config, kwargs, vocabulary = hf.config.to_dict(), copy.deepcopy(own.init_kwargs), own.get_vocab()
    attention = hf.config._attn_implementation
    modules = [(name, type(module)) for name, module in hf.named_modules()]

    model = load_model((hf, own), device="cpu", fold=fold)
    forward(model, tokens, hooks=[("blocks.0.hook_resid_post", lambda activation, hook: activation * 2)])
    model.generate("The", max_new_tokens=2, verbose=False)

    assert hf.training
    assert all(parameter.requires_grad for parameter in hf.parameters())
    assert torch.equal(hf.get_input_embeddings().weight.grad, torch.ones_like(hf.get_input_embeddings().weight))
    assert hf.config.to_dict() == config
    assert hf.config._attn_implementation == attention
    assert [(name, type(module)) for name, module in hf.named_modules()] == modules
    assert (own.init_kwargs, own.get_vocab()) == (kwargs, vocabulary)
    hf.eval()
    with torch.no_grad():
        assert torch.equal(hf(tokens).logits, logits)
    after = hf.state_dict()
    assert list(after) == list(weights)
    assert all(torch.equal(after[name], value) for name, value in weights.items())


def test_pair_shares_no_memory_with_the_original():
    hf = hf_model("gpt2")
    model = load_model((hf, tokenizer()), device="cpu")
    ours = {parameter.data_ptr() for parameter in model.original_model.parameters()}
    assert ours.isdisjoint(parameter.data_ptr() for parameter in hf.parameters())


def test_model_is_ready_to_read(architecture):
    model = make(architecture)
    assert not model.training
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model(model.to_tokens(PROMPT)).requires_grad
    for name in ("attn.hook_pattern", "attn.hook_z", "attn.hook_q", "hook_attn_out", "hook_mlp_out", "mlp.hook_post"):
        assert f"blocks.0.{name}" in model.hook_dict


def test_run_with_cache_gives_patterns_that_sum_to_one(architecture):
    model = shared(architecture)
    tokens, strings = tokenize(model, PROMPT)
    _, cache = model.run_with_cache(tokens)
    pattern = cache["pattern", 1]
    assert pattern.shape == (1, 4, len(strings), len(strings))
    torch.testing.assert_close(pattern.sum(-1), torch.ones(1, 4, len(strings)))
    assert pattern.triu(1).abs().max() == 0


def test_hooks_change_the_forward_and_are_gone_after_it(architecture):
    model = shared(architecture)
    tokens, _ = tokenize(model, PROMPT)
    plain = forward(model, tokens)
    edited = model.run_with_hooks(
        tokens, fwd_hooks=[("blocks.1.hook_resid_pre", lambda activation, hook: torch.zeros_like(activation))]
    )
    assert not torch.allclose(plain, edited)
    assert torch.equal(forward(model, tokens), plain)
    assert not any(point.fwd_hooks for point in model.hook_dict.values())


def test_generation_is_greedy_hugging_face_generation(architecture):
    hf, model = hf_model(architecture), shared(architecture)
    tokens, _ = tokenize(model, PROMPT)
    with torch.no_grad():
        expected = hf.generate(tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=5, do_sample=False)
    got = model.generate(tokens, max_new_tokens=5, do_sample=False, verbose=False, stop_at_eos=True)
    assert got.tolist() == expected.tolist()


def test_hooks_act_during_generation(architecture):
    model = shared(architecture)
    seen = []
    with model.hooks(fwd_hooks=[("blocks.0.hook_resid_pre", lambda activation, hook: seen.append(activation.shape))]):
        model.generate("The", max_new_tokens=3, do_sample=False, verbose=False, stop_at_eos=False)
    assert len(seen) == 3


def test_contrast_and_tokenize_work_on_every_architecture(architecture):
    model = shared(architecture)
    checked = Contrast(CLEAN, CORRUPTED, ANSWER, WRONG).tokens(model)
    assert checked.clean.shape == checked.corrupted.shape
    clean, corrupted = checked.str_tokens[0]
    assert "".join(clean).endswith(CLEAN)
    assert [a == b for a, b in zip(clean, corrupted, strict=True)].count(False) == 2
    # Begin-of-text is there exactly where TransformerLens's adapter for this architecture prepends it.
    assert (clean[0] == "<|end|>") == bool(model.cfg.default_prepend_bos)


def test_tokenizer_that_was_never_saved_keeps_what_was_added_to_it():
    own = copy.deepcopy(tokenizer())
    assert not own.name_or_path
    hf = hf_model("gpt2")
    own.add_tokens(["<<made up>>"])
    hf.resize_token_embeddings(len(own))
    model = load_model((hf, own), device="cpu")
    assert model.to_str_tokens("The<<made up>>")[-1] == "<<made up>>"


def test_tokenizer_without_begin_of_text_gets_none_of_its_own():
    own = copy.deepcopy(tokenizer())
    own.bos_token = None
    model = load_model((hf_model("qwen2"), own), device="cpu")
    assert model.to_str_tokens("The Eiffel") == ["The", " Eiffel"]


def test_dtype_is_cast_for_parameters_only():
    model = load_model((hf_model("llama"), tokenizer()), device="cpu", dtype="bfloat16")
    assert model(model.to_tokens(PROMPT)).dtype == torch.bfloat16
    buffers = dict(model.original_model.named_buffers())
    assert {value.dtype for name, value in buffers.items() if "inv_freq" in name} == {torch.float32}
    assert model_info(model).dtype == "bfloat16"


def test_model_is_freed_with_its_last_reference():
    model = make("gpt2")
    forward(model, model.to_tokens(PROMPT))
    gone = weakref.ref(model.original_model)
    del model
    gc.collect()
    assert gone() is None


def test_info_of_a_model_loaded_elsewhere():
    class Foreign:
        class cfg:
            model_name, dtype, device = "their-model", torch.float16, "cpu"

    assert model_info(Foreign()) == ("their-model", None, None, "float16", "cpu", "Foreign")

"""Texts, vectors and recipes that tests of steering share."""

import functools

import torch

PROMPTS = ("The Eiffel Tower is in", "Paris and the Louvre", "When John and Mary went to the store John gave")
NEW = " Paris is the drink in Rome"
SITE = "blocks.1.hook_resid_post"
BEHIND = "blocks.0.hook_resid_post"


@functools.cache
def vector(seed=0, *, site="resid_post", width=32, layers=(0, 1), norm=4.0):
    from interp_nb.steering.vectors import SteeringVector

    made = torch.randn(len(layers), width, generator=torch.Generator().manual_seed(seed))
    made = made * norm / made.norm(dim=1, keepdim=True)
    return SteeringVector.of(
        made, list(layers), site=site, midpoint=torch.linspace(0.5, 1.5, len(layers)), name=f"v{seed}"
    )


@functools.cache
def tiny_sae(site=BEHIND):
    from interp_nb.sae.coder import SAE
    from interp_nb.sae.config import SAEConfig

    sae = SAE(SAEConfig(d_in=32, d_sae=48, architecture="relu", sites=(site,)), seed=3)
    with torch.no_grad():
        sae.b_enc.fill_(0.5)
        sae.b_dec.copy_(torch.linspace(-1, 1, 32))
    return sae


def texts(model):
    """Prompts of three lengths, as lists of ids, and what follows them: the same tokens for each."""
    follows = model.to_tokens(NEW, prepend_bos=False)[0].tolist()
    return [model.to_tokens(prompt)[0].tolist() for prompt in PROMPTS], follows


def strings(model, ids):
    return [str(piece) for piece in model.to_str_tokens(torch.tensor(ids))]


def padded(model, rows):
    """Rows with padding on the left, and the attention mask."""
    longest = max(map(len, rows))
    tokens = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    return tokens, mask


def cached_logits(model, prompts, follows):
    """Logits after each prompt and each token that follows, [text step d_vocab]; a batch, a cache, a token a time."""
    tokens, mask = padded(model, prompts)
    found = []
    with torch.no_grad():
        logits, cache = model(tokens, attention_mask=mask, use_cache=True, return_type="logits_and_cache")
        found.append(logits[:, -1])
        for token in follows:
            mask = torch.nn.functional.pad(mask, (0, 1), value=1)
            new = torch.full((len(prompts), 1), token)
            logits, cache = model(new, attention_mask=mask, past_key_values=cache, return_type="logits_and_cache")
            found.append(logits[:, -1])
    return torch.stack(found, 1)


def uncached_logits(model, prompts, follows):
    """The same without a cache, batched and padded."""
    found = []
    for n_new in range(len(follows) + 1):
        tokens, mask = padded(model, [[*prompt, *follows[:n_new]] for prompt in prompts])
        with torch.no_grad():
            found.append(model(tokens, attention_mask=mask)[:, -1])
    return torch.stack(found, 1)


def assert_same_logits(found, expected):
    """Equal to float32 rounding: a few units in the seventh digit of the largest logit."""
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= 1e-5 * float(expected.abs().max())


def attached(model):
    """What is left on a model."""
    points = [name for name, point in model.hook_dict.items() if point.fwd_hooks or point.bwd_hooks]
    below = model.original_model
    return points + [str(hook) for hook in (*below._forward_hooks.values(), *below._forward_pre_hooks.values())]

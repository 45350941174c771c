"""The numbers of a report: the name of each, what it says in one sentence, and its formula.

Where the formulas are computed is said in them; none has a second definition.
"""

from typing import Final, Literal, NamedTuple

GROUPS: Final = ("reconstruction", "sparsity", "features", "causal", "truth")
"""Groups of a report, in the order in which they are measured and shown."""

ABLATIONS: Final = ("mean", "zero")
"""What 0 means where a share of something is recovered."""

DENSE_ABOVE: Final = 0.1
"""Share of tokens above which a latent is dense (Gao et al. 2024, section 2.4 and appendix E)."""


WITHOUT_BOS: Final = (
    "features, causal use and ground truth have no figure with begin-of-text tokens: there is no text before these "
    "that a latent could be about, and no document labels them"
)
"""Why `with_bos` is NaN in these groups."""


class MetricInfo(NamedTuple):
    """What a number is."""

    group: str
    """One of `GROUPS`."""
    label: str
    """Its name for people."""
    unit: str
    """Such as "nats per token"; empty where it has none."""
    better: Literal["higher", "lower", ""]
    """Which way is better; empty where neither is by itself."""
    meaning: str
    """What it says, in one sentence."""
    formula: str
    """How it is computed, or where that is published."""


def _info(
    group: str, label: str, better: Literal["higher", "lower", ""], meaning: str, formula: str, unit: str = ""
) -> MetricInfo:
    return MetricInfo(group, label, unit, better, meaning, formula)


_RECONSTRUCTION: Final = {
    "mse": _info(
        "reconstruction", "MSE", "lower", "Squared error of the reconstruction, per token and dimension.",
        "sum (targets - recons)^2 / (tokens * d_out)",
    ),
    "mae": _info(
        "reconstruction", "MAE", "lower", "Absolute error of the reconstruction, per token and dimension.",
        "sum |targets - recons| / (tokens * d_out)",
    ),
    "explained_variance": _info(
        "reconstruction", "explained variance", "higher",
        "Share of the activations' variance that is reconstructed; a constant offset is an error.",
        "1 - sum (targets - recons)^2 / sum (targets - mean over all tokens)^2",
    ),
    "cosine_similarity": _info(
        "reconstruction", "cosine similarity", "higher",
        "How far activation and reconstruction point the same way, whatever their lengths; mean over tokens.",
        "mean over tokens of <targets, recons> / (|targets| |recons|)",
    ),
    "loss_recovered_mean": _info(
        "reconstruction", "loss recovered (mean ablation)", "higher",
        "Share of the loss kept that replacing activations by their mean would cost: 1 = nothing lost.",
        "(ce_ablated - ce_recons) / (ce_ablated - ce_clean), activations replaced by their mean; sae.recovery",
    ),
    "loss_recovered_zero": _info(
        "reconstruction", "loss recovered (zero ablation)", "higher",
        "Share of the loss kept that replacing activations by zero would cost; easier to do well on.",
        "(ce_ablated - ce_recons) / (ce_ablated - ce_clean), activations replaced by 0; Bricken et al. 2023",
    ),
    "kl_recovered_mean": _info(
        "reconstruction", "KL recovered (mean ablation)", "higher",
        "Share of the whole prediction kept, not of the right token's probability alone.",
        "(kl_ablated - kl_recons) / kl_ablated, activations replaced by their mean",
    ),
    "kl_recovered_zero": _info(
        "reconstruction", "KL recovered (zero ablation)", "higher",
        "Share of the whole prediction kept, beside setting activations to zero.",
        "(kl_ablated - kl_recons) / kl_ablated, activations replaced by 0",
    ),
    "ce_clean": _info(
        "reconstruction", "CE of the model", "", "Loss of the untouched model.",
        "mean cross-entropy over predictions of counted tokens from counted tokens", "nats per token",
    ),
    "ce_recons": _info(
        "reconstruction", "CE with the SAE", "lower", "Loss of the model with reconstructions in place.",
        "the same, reconstructions in place of the activations of counted tokens", "nats per token",
    ),
    "kl_recons": _info(
        "reconstruction", "KL with the SAE", "lower",
        "How far the model's predictions move with reconstructions in place.",
        "mean of KL(clean, with reconstructions) over the same predictions", "nats per token",
    ),
}  # fmt: skip

_SPARSITY: Final = {
    "l0": _info(
        "sparsity", "L0", "lower", "Latents that fire on a token, on average.",
        "mean over tokens of the count of latents with latent_acts != 0", "latents per token",
    ),
    "l0_median": _info(
        "sparsity", "L0, median", "lower", "Half of the tokens have at most this many latents.",
        "median over tokens of the count", "latents per token",
    ),
    "l0_p10": _info(
        "sparsity", "L0, 10th percentile", "", "A tenth of the tokens have at most this many latents.",
        "10th percentile over tokens of the count", "latents per token",
    ),
    "l0_p90": _info(
        "sparsity", "L0, 90th percentile", "", "Nine tenths of the tokens have at most this many latents.",
        "90th percentile over tokens of the count", "latents per token",
    ),
    "active_share": _info(
        "sparsity", "active share", "lower", "Share of all latents that fire on a token, on average.", "l0 / d_sae"
    ),
    "dead_fraction": _info(
        "sparsity", "dead latents", "lower",
        "Share of latents that fire on none of the evaluated tokens, more of them the fewer these are; its interval is "
        "over latents and says nothing of more text.",
        "latents that never fire / d_sae; the window is the evaluated tokens",
    ),
    "dense_fraction": _info(
        "sparsity", "dense latents", "lower", "Share of latents that fire on more than a tenth of the tokens.",
        "latents that fire on > 10 % of the tokens / d_sae; Gao et al. 2024",
    ),
    "shrinkage": _info(
        "sparsity", "shrinkage", "", "Length of the reconstruction beside the activation's: below 1 = too short.",
        "mean over tokens of |recons| / |targets|; SAELens: l2_ratio",
    ),
    "reconstruction_bias": _info(
        "sparsity", "reconstruction bias", "",
        "The factor by which all reconstructions are too long or short: below 1 = making them longer would help.",
        "sum |recons|^2 / sum <recons, targets>; Rajamanoharan et al. 2024 (gated SAEs), eq. 10",
    ),
    "l1": _info(
        "sparsity", "L1", "", "Sum of a token's latent activations, on average; no scale of its own.",
        "mean over tokens of the sum of |latent_acts|",
    ),
}  # fmt: skip

_FEATURES: Final = {
    "encoder_decoder_cosine": _info(
        "features", "encoder-decoder cosine", "", "How far a latent reads the direction that it writes.",
        "mean over latents of the cosine of encoder and decoder row",
    ),
    "logit_specificity": _info(
        "features", "specificity of logit effects", "higher",
        "How far a latent's direct effect on the logits is on few tokens: 0 = as a random direction.",
        "mean over live latents; evaluation.logit_effects",
    ),
    "probe_k1": _info(
        "features", "probing, 1 latent", "higher", "Balanced accuracy of a probe that reads the best single latent.",
        "Gurnee et al. 2023, sparse probing; documents split into training and test",
    ),
    "probe_k2": _info(
        "features", "probing, 2 latents", "higher", "Balanced accuracy of a probe that reads two latents.",
        "Gurnee et al. 2023, sparse probing; documents split into training and test",
    ),
    "probe_k5": _info(
        "features", "probing, 5 latents", "higher", "Balanced accuracy of a probe that reads five latents.",
        "Gurnee et al. 2023, sparse probing; documents split into training and test",
    ),
    "probe_dense": _info(
        "features", "probing, all activations", "higher", "Ceiling: a probe that reads the activations themselves.",
        "the same split, logistic regression on the activations",
    ),
    "absorption": _info(
        "features", "absorption", "lower",
        "Share of a concept's tokens on which its latent is silent because a narrower latent took them over.",
        "Chanin et al. 2024, adapted to labels; mean over pairs of concepts; evaluation.absorption",
    ),
    "splitting": _info(
        "features", "splitting", "lower",
        "Latents that a broader concept is split into, on average: 1 = one latent tells it as well as several.",
        "latents added while each adds 0.03 to F1 (Chanin et al. 2024); evaluation.splitting",
    ),
}  # fmt: skip

_CAUSAL: Final = {
    "causal_share": _info(
        "causal", "causally used latents", "higher",
        "Share of random live latents that shift predictions more than a random direction of equal norm does, by a "
        "test that 5 in 100 pass by chance: compare it with causal_null.",
        "latents where effect - random passes a sign-flip test over documents, p < 0.05 / latents; evaluation.causal",
    ),
    "causal_null": _info(
        "causal", "the same of random directions", "",
        "Share of these latents at which a second random direction passes the same test: what chance alone reaches.",
        "latents where second random - random passes the same sign-flip test / latents measured; evaluation.causal",
    ),
    "causal_effect": _info(
        "causal", "effect of a latent", "higher", "How far predictions move when a latent is taken out where it fires.",
        "mean over latents of KL(before, after) summed over the predictions from there on", "nats per firing",
    ),
    "causal_random": _info(
        "causal", "effect of a random direction", "",
        "The same of a random direction of equal norm at the same token.",
        "mean over latents of KL(before, after) with a random direction taken out instead", "nats per firing",
    ),
}  # fmt: skip

_TRUTH: Final = {
    "concepts_found": _info(
        "truth", "concepts found", "higher", "Share of context-dependent concepts that some latent stands for.",
        "concepts with a latent of F1 >= 0.5 / concepts a token look-up does not solve",
    ),
    "mean_f1_context": _info(
        "truth", "F1, context-dependent concepts", "higher",
        "How well the best latent tells a concept that depends on context, mean over concepts.",
        "latent and threshold chosen on one half of the documents, F1 on the other",
    ),
    "mean_f1_lookup": _info(
        "truth", "F1, token look-up concepts", "higher",
        "The same of concepts that the token alone gives away; says little about an SAE.",
        "latent and threshold chosen on one half of the documents, F1 on the other",
    ),
    "monosemantic_share": _info(
        "truth", "monosemantic latents", "higher", "Share of live latents that stand for one labelled concept.",
        "nine firings of ten have it, corrected for chance; evaluation.monosemantic",
    ),
    "mean_f1_probe": _info(
        "truth", "F1 of linear probes", "higher", "Ceiling: a linear probe of the activations on the same split.",
        "logistic regression per concept, the same halves",
    ),
}  # fmt: skip

METRICS: Final[dict[str, MetricInfo]] = {**_RECONSTRUCTION, **_SPARSITY, **_FEATURES, **_CAUSAL, **_TRUTH}
"""Every number of a report, by name, in the order in which they are shown."""


def names_of(group: str) -> tuple[str, ...]:
    """List the numbers of a group, in order."""
    return tuple(name for name, info in METRICS.items() if info.group == group)

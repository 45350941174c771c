"""Checks for the exercises of the tutorial notebooks.

Each `check_*` takes the learner's own function, tries it on cases with known answers and raises
`AssertionError` with a hint, or prints one line of praise. The notebooks carry the stubs and the solutions.
"""

from interp_nb.lessons.activation_patching import check_denoising_effect
from interp_nb.lessons.attention_and_patching import check_induction_score
from interp_nb.lessons.feature_dashboard import check_cofiring
from interp_nb.lessons.feature_dictionaries import check_matching
from interp_nb.lessons.label_and_score_features import check_balanced_accuracy
from interp_nb.lessons.load_any_sae import check_folded
from interp_nb.lessons.quickstart import check_handover_layer
from interp_nb.lessons.remove_a_bias import check_without_direction
from interp_nb.lessons.sae_quality import check_best_latent_f1
from interp_nb.lessons.steer_with_features import check_set_latent
from interp_nb.lessons.steering_vectors import check_mean_difference
from interp_nb.lessons.superposition import check_dimensionality
from interp_nb.lessons.train_an_sae import check_batch_topk

__all__ = [
    "check_balanced_accuracy",
    "check_batch_topk",
    "check_best_latent_f1",
    "check_cofiring",
    "check_denoising_effect",
    "check_dimensionality",
    "check_folded",
    "check_handover_layer",
    "check_induction_score",
    "check_matching",
    "check_mean_difference",
    "check_set_latent",
    "check_without_direction",
]

"""What attention heads look at, and what they are for.

`patterns` holds one prompt's attention; `roles` scores heads by what they do; `copying` reads the weights; `battery`
runs the random repeated tokens on which heads are compared.
"""

from interp_nb.heads.battery import head_roles
from interp_nb.heads.labels import labelled_pairs
from interp_nb.heads.patterns import AttentionPatterns, attention
from interp_nb.heads.roles import HeadRoles

__all__ = ["AttentionPatterns", "HeadRoles", "attention", "head_roles", "labelled_pairs"]

"""Every architecture by its name (`REGISTRY`), and every wiring by its name (`WIRINGS`)."""

from typing import Final

from interp_nb.sae.architectures.abs_topk import AbsTopK
from interp_nb.sae.architectures.base import Architecture, Terms
from interp_nb.sae.architectures.batch_topk import BatchTopKSAE
from interp_nb.sae.architectures.clt import CrossLayerTranscoder, SkipCrossLayerTranscoder
from interp_nb.sae.architectures.crosscoder import Crosscoder
from interp_nb.sae.architectures.gated import Gated
from interp_nb.sae.architectures.group_max import GroupMax
from interp_nb.sae.architectures.jumprelu import JumpReLU
from interp_nb.sae.architectures.matching_pursuit import MatchingPursuit
from interp_nb.sae.architectures.matryoshka import Matryoshka
from interp_nb.sae.architectures.relu import ReLU
from interp_nb.sae.architectures.signed import SignedJumpReLU, SignedTopK
from interp_nb.sae.architectures.temporal import Temporal
from interp_nb.sae.architectures.topk import TopK
from interp_nb.sae.architectures.transcoder import SkipTranscoder, Transcoder
from interp_nb.sae.architectures.wiring import Wiring

REGISTRY: Final[dict[str, Architecture]] = {
    made.name: made
    for made in (
        *(ReLU(), TopK(), BatchTopKSAE(), Matryoshka(), JumpReLU(), Gated()),
        # Only read from other libraries' files.
        *(GroupMax(), AbsTopK(), MatchingPursuit(), Temporal(), SignedJumpReLU(), SignedTopK()),
    )
}
WIRINGS: Final[dict[str, Wiring]] = {
    made.name: made
    for made in (
        Wiring(), Transcoder(), SkipTranscoder(), Crosscoder(), CrossLayerTranscoder(), SkipCrossLayerTranscoder(),
    )
}  # fmt: skip

__all__ = ["REGISTRY", "WIRINGS", "Architecture", "Terms", "Wiring"]

"""CircuitsVis's own view of attention patterns, from its local bundle and without asking the network.

CircuitsVis decides at every display whether to load itself from a content network, by opening a web page; it names its
`<div>` at random and puts token strings into a script element unescaped. `CircuitsVisHTML` is its local form with those
three things put right. The numbers and the drawing are CircuitsVis's.
"""

import hashlib
import itertools
import re
from typing import Final

from jaxtyping import Float
from torch import Tensor

_DIV_ID: Final = re.compile(r"circuits-vis-[0-9a-f]{8}-[0-9a-f]{4}")
_PROPS_START: Final = "CircuitsVis.AttentionHeads,"
_counter = itertools.count()


class CircuitsVisHTML:
    """A CircuitsVis view, always drawn from the bundle in the installed package."""

    def __init__(self, html: str) -> None:
        """Keep a complete, self-contained piece of HTML."""
        self.html = html

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        """Say what this is; the page itself is over a megabyte."""
        return f"CircuitsVisHTML({len(self.html) / 1e6:.1f} MB)"


def attention_heads_html(
    patterns: Float[Tensor, "head dest_pos src_pos"], tokens: list[str], head_names: list[str]
) -> CircuitsVisHTML:
    """Draw heads with CircuitsVis.

    Args:
        tokens: One string per position.
        head_names: One name per head, as CircuitsVis writes under its thumbnail.
    """
    from circuitsvis.attention import attention_heads

    drawn = attention_heads(attention=patterns, tokens=tokens, attention_head_names=head_names)
    bundle, start, props = drawn.local_src.rpartition(_PROPS_START)
    props, end, tail = props.rpartition("\n")
    # NOTE: in these props "<" occurs only inside JSON strings, so the escape changes no value, and a token such as
    # "</script>" can no longer end the script element.
    html = bundle + start + props.replace("<", "\\u003c") + end + tail
    # The counter keeps two displays of the same numbers apart on one page; the hash, two sessions' outputs.
    unique = f"circuits-vis-{hashlib.sha256(props.encode()).hexdigest()[:12]}-{next(_counter)}"
    drawn_id = _DIV_ID.search(html)
    return CircuitsVisHTML(html.replace(drawn_id.group(), unique) if drawn_id else html)

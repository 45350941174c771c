"""What to do with a vector: how strongly, by which operator, on which tokens, under which condition.

Recipes know no model; what they say is checked on one by `apply`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Final, NamedTuple

from jaxtyping import Bool, Int
from torch import Tensor

from interp_nb._errors import ConfigError, nearest
from interp_nb.steering.vectors import SteeringVector

OPERATORS: Final = ("add", "ablate", "clamp", "ablate_add", "set", "scale")
ROLES: Final = ("user", "assistant", "system")
NAMED_POSITIONS: Final = ("all", "everything", "prompt", "generated", *ROLES)
SIDES: Final = ("generated", "prompt")
NEUTRAL: Final = {"add": 0.0, "ablate": 0.0, "scale": 1.0}
"""Strengths at which an operator changes no bit; the others always set something."""


@dataclass(frozen=True)
class FromMarker:
    """Choose the tokens from a marker on, where it first appears, prompt or generated.

    A marker is known once it is complete, so what is steered never depends on tokens that come later.
    """

    text: str
    """The marker, as it reads in the text."""
    include: bool = False
    """Whether the token that completes the marker is steered too."""

    def __post_init__(self) -> None:
        """Refuse an empty marker."""
        if not self.text:
            raise ConfigError("a marker must have some text, got ''; for all tokens use positions='all'")


@dataclass(frozen=True, eq=False)
class Condition:
    """Steer only tokens on which a direction or a latent is high.

    The projection on the unit direction, or the latent's activation, has to exceed `above`. It is read in the same
    run, at the place of the edit or earlier, before the edit acts there.
    """

    reads: SteeringVector | tuple[Any, int]
    """The direction; or a latent, as its vector (which keeps its SAE) or as (sae, latent)."""
    above: float | int
    """What it has to exceed, in the units of the residual stream, or of the SAE."""
    layer: int | None = None
    """Where a direction is read; None = at its vector's layer."""

    def __post_init__(self) -> None:
        """Refuse a bound that nothing exceeds or does not."""
        if not math.isfinite(self.above):
            raise ConfigError(f"above must be a finite number, got {self.above}")


Choice = Callable[[Int[Tensor, " pos"], int], Bool[Tensor, " pos"]]
"""`choose(tokens, n_prompt)` -> which tokens; called with a text as far as it has come, without padding. To steer
generation alike with and without a cache, it must not judge a token by later ones."""


class Spans(NamedTuple):
    """Tokens of prompts, by place without padding, and whether what is generated belongs to them."""

    mask: Bool[Tensor, "batch pos"]
    """One row per text."""
    beyond: bool
    """Of every place beyond the mask."""


Positions = Spans | str | FromMarker | Sequence[int] | Sequence[str] | Bool[Tensor, "batch pos"] | Choice


@dataclass(frozen=True, eq=False)
class Steering:
    """Hold a vector and how it acts: operator, strength, places, tokens, condition.

    With x an activation, v the vector, u = v / |v|, s the strength:
    "add": x + s v. "ablate": x - s (x.u) u. "clamp": the projection on u becomes midpoint + s |v|, the classes' means
    at -0.5 and 0.5. "ablate_add": x - (x.u) u + s v. For the vector of an SAE's latent, whose error is kept: "set": its
    activation becomes s times its 99th percentile; "scale": s times what it is.

    Raises:
        ConfigError: an unknown operator or position, or a strength that is not finite.
    """

    vector: SteeringVector
    """What is added, removed or held."""
    strength: float | int = 1.0
    """How much; 1 is one raw mean difference, or one 99th-percentile activation of a latent."""
    _: KW_ONLY
    operator: str = "add"
    """What is done, see above."""
    positions: Positions = "all"
    """Which tokens. "all": all but begin-of-text and padding. "everything": begin-of-text too. "prompt" and
    "generated": of "all", those on that side, see `last_prompt_token`. "user", "assistant", "system": of "all", the
    tokens of a chat's turns, their markers included, for chats given to `generate`. Integers: places in the text
    without padding, negative from the end of the prompt. Strings: tokens that read so. `FromMarker`. A mask
    [batch pos] over the texts without padding, False beyond it. Or a function, see `Choice`."""
    layers: int | Sequence[int] | str | None = None
    """Where; negative counts from the last. None = the vector's own suggestion, "all" = every layer it has."""
    when: Condition | None = None
    """Act only where this holds."""
    last_prompt_token: str = "generated"
    """The side that the last token of the prompt counts to: its output is the first new token."""

    def __post_init__(self) -> None:
        """Check what needs no model."""
        _one_of("operator", self.operator, OPERATORS)
        _one_of("last_prompt_token", self.last_prompt_token, SIDES)
        if isinstance(self.positions, str):
            _one_of("positions", self.positions, NAMED_POSITIONS)
        if isinstance(self.strength, str) or not math.isfinite(self.strength):
            raise ConfigError(f"strength must be a finite number, got {self.strength!r}")
        if isinstance(self.layers, str) and self.layers != "all":
            raise ConfigError(f"layers must be a list of layers, 'all' or None, got {self.layers!r}")
        if not self.chosen_layers or len(set(self.chosen_layers)) < len(self.chosen_layers):
            raise ConfigError(f"layers must name at least one layer, and none twice, got {self.layers!r}")
        if self.operator in ("set", "scale") and self.vector.sae is None:
            raise ConfigError(
                f"operator={self.operator!r} changes a latent's activation and needs its SAE, and {self.vector.name!r} "
                "is a direction alone; make it with sae.feature_vector(latent), or use operator='add'"
            )

    @property
    def chosen_layers(self) -> list[int]:
        """The layers it acts at."""
        if self.layers is None:
            return [self.vector.layer]
        if isinstance(self.layers, int):
            return [self.layers]
        return list(self.vector.layers if isinstance(self.layers, str) else self.layers)

    def at_layers_of(self, n_layers: int) -> "Steering":
        """Return it with layers counted from the first, in a model of so many."""
        if all(layer >= 0 for layer in self.chosen_layers):
            return self
        return replace(self, layers=[layer + n_layers if layer < 0 else layer for layer in self.chosen_layers])

    @property
    def changes_nothing(self) -> bool:
        """Whether the strength is the one at which its operator leaves everything as it is."""
        return NEUTRAL.get(self.operator) == self.strength

    def __repr__(self) -> str:
        """One line: vector, operator, strength, layers, positions."""
        where = self.positions if isinstance(self.positions, (str, FromMarker)) else type(self.positions).__name__
        layers = ", ".join(map(str, self.chosen_layers))
        when = "" if self.when is None else f", when > {self.when.above:g}"
        return f"Steering({self.vector.name}, {self.operator} {self.strength:g}, layers [{layers}], {where}{when})"


def recipes(what: Any, **options: Any) -> list[Steering]:
    """Make recipes of vectors, recipes or lists of them; the options are for plain vectors.

    Raises:
        ConfigError: something else was given, or nothing.
    """
    if isinstance(what, Steering):
        return [what]
    if isinstance(what, SteeringVector):
        return [Steering(what, **options)]
    if isinstance(what, (list, tuple)):
        return [recipe for each in what for recipe in recipes(each, **options)]
    raise ConfigError(f"steering takes vectors and Steering(vector, ...), got a {type(what).__name__}")


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(f"{name} must be one of {', '.join(known)}, got {value!r}; {nearest(value, known)}")

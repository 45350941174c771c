"""A playground in words: headings, operators, marks on sliders, hints.

The live view and the picture say the same, because both take it from here.
"""

from typing import Any, Final

from interp_nb.steering.playground_settings import Slider
from interp_nb.steering.recipe import NEUTRAL
from interp_nb.steering.vectors import METHOD_WORDS

OPERATORS: Final[list[dict[str, Any]]] = [
    {"name": name, "label": label, "hint": hint, "neutral": NEUTRAL.get(name)}
    for name, label, hint in (
        ("add", "add", "Adds strength times the vector."),
        ("ablate", "remove", "Removes strength times what the activation has along the vector; 1 = all of it."),
        ("clamp", "hold at", "Holds the activation's place along the vector: -0.5 and 0.5 are the means of the two "
         "kinds of text, 0 is midway."),
        ("ablate_add", "replace", "Removes what the activation has along the vector, then adds strength times it."),
        ("set", "set latent", "Sets the latent's activation, 1 = its 99th percentile; what the SAE does not explain "
         "stays."),
        ("scale", "scale latent", "Multiplies the latent's activation; 1 = as it is, 0 = off."),
    )
]  # fmt: skip
"""What can be done with a vector."""
POSITIONS: Final = [
    {"name": "all", "label": "all tokens", "hint": "Every token but begin-of-text."},
    {"name": "prompt", "label": "prompt", "hint": "The prompt's tokens but its last one."},
    {"name": "generated", "label": "new tokens", "hint": "The prompt's last token, which gives the first new one, and "
     "all new ones."},
]  # fmt: skip
"""Which tokens are steered."""
METHODS: Final = [
    {"name": name, "label": METHOD_WORDS[name], "hint": hint}
    for name, hint in (
        ("mean", "The mean of the positive texts less that of the negative ones."),
        ("pca", "The direction in which the pairs' differences vary most."),
        ("logistic", "The direction by which a logistic probe tells them apart."),
        ("linear", "The direction by which a linear probe tells them apart."),
    )
]
"""How a vector is made of pairs; "centered" needs other texts beside them, so it is Python's."""
HINTS: Final = {
    "generate": "Runs the model twice side by side, as it is and steered, with the same random numbers.",
    "tokens": "Color: how much steering moved each token's log-probability, in nats; blue = likelier, red = less "
    "likely.",
    "bars": "What comes next: the likeliest tokens before and after steering.",
    "pairs": "One pair a line: positive | negative. Alike but for what the vector is to stand for.",
    "share": "How long what is added is, as a share of the mean norm of the residual stream; beyond 100 % text "
    "usually breaks.",
    "latent": "Adds the latent that is selected in the linked dashboard.",
    "positions": "Which tokens are steered.",
    "seed": "Both texts draw with the same random numbers, so that what differs is the steering's.",
    "temperature": "0 = always the likeliest token.",
}
"""A sentence or two for each part."""
READ: Final = {"last": "the last token", "mean": "the mean of all tokens", "answer": "the answer"}
"""Which tokens a vector was read from."""
MARKS: Final = ((-1.0, "−1"), (-0.5, "−½"), (0.0, "0"), (0.5, "½"), (1.0, "1"))


def heading(playground: Any) -> str:
    """Say what is steered."""
    return f"Steering {playground.model_name}"


def note(playground: Any) -> str:
    """Say what it is steered with."""
    count = len(playground.vectors)
    return f"{count} vector{'s' * (count != 1)}" if count else "no vectors yet"


def about(vector: Any) -> str:
    """Say where a vector comes from."""
    if vector.latent_idx is not None:
        return f"latent {vector.latent_idx} of an SAE at {vector.hook_names[0]}"
    made = METHOD_WORDS.get(vector.method, vector.method)
    pairs = f" of {vector.n_pairs} pairs" if vector.n_pairs else ""
    read = f", read at {READ.get(vector.read_at, f'token {vector.read_at}')}" if vector.read_at else ""
    return f"{made}{pairs}{read}"


def marks(choice: tuple[int, float] | None) -> list[dict[str, Any]]:
    """List the useful strengths of a slider: 0, halves and wholes, and what a sweep chose."""
    found = [{"value": value, "label": label, "kind": "unit" if value else "zero"} for value, label in MARKS]
    if choice is None:
        return found
    chosen = {"value": choice[1], "label": "sweep", "kind": "choice"}
    return [each for each in found if each["value"] != choice[1]] + [chosen]


def setting(slider: Slider) -> str:
    """Write where a slider is and what it does, on one line."""
    operator = next(each["label"] for each in OPERATORS if each["name"] == slider.operator)
    where = "all layers" if slider.layer == "all" else f"layer {slider.layer}"
    state = " · muted" if slider.muted else ""
    strength = f"{slider.strength:+.3g}" if slider.strength else "0"
    return f"{strength} · {operator} · {where}{state}"

"""Pictures of features of a text and of changed latents: drawn the same twice, whatever the text; no widget."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from interp_nb.features.intervene import feature_effect
from interp_nb.features.on_text import prompt_features
from interp_nb.widgets.fallback import picture
from tests.tiny_models import TwoHeads
from tests.unit.features.test_on_text import on_paper
from tests.unit.features.text_cases import ANSWER, PROMPT, WRONG, make_sae

SITE = "blocks.0.hook_resid_post"
HOSTILE = "<script>alert(1)</script> $\\frac{1}{0}$ \u202e\x00\ufeff</figcaption>\n_^{%s} 𝔊"


def shown(result):
    """The picture as an array, and the html around it."""
    page = result._repr_mimebundle_()[0]["text/html"]
    (source,) = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source))).convert("RGB")), page


def made(model, **asked):
    return prompt_features(model, make_sae(SITE), PROMPT, **asked)


@pytest.mark.parametrize(
    "asked",
    [{}, {"rank_by": "mean", "n": 3}, {"pos": 2}, {"answer": ANSWER, "rank_by": "ablation"},
     {"answer": ANSWER, "wrong": WRONG, "rank_by": "direct"}, {"latents": [0]}],
)  # fmt: skip
def test_same_features_are_the_same_bytes(tiny_model, asked):
    assert picture(made(tiny_model, **asked)) == picture(made(tiny_model, **asked))


def test_picture_tells_results_apart(tiny_model):
    several = [made(tiny_model), made(tiny_model, rank_by="mean"), made(tiny_model, pos=2), made(tiny_model, n=3)]
    assert len({picture(each)[0] for each in several}) == len(several)


def test_effects_that_differ_are_drawn_so(tiny_model):
    sae = make_sae(SITE)
    first, second = (feature_effect(tiny_model, sae, 3, PROMPT, kind="set", strength=value) for value in (2.0, 20.0))
    again = feature_effect(tiny_model, sae, 3, PROMPT, kind="set", strength=2.0)
    assert picture(first) == picture(again)
    assert picture(first) != picture(second)


def test_negative_values_are_drawn_by_a_diverging_scale(tiny_model):
    sae = make_sae(SITE)
    drawn, _ = shown(feature_effect(tiny_model, sae, 3, PROMPT, kind="set", strength=-20.0))
    red = (drawn[..., 0] > 100) & (drawn[..., 1] < 40) & (drawn[..., 2] < 60)
    assert red.sum() > 1000


def test_text_on_which_nothing_fires_is_said():
    page = shown(prompt_features(TwoHeads(), on_paper(), "0"))[1]
    assert "0 of 0 latents" in page


def test_hostile_text_is_only_text(tiny_model):
    sae = make_sae(SITE)
    results = [
        prompt_features(tiny_model, sae, HOSTILE, answer=ANSWER),
        feature_effect(tiny_model, sae, 3, HOSTILE, kind="boost"),
    ]
    for result in results:
        drawn, page = shown(result)
        assert "<script" not in page
        assert drawn.std() > 1
    results[1].token_strings[0] = HOSTILE
    assert "<script" not in shown(results[1])[1]


def test_long_text_stays_on_the_page(tiny_model):
    wide, _ = shown(prompt_features(tiny_model, make_sae(SITE), PROMPT * 20))
    assert wide.shape[1] < 192 * 13


def test_page_of_a_result_without_a_widget_is_its_picture(tiny_model, tmp_path):
    page = made(tiny_model).to_html(tmp_path / "features.html")
    assert "<figure" in page
    assert "data:image/png;base64" in page

"""The patch grid's widget for every kind of axes: what is sent, selected, linked, resumed, said."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from interp_nb._jobs import Job
from interp_nb._show import Live, peek
from interp_nb.widgets import base, fallback, patch_words
from interp_nb.widgets.codec import unpack
from interp_nb.widgets.export import page
from interp_nb.widgets.links import link
from interp_nb.widgets.scales import nice_limit
from interp_nb.widgets.selection import SelectionError
from tests.contract.made import PROVENANCE, made_grid, made_head_grid, made_patterns
from tests.widgets.wire import ask, wait_for


def arrays_of(grid: Any) -> dict[str, Any]:
    widget = grid.show()
    return unpack(widget._meta["arrays"], widget._data)


def test_what_was_not_computed_is_not_sent():
    assert set(arrays_of(made_grid())) == {
        "effect", "patched", "state", "row_mean", "row_largest", "column_mean", "column_largest",
    }  # fmt: skip
    grid = made_head_grid()
    arrays = arrays_of(grid)
    assert np.array_equal(arrays["sign"], grid.sign.numpy())
    assert np.array_equal(arrays["clears"].astype(bool), grid.clears_baseline.numpy())
    assert np.array_equal(arrays["preview"], grid.preview.numpy(), equal_nan=True)


def test_edges_are_the_margins_of_rows_and_columns():
    grid = made_head_grid()
    arrays = arrays_of(grid)
    assert arrays["row_mean"].tolist() == grid.along("head").mean
    assert arrays["column_largest"].tolist() == grid.by_position().largest
    empty = made_grid(effect=torch.full((3, 6), torch.nan), state=torch.zeros(3, 6, dtype=torch.uint8))
    assert np.isnan(arrays_of(empty)["row_mean"]).all()
    json.dumps(empty.show()._meta, allow_nan=False)


@pytest.mark.parametrize("value", [(1, 0, 2), {"pos": 2, "head": 0, "layer": 1}])
def test_cells_of_heads_are_selected_by_layer_head_and_position(value):
    grid = made_head_grid()
    grid.selected = value
    assert grid.selected == {"layer": 1, "head": 0, "pos": 2}


def test_cell_that_is_not_there_is_refused_although_every_key_is_fine():
    keys = [{"layer": 0, "head": 0}, {"layer": 0, "head": 1}, {"layer": 1, "head": 0}, {"layer": 2, "head": 1}]
    grid = made_head_grid(row_keys=keys)
    grid.selected = (2, 1, 0)
    with pytest.raises(SelectionError, match="no row layer 2 head 0"):
        grid.selected = (2, 0, 0)
    assert grid.selected == {"layer": 2, "head": 1, "pos": 0}


def test_heads_by_position_follow_the_attention_view_and_lead_it():
    grid, patterns = made_head_grid(), made_patterns(layers=[0, 1])
    link(grid, patterns)
    grid.selected = (1, 0, 2)
    assert patterns.selected == {"layer": 1, "head": 0, "dest": 2, "src": None}
    patterns.selected = (0, 1, 1)
    assert grid.selected == {"layer": 0, "head": 1, "pos": 1}


def test_exported_page_records_what_every_cell_predicts_by_its_own_keys():
    text = page([made_head_grid()])
    state = json.loads(text.split("data-inb-state>")[1].split("</script>")[0])["widgets"][0]
    assert state["allowed"] == {"layer": [0, 1], "head": [0, 1], "pos": [0, 1, 2]}
    assert state["first"] == {"layer": 0, "head": 0, "pos": 0}
    assert state["traits"]["_meta"]["keys"] == ["layer", "head", "pos"], "sorted JSON must not change their order"


# Stopping and going on


def test_stopped_grid_goes_on_from_its_widget_and_the_widget_follows(monkeypatch):
    monkeypatch.setattr(base.ResultWidget, "_push_seconds", 0.0)
    go = threading.Semaphore(0)
    full, effect = torch.full((3, 6), 0.5), torch.full((3, 6), torch.nan)
    state = torch.zeros(3, 6, dtype=torch.uint8)
    raw = torch.full((2, 3, 6), torch.nan)

    def steps() -> Iterator[int]:
        for row in range(3):
            if state[row, 0] == 0:
                assert go.acquire(timeout=30)
                yield row

    def fill(row: int) -> None:
        effect[row], raw[:, row], state[row] = full[row], 1.0, 1

    class Recipe:
        def resume(self, grid: Any, *, live: bool) -> None:
            assert live, "a button must not wait for the grid"
            grid._live.job = Job(steps, on_step=fill).start()

    live = Live(go, job=Job(steps, on_step=fill))
    grid = made_grid(effect=effect, state=state, per_contrast=raw, _live=live, _recipe=Recipe())
    widget = grid.show()
    wait_for(lambda: widget.state == "running")
    assert widget._meta["resumable"] is True
    go.release(1)
    wait_for(lambda: widget.progress > 0)
    assert ask(widget, "control", action="stop")["ok"]
    go.release(1)
    wait_for(lambda: widget.state == "stopped")
    there = int((peek(grid, "state") == 1).sum())
    assert 0 < there < 18 and widget.progress == pytest.approx(there / 18)
    assert ask(widget, "control", action="resume")["ok"]
    wait_for(lambda: widget.state == "running")
    go.release(3)
    wait_for(lambda: widget.state == "done")
    assert widget.progress == 1.0 and widget._meta["resumable"] is False
    assert unpack(widget._meta["arrays"], widget._data)["state"].tolist() == [[1] * 6] * 3


def test_progress_counts_confirmed_cells_and_random_patches():
    grid = made_head_grid(statistics={"n_exact": 8, "n_contrasts": 2})
    widget = grid.show()
    share = widget._fraction(grid)
    assert 0.9 < share <= 1.0, "all that were to be confirmed are, and the baseline is there"
    half = made_head_grid(baseline=None, statistics={"n_exact": 16, "n_contrasts": 2})
    assert half.show()._fraction(half) == pytest.approx(8 / 16)
    assert made_grid().show()._fraction(made_grid()) == pytest.approx(17 / 18)


# Words


def test_notes_say_cost_error_intervals_and_baseline():
    assert patch_words.notes(made_head_grid()) == [
        "Cost of attribution, then confirmed exactly: 12 forward and 1 backward passes.",
        "Estimates are off by 0.14 on average, 0.25 at most, rank correlation 0.86 (8 cells).",
        "Intervals: 95 %, bootstrap over contrasts, BCa (2 contrasts, 1,000 resamples, seed 7).",
        "Baseline: 95th percentile of |effect| over 20 random positions, seed 7.",
    ]
    assert patch_words.notes(made_grid()) == []
    assert patch_words.expected(made_head_grid()) == "estimated: about 12 s, 34 MB"
    assert patch_words.expected(made_grid()) == ""


def made_ablation(**changes: Any) -> Any:
    facts = {"function": "ablate_grid", "kind": "mean ablation", "arguments": {"kind": "mean", "reference": ["A b"]}}
    prompts = made_grid().contrast.prompts()
    same = type(made_grid().contrast)(prompts.clean[:1], prompts.clean[:1], prompts.answer[:1], prompts.answer[:1])
    return made_grid(
        direction="ablate", metric="prob", contrast=same, provenance=PROVENANCE | facts,
        corrupted_tokens=made_grid().clean_tokens, **changes,
    )  # fmt: skip


def test_ablation_speaks_of_no_corrupted_run_and_offers_no_direction():
    meta = made_ablation().show()._meta
    assert meta["labels"]["heading"] == "Mean ablation of resid_pre"
    assert meta["labels"]["note"] == "pocket · prob: clean 5 probability"
    assert meta["inputs"] == {"prompt": meta["inputs"]["prompt"], "answer": [" Paris"], "wrong": [""]}
    assert list(meta["choices"]) == ["kind", "site", "metric"]
    assert meta["choices"]["kind"] == ["zero", "mean", "resample"] and meta["labels"]["kind"] == "mean"
    alone = made_grid(provenance=PROVENANCE | {"function": "ablate_grid"}).show()._meta
    assert alone["choices"]["kind"] == ["zero"], "without reference prompts nothing else can be computed"
    assert alone["inputs"]["wrong"] == [" Rome", " Moscow"]
    code = meta["code"].splitlines()
    assert code[0] == "from interp_nb import ablate_grid, load_model"
    assert "    kind='mean'," in code and "    reference=['A b']," in code and "    metric='prob'," in code


def test_code_names_tracing_a_basis_and_a_metric_of_ones_own():
    arguments = {"subject": "Eiffel", "window": 3}
    facts = PROVENANCE | {"function": "causal_trace", "kind": "tracing", "arguments": arguments}
    traced = made_grid(provenance=facts, metric="prob")
    assert patch_words.heading(traced) == "Causal tracing, resid_pre"
    assert "causal_trace(" in traced.show()._meta["code"] and "'Eiffel'" in traced.show()._meta["code"]
    assert list(traced.show()._meta["inputs"]) == ["prompt", "subject", "answer"]
    assert traced.show()._meta["inputs"]["subject"] == ["Eiffel"]
    neurons = made_grid(axes=("latent", "pos"), metric="mine", provenance=PROVENANCE | {"function": "patch_grid"})
    code = neurons.show()._meta["code"]
    assert "basis=..." in code and "metric=..." in code and code.endswith("# your own 'mine'")
    hostile = made_grid(provenance=PROVENANCE | {"function": "os.system", "arguments": {"x=1)\nimport os": 1}})
    assert "import os" not in hostile.show()._meta["code"]
    assert list(hostile.show()._meta["inputs"]) == ["clean", "corrupted", "answer", "wrong"]


def test_recompute_takes_a_method_and_forgets_the_budget_of_an_exact_one():
    asked: list[dict[str, Any]] = []
    grid = made_head_grid()

    def again(model: Any, **params: Any) -> Any:
        asked.append(params)
        return made_head_grid()

    object.__setattr__(grid, "_live", Live(again, again))
    inputs = grid.contrast.prompts()._asdict()
    for method in ("atp_star", "exact"):
        assert ask(grid.show(), "recompute", inputs=inputs, method=method)["ok"]
        object.__setattr__(grid.show().result, "_live", Live(again, again))
        grid.show()._push()
    assert [params["method"] for params in asked] == ["atp_star", "exact"]
    assert "budget" not in asked[0] and asked[1]["budget"] is None
    reply = ask(grid.show(), "recompute", inputs=inputs, method="guess")
    assert "method must be one of exact, preview, attribution" in reply["error"]["message"]


# Pictures


def near(png: bytes, color: tuple[int, int, int], within: int = 14) -> int:
    import io

    from PIL import Image

    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    return int((np.abs(image - np.array(color)).max(-1) <= within).sum())


def test_limit_is_round_and_the_same_for_live_views_and_pictures():
    assert nice_limit(np.array([0.02, -0.23, 0.1])) == 0.25
    assert nice_limit(np.array([0.5, 3.2])) == 1.0
    assert nice_limit(np.array([np.nan])) == 0.05
    assert made_grid().show()._meta["limit"] == nice_limit(made_grid().effect.numpy()) == 1.0


def test_picture_draws_estimates_smaller_and_what_is_within_its_baseline_paler():
    ones = torch.ones(3, 6, dtype=torch.uint8)
    exact = made_grid(effect=torch.ones(3, 6), state=ones)
    guessed = made_grid(effect=torch.ones(3, 6), state=3 * ones, preview=torch.ones(3, 6), method="preview")
    veiled = made_grid(effect=torch.ones(3, 6), state=ones, baseline=torch.full((3, 6), 2.0), baseline_kind="x")
    blue = [near(fallback.picture(grid)[0], (15, 67, 127)) for grid in (exact, guessed, veiled)]
    assert 0.2 * blue[0] < blue[1] < 0.75 * blue[0]
    assert blue[2] < 0.2 * blue[0]


@pytest.mark.parametrize(("n_layers", "n_heads", "n_pos", "wide"), [(12, 12, 30, 1000), (1, 1, 1, 600), (3, 4, 8, 700)])
def test_pictures_of_heads_stay_within_a_page(n_layers, n_heads, n_pos, wide):
    n_rows = n_layers * n_heads
    keys = [{"layer": layer, "head": head} for layer in range(n_layers) for head in range(n_heads)]
    tokens = [f" token{at}" for at in range(n_pos)]
    grid = made_grid(
        effect=torch.rand(n_rows, n_pos), state=torch.ones(n_rows, n_pos, dtype=torch.uint8), axes=("head", "pos"),
        per_contrast=torch.rand(2, n_rows, n_pos), row_keys=keys, col_labels=tokens, clean_tokens=tokens,
        row_labels=[f"{key['layer']}.{key['head']}" for key in keys], corrupted_tokens=tokens,
    )  # fmt: skip
    png, width = fallback.picture(grid)
    assert width <= wide and len(png) < 200_000
    assert made_grid(axes=("layer", "head"), col_labels=list("012345"))._repr_mimebundle_()[0]["text/html"]


def test_picture_rings_exact_cells_whose_interval_includes_zero():
    from matplotlib.collections import EllipseCollection

    from interp_nb.widgets.pictures.patch_grid import draw

    def rings(grid: Any) -> list[list[float]]:
        found = [each for each in draw(grid).axes[0].collections if isinstance(each, EllipseCollection)]
        return found[0].get_offsets().tolist() if found else []

    low, high = torch.full((3, 6), -0.25), torch.full((3, 6), 0.5)
    low[1:], high[2, 3] = 0.25, float("nan")
    low[0, 0] = high[0, 0] = 0.0  # a cell that changes nothing: sure to be 0
    grid = made_grid(low=low, high=high, state=torch.ones(3, 6, dtype=torch.uint8), effect=torch.zeros(3, 6))
    assert rings(grid) == [[column, 0] for column in range(1, 6)]
    grid.state[0, 1:3] = 3
    assert rings(grid) == [[column, 0] for column in range(3, 6)]
    assert any("ring: interval includes 0" in text.get_text() for text in draw(grid).texts)
    assert rings(made_grid()) == []


def test_picture_has_its_edges_where_the_live_view_has_them():
    from interp_nb.widgets.pictures.patch_grid import draw

    cells, beside, below = (axes.get_position() for axes in draw(made_grid()).axes[:3])
    assert beside.x0 > cells.x1 and below.y1 < cells.y0
    assert (beside.y0, below.x0) == pytest.approx((cells.y0, cells.x0))


def test_neurons_and_latents_stay_at_their_place_and_samples_of_noise_are_called_so():
    kept = {"site": "blocks.1.hook_resid_post", "axes": ("latent", "pos")}
    assert made_grid(**kept).show()._meta["choices"]["site"] == ["blocks.1.hook_resid_post"]
    assert made_grid().show()._meta["labels"]["shown"] == "first of 2 contrasts"
    traced = made_head_grid(provenance=PROVENANCE | {"function": "causal_trace", "kind": "tracing"})
    assert traced.show()._meta["labels"]["shown"] == "first of 2 samples of noise"
    assert "bootstrap over samples of noise, BCa (2 samples of noise, 1,000" in " ".join(patch_words.notes(traced))
    assert patch_words.shown(made_grid(direction="ablate")) == "first of 2 prompts"

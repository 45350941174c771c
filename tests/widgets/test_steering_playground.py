"""The playground's Python side: what it sends while text comes, Stop, refusals, vectors made and added, its links."""

import dataclasses
import gc
import threading
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("anywidget", reason="needs anywidget: pip install anywidget")

import torch

from interp_nb._save import equal_values
from interp_nb.features.dashboard import FeatureDashboard
from interp_nb.models.load import load_model
from interp_nb.steering import playground as playground_module
from interp_nb.steering import reading
from interp_nb.steering.generate import generate
from interp_nb.steering.playground import SteeringPlayground, steering_playground
from interp_nb.steering.recipe import Steering
from interp_nb.steering.vectors import SteeringVector
from interp_nb.widgets.links import link, partners
from interp_nb.widgets.selection import SelectionError
from tests.contract.made_features import made_dashboard
from tests.contract.made_playground import MADE_SAE, SAEStore, made_playground
from tests.widgets.wire import ask, sent_by, wait_for

PROMPT = "Dear Sir"


@pytest.fixture(scope="module")
def pocket() -> Any:
    return load_model()


def direction(model: Any, name: str = "push", seed: int = 1) -> SteeringVector:
    """A direction at every layer, half as long as what it is added to."""
    rows = torch.randn(4, model.cfg.d_model, generator=torch.Generator().manual_seed(seed))
    return SteeringVector.of(rows, [0, 1, 2, 3], layer=2, name=name)


@pytest.fixture
def playground(pocket: Any) -> SteeringPlayground:
    return steering_playground(pocket, PROMPT, [direction(pocket)], strengths=[1.0], n_new=12)


def same_texts(one: Any, other: Any) -> bool:
    """Whether two generations say the same with the same log-probabilities."""
    return equal_values([one.baseline, one.steered], [other.baseline, other.steered])


def send(widget: Any, method: str, identity: str = "r1", /, **params: Any) -> None:
    """Send a request, not waiting for its reply."""
    widget._handle_custom_msg({"v": 1, "kind": "request", "id": identity, "method": method, "params": params}, [])


def ask_aside(widget: Any, method: str, /, **params: Any) -> Any:
    """Send a request that is answered in a thread of its own, and return the reply."""
    sent = sent_by(widget)
    send(widget, method, **params)
    wait_for(lambda: sent)
    return sent[0][0]


def held_stream(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Semaphore, list[str]]:
    """Make every step of a generation wait until it is let go; what was closed is noted."""
    gate, closed = threading.Semaphore(0), []
    real = playground_module.generate_stream

    def held(model: Any, prompt: str, **options: Any) -> Any:
        stream = real(model, prompt, **options)

        def steps() -> Any:
            try:
                while gate.acquire(timeout=20):
                    yield next(stream)
            except StopIteration:
                return
            finally:
                stream.close()
                closed.append(prompt)

        return steps()

    monkeypatch.setattr(playground_module, "generate_stream", held)
    return gate, closed


def test_text_on_the_wire_is_what_generate_gives(pocket: Any, playground: SteeringPlayground) -> None:
    widget = playground.show()
    vector = playground.vectors["push"]
    expected = generate(pocket, PROMPT, steering=Steering(vector, 1.0), n_new=12)
    run = widget._run
    assert (run["run"], run["state"], widget.state) == (1, "done", "done")
    assert run["prompt_tokens"][1:] == ["Dear", " Sir"]
    for side, text in (("baseline", expected.baseline[0]), ("steered", expected.steered[0])):
        assert run[side]["tokens"] == text.tokens
        assert run[side]["finished"] == text.finished
        for name in ("log_probs_baseline", "log_probs_steered"):
            assert run[side][name] == pytest.approx(getattr(text, name).tolist(), rel=1e-4)
    assert run["diverges_at"] == expected.diverges_at[0]
    assert run["shares"][0]["share"] == pytest.approx(expected.norm_share_added[0], rel=1e-4)
    assert same_texts(playground.generation, expected)


def test_text_comes_in_pushes_and_ends_complete(
    playground: SteeringPlayground, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, _ = held_stream(monkeypatch)
    widget = playground.show()
    sent_by(widget)
    states: list[tuple[str, int]] = []
    widget.observe(lambda change: states.append((change["new"]["state"], change["new"]["step"])), names="_run")
    send(widget, "generate", settings=widget.settings)
    wait_for(lambda: widget.state == "running")
    assert (widget._run["run"], widget._run["step"], widget.progress) == (2, 0, 0.0)
    for step in (1, 2, 3):
        gate.release()
        wait_for(lambda step=step: widget._run["step"] == step)
    wait_for(lambda: widget.progress == 3 / 12)
    assert widget._run["steered"]["finished"] == ""
    gate.release(100)
    playground.wait()
    assert states[-1][0] == "done"
    assert (widget.state, widget.progress, widget._run["steered"]["finished"] != "") == ("done", 1.0, True)


def test_pushes_are_at_most_ten_a_second(playground: SteeringPlayground, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, _ = held_stream(monkeypatch)
    widget = playground.show()
    times: list[float] = []
    widget.observe(lambda change: times.append(time.monotonic()), names="_run")
    playground.start()
    started = time.monotonic()
    for _ in range(8):
        gate.release()
        time.sleep(0.03)
    gate.release(100)
    playground.wait()
    # The first and the last push of a generation come at once.
    assert len(times) <= 3 + (time.monotonic() - started) / 0.1


def test_long_texts_are_pushed_less_often(playground: SteeringPlayground) -> None:
    widget = playground.show()
    text = playground.generation.steered[0]
    assert widget._push_seconds == pytest.approx(0.1)
    zeros = dict.fromkeys(("log_probs", "log_probs_baseline", "log_probs_steered"), torch.zeros(500))
    longer = dataclasses.replace(text, tokens=["é"] * 500, token_ids=[1] * 500, **zeros)
    vars(playground.run.generation)["steered"] = [longer]
    widget._push()
    assert widget._push_seconds > 0.25


def test_stop_ends_within_one_forward_and_keeps_the_text(
    playground: SteeringPlayground, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, closed = held_stream(monkeypatch)
    widget = playground.show()
    send(widget, "generate", settings=widget.settings)
    gate.release(2)
    wait_for(lambda: playground.run.generation is not None and len(playground.run.generation.steered[0].tokens) == 2)
    assert ask(widget, "control", "r2", action="stop")["ok"]
    gate.release()
    playground.wait()
    assert closed == [PROMPT]
    assert (widget.state, widget._run["state"]) == ("stopped", "stopped")
    assert 2 <= widget._run["step"] <= 3
    assert widget._run["steered"]["finished"] == "stopped"
    assert playground.generation.steered[0].tokens == widget._run["steered"]["tokens"]
    monkeypatch.undo()
    assert len(playground.generate().steered[0].tokens) > 3, "usable again"


def test_cancelling_the_request_stops_its_generation(
    playground: SteeringPlayground, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, closed = held_stream(monkeypatch)
    widget = playground.show()
    send(widget, "generate", "r7", settings=widget.settings)
    wait_for(lambda: widget.state == "running")
    widget._handle_custom_msg({"v": 1, "kind": "cancel", "id": "r7"}, [])
    gate.release()
    assert playground._job().wait() == "stopped"
    assert closed == [PROMPT]


def test_a_new_generation_ends_the_one_before(playground: SteeringPlayground, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, closed = held_stream(monkeypatch)
    widget = playground.show()
    send(widget, "generate", "r1", settings=widget.settings)
    first = playground._job()
    wait_for(lambda: widget.state == "running")
    send(widget, "generate", "r2", settings={**widget.settings, "prompt": "In the year"})
    gate.release(100)
    playground.wait()
    first.wait()
    assert first.state == "stopped"
    assert sorted(closed) == sorted([PROMPT, "In the year"])
    assert (widget._run["run"], widget._run["settings"]["prompt"]) == (3, "In the year")
    assert playground.generation.prompts == ["In the year"]


def test_sliders_moved_meanwhile_leave_a_generation_alone(
    playground: SteeringPlayground, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = playground.generation
    gate, _ = held_stream(monkeypatch)
    widget = playground.show()
    send(widget, "generate", settings=widget.settings)
    moved = {**widget.settings, "sliders": {"push": {**widget.settings["sliders"]["push"], "strength": -2.0}}}
    for _ in range(4):
        gate.release()
        widget.set_state({"settings": moved})
    gate.release(100)
    playground.wait()
    assert playground.strengths == {"push": -2.0}
    assert widget._run["settings"]["sliders"]["push"]["strength"] == 1.0
    assert same_texts(playground.generation, expected)
    assert playground.generated_with.sliders["push"].strength == 1.0


def test_what_is_set_goes_both_ways(playground: SteeringPlayground) -> None:
    widget = playground.show()
    playground.set(strengths={"push": 0.5}, layers={"push": "all"}, n_new=3, muted={"push": True}, positions="prompt")
    assert widget.settings["sliders"]["push"] == {"strength": 0.5, "layer": "all", "operator": "add", "muted": True}
    assert (widget.settings["n_new"], widget.settings["positions"]) == (3, "prompt")
    widget.set_state({"settings": {**widget.settings, "prompt": "Once", "temperature": 0.5}})
    assert (playground.prompt, playground.settings.temperature) == ("Once", 0.5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_new": 0}, "n_new must be a whole number from 1 to 200"),
        ({"n_new": True}, "n_new"),
        ({"seed": -1}, "seed"),
        ({"temperature": float("nan")}, "temperature must be a finite number"),
        ({"temperature": 6}, "temperature must be from 0"),
        ({"positions": "some"}, "positions must be one of all, prompt, generated"),
        ({"prompt": 3}, "prompt must be a text"),
        ({"sliders": []}, "sliders must be a dict"),
        ({"sliders": {"push": 1}}, "a slider must be a dict"),
        ({"sliders": {"push": {"strength": 1, "layer": 9, "operator": "add", "muted": False}}}, "one of 0, 1, 2, 3"),
        ({"sliders": {"push": {"strength": 1, "layer": 2, "operator": "set", "muted": False}}}, "must be one of add"),
        ({"sliders": {"push": {"strength": "1", "layer": 2, "operator": "add", "muted": False}}}, "finite number"),
        ({"colour": "red"}, "there is no 'colour'"),
    ],
)
def test_settings_that_make_no_sense_come_back_with_the_reason(
    playground: SteeringPlayground, change: dict[str, Any], words: str
) -> None:
    widget = playground.show()
    before = widget.settings
    widget.set_state({"settings": {**before, **change}})
    assert words in widget.error
    assert widget.settings == before
    assert playground.settings.as_json() == before
    refused = ask(widget, "generate", settings={**before, **change})
    assert words in refused["error"]["message"]
    assert playground.run.number == 1
    with pytest.raises(SelectionError):
        widget.settings = {**before, **change}


def test_errors_are_told_and_the_widget_stays_usable(playground: SteeringPlayground) -> None:
    widget = playground.show()
    long = ask(widget, "generate", settings={**widget.settings, "prompt": "word " * 300})
    assert long["error"]["type"] == "PromptError"
    assert "128" in long["error"]["message"]
    empty = ask(widget, "generate", settings={**widget.settings, "prompt": ""})
    assert empty["error"]["type"] == "PromptError"
    assert playground.run.number == 1
    text = playground.generation

    huge = {**widget.settings, "sliders": {"push": {**widget.settings["sliders"]["push"], "strength": 1e38}}}
    send(widget, "generate", settings=huge)
    wait_for(lambda: widget.state == "failed")
    assert "strength 1e+38" in widget.error
    assert "'push' at layer 2" in widget.error
    assert playground.generation is text
    assert ask_aside(widget, "next_token", settings=huge, side=0, n=0)["error"]["type"] == "NonFiniteError"
    send(widget, "generate", settings=widget.settings)
    wait_for(lambda: widget.state == "done")
    assert (widget.error, same_texts(playground.generation, text)) == ("", True)


def test_model_that_is_gone_is_said() -> None:
    model = load_model()
    widget = steering_playground(model, PROMPT, [direction(model)], n_new=2).show()
    del model
    gc.collect()
    for method, params in (
        ("generate", {"settings": widget.settings}),
        ("make_vector", {"pairs": "a | b\nc | d", "method": "mean", "name": ""}),
    ):
        sent = sent_by(widget)
        send(widget, method, **params)
        wait_for(lambda sent=sent: sent)
        assert "it is gone" in sent[0][0]["error"]["message"]
    widget.refresh()
    assert widget._meta["live"] is False


def test_next_tokens_are_those_of_the_model(pocket: Any, playground: SteeringPlayground) -> None:
    widget = playground.show()
    text = playground.generation.steered[0]
    for n in (0, 1):
        reply = ask_aside(widget, "next_token", settings=widget.settings, side=1, n=n)
        assert reply["ok"], reply
        rows = {row["token"]: row for row in reply["result"]["rows"]}
        assert 12 <= len(rows) <= 24
        following = rows[text.tokens[n]]
        assert following["before"] == pytest.approx(float(text.log_probs_baseline[n].exp()), rel=1e-3)
        assert following["after"] == pytest.approx(float(text.log_probs_steered[n].exp()), rel=1e-3)
    most = [max(row["before"], row["after"]) for row in reply["result"]["rows"]]
    assert most == sorted(most, reverse=True)
    wrong = ask_aside(widget, "next_token", settings=widget.settings, side=1, n=99)
    assert "n must be from 0 to" in wrong["error"]["message"]


def test_next_token_that_waits_gives_way_to_a_newer_one_and_stop_is_heard(
    playground: SteeringPlayground, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    real = SteeringPlayground.next_tokens

    def slow(self: Any, *args: Any, **options: Any) -> Any:
        assert gate.wait(20)
        return real(self, *args, **options)

    monkeypatch.setattr(SteeringPlayground, "next_tokens", slow)
    widget = playground.show()
    sent = sent_by(widget)
    for identity in ("r1", "r2", "r3", "r4"):
        send(widget, "next_token", identity, settings=widget.settings, side=0, n=0)
        wait_for(lambda: widget._asides["next_token"]._router.current == "r1")
    widget._handle_custom_msg({"v": 1, "kind": "cancel", "id": "r4"}, [])
    send(widget, "control", "r5", action="stop")
    done = [(reply["id"], reply["ok"]) for reply, _ in sent]
    assert done == [("r2", False), ("r3", False), ("r4", False), ("r5", True)], "Stop waits for nothing"
    gate.set()
    wait_for(lambda: len(sent) == 5)
    assert (sent[-1][0]["id"], sent[-1][0]["ok"]) == ("r1", True)
    assert {reply["error"]["type"] for reply, _ in sent[:3]} == {"CancelledError"}


def test_vector_is_made_of_pairs_and_joins_the_sliders(playground: SteeringPlayground) -> None:
    widget = playground.show()
    pairs = "The visit was good | The visit was bad\n\nHe felt glad | He felt sad\n"
    reply = ask_aside(widget, "make_vector", pairs=pairs, method="mean", name="mood")
    assert reply["ok"], reply
    assert (reply["result"]["name"], reply["result"]["slider"]["removable"]) == ("mood", True)
    assert playground.vectors["mood"].n_pairs == 2
    assert [slider["name"] for slider in widget._meta["sliders"]] == ["push", "mood"]
    assert widget.settings["sliders"]["mood"]["strength"] == 0.0
    again = ask_aside(widget, "make_vector", pairs=pairs, method="mean", name="mood")
    assert again["result"]["name"] == "mood 2"
    assert ask(widget, "remove_vector", name="mood")["ok"]
    assert list(playground.vectors) == list(widget.settings["sliders"]) == ["push", "mood 2"]
    assert not ask(widget, "remove_vector", name="mood")["ok"]


PAIRS = "\n".join(f"The visit was {word} good | The visit was {word} bad" for word in ("", "very", "quite so very"))


def held_forwards(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Semaphore, list[int]]:
    """Make every forward that a vector is read from wait until it is let go; how many texts each had is noted."""
    gate, ran = threading.Semaphore(0), []
    real, alone = reading.capture, reading._batches

    def held(model: Any, tokens: Any, *args: Any, **options: Any) -> Any:
        found = real(model, tokens, *args, **options)
        ran.append(len(tokens))
        assert gate.acquire(timeout=20)
        return found

    monkeypatch.setattr(reading, "capture", held)
    monkeypatch.setattr(reading, "_batches", lambda texts, batch_tokens: alone(texts, 1))
    return gate, ran


def held_by(playground: SteeringPlayground, widget: Any) -> list[Any]:
    """All that a vector is, once it is there."""
    return [dict(playground.vectors), dict(playground.origins), dict(playground.shares), playground.settings,
            widget._meta, widget.settings]  # fmt: skip


def cancel(widget: Any, identity: str) -> None:
    """Send a cancellation."""
    widget._handle_custom_msg({"v": 1, "kind": "cancel", "id": identity}, [])


def test_cancelled_make_stops_within_one_forward_and_changes_nothing(
    playground: SteeringPlayground, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, ran = held_forwards(monkeypatch)
    widget = playground.show()
    sent = sent_by(widget)
    before = held_by(playground, widget)
    send(widget, "make_vector", "r1", pairs=PAIRS, method="mean", name="mood")
    gate.release()
    wait_for(lambda: len(ran) == 2)
    cancel(widget, "another")
    cancel(widget, "r1")
    assert sent == [], "it says so when it has ended"
    gate.release(10)
    wait_for(lambda: sent)
    assert (sent[0][0]["id"], sent[0][0]["error"]["type"]) == ("r1", "CancelledError")
    assert ran == [1, 1], "of the six texts"
    assert held_by(playground, widget) == before
    assert widget.error == ""
    monkeypatch.undo()
    again = ask_aside(widget, "make_vector", pairs=PAIRS, method="mean", name="mood")
    assert again["result"]["name"] == "mood"


def test_making_that_waits_is_cancelled_at_once_and_next_tokens_do_not_wait_behind(
    playground: SteeringPlayground, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, ran = held_forwards(monkeypatch)
    widget = playground.show()
    sent = sent_by(widget)
    send(widget, "make_vector", "r1", pairs=PAIRS, method="mean", name="mood")
    wait_for(lambda: len(ran) == 1)
    send(widget, "add_latent", "r2", latent_idx=3)
    send(widget, "next_token", "r3", settings=widget.settings, side=0, n=0)
    wait_for(lambda: sent)
    assert (sent[0][0]["id"], sent[0][0]["ok"], len(ran)) == ("r3", True, 1), "between two forwards"
    cancel(widget, "r2")
    assert (sent[1][0]["id"], sent[1][0]["error"]["type"]) == ("r2", "CancelledError")
    gate.release(100)
    wait_for(lambda: len(sent) == 3)
    assert (sent[2][0]["id"], sent[2][0]["ok"], len(ran)) == ("r1", True, 6)
    assert list(playground.vectors) == ["push", "mood"]


def test_cancelling_too_late_is_answered_with_what_was_made(
    playground: SteeringPlayground, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = playground.show()
    there = type(widget).refresh

    def cancelled_when_there(self: Any) -> None:
        cancel(self, "r1")
        there(self)

    monkeypatch.setattr(type(widget), "refresh", cancelled_when_there)
    reply = ask_aside(widget, "make_vector", pairs=PAIRS, method="mean", name="mood")
    assert (reply["ok"], reply["result"]["name"]) == (True, "mood")
    assert list(playground.vectors) == ["push", "mood"]


def test_settings_from_before_a_vector_came_or_went_still_count(playground: SteeringPlayground) -> None:
    widget = playground.show()
    before = widget.settings
    playground.make_vector([("good", "bad"), ("nice", "awful")], name="mood")
    sent: list[Any] = []
    widget.send_state = lambda key=None: sent.append(key)
    widget.set_state({"settings": {**before, "n_new": 5}})
    assert (widget.error, list(widget.settings["sliders"]), playground.settings.n_new) == ("", ["push", "mood"], 5)
    assert sent[-1] == "settings", "the page hears of the slider that it left out"
    after = widget.settings
    playground.remove_vector("mood")
    widget.set_state({"settings": {**after, "n_new": 6}})
    assert (widget.error, list(widget.settings["sliders"]), playground.settings.n_new) == ("", ["push"], 6)
    assert ask(widget, "code", settings=after)["ok"]


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ("good | bad", "from 2 to 1,000 pairs, one a line, got 1"),
        ("good | bad\nnice", "line 2 must be 'positive | negative', got 1 sides"),
        ("good | bad\n\nnice | awful | sad", "line 3"),
        ("good | bad\nnice | ", "line 2 must have a text on both sides"),
        ("good | bad\nsame | same", "line 2 has the same text twice"),
    ],
)
def test_pairs_that_are_none_are_refused_by_line(playground: SteeringPlayground, pairs: str, words: str) -> None:
    reply = ask_aside(playground.show(), "make_vector", pairs=pairs, method="mean", name="")
    assert words in reply["error"]["message"]
    assert list(playground.vectors) == ["push"]


def linked(tmp_path: Path) -> tuple[Any, Any, FeatureDashboard]:
    """A made playground's widget, linked with a made dashboard of an SAE."""
    dashboard = made_dashboard(tmp_path, _store=SAEStore(tmp_path))
    playground = made_playground()
    return playground.show(), link(dashboard, playground), dashboard


def test_dashboard_offers_its_latent_and_the_slider_selects_it_there(tmp_path: Path) -> None:
    widget, tie, dashboard = linked(tmp_path)
    assert partners(widget) == [dashboard.show()]
    assert widget._meta["can"]["latents"]
    dashboard.selected = {"latent_idx": 1, "pos": None}
    assert widget._meta["offer"] == {
        "latent_idx": 1,
        "label": "cities",
        "name": "latent 1",
        "there": False,
        "reason": "",
    }
    assert widget.selected["vector"] is None
    dashboard.selected = {"latent_idx": 5, "pos": None}
    # Latent 4 is of another SAE object: the sliders' own is what the store shows.
    widget.selected = {"vector": 1}
    assert dashboard.selected == {"latent_idx": 4, "pos": None}
    assert (widget.selected["vector"], widget._meta["offer"]["there"]) == (1, True)
    dashboard.selected = {"latent_idx": 0, "pos": None}
    dashboard.selected = {"latent_idx": 4, "pos": None}
    assert widget.selected["vector"] == 1
    widget.selected = {"vector": 0, "latent_idx": 4}
    assert dashboard.selected["latent_idx"] == 4
    tie.unlink()
    assert (widget._meta["offer"], widget._meta["can"]["latents"]) == (None, False)
    assert partners(widget) == []


def test_latent_of_another_sae_is_not_taken_for_the_dashboards(tmp_path: Path) -> None:
    other = SAEStore(tmp_path)
    other.sae = type(MADE_SAE)(MADE_SAE.cfg, seed=1)
    dashboard = made_dashboard(tmp_path, _store=other)
    widget = made_playground().show()
    tie = link(dashboard, widget)
    dashboard.selected = {"latent_idx": 4, "pos": None}
    assert (widget.selected["vector"], widget._meta["offer"]["there"]) == (None, False)
    # The same weights in another object, as a store gives them that was loaded, are the same SAE.
    other.provenance = {**other.provenance, "sae": {"hash": "abc"}}
    widget.result.vectors["latent 4"].provenance["settings"] = {"sae": "abc"}
    dashboard.selected = {"latent_idx": 1, "pos": None}
    dashboard.selected = {"latent_idx": 4, "pos": None}
    assert (widget.selected["vector"], widget._meta["offer"]["there"]) == (1, True)
    tie.unlink()


def test_latent_cannot_be_added_without_a_dashboard(playground: SteeringPlayground) -> None:
    reply = ask_aside(playground.show(), "add_latent", latent_idx=3)
    assert "link(dashboard, playground)" in reply["error"]["message"]


def test_selection_is_checked(playground: SteeringPlayground) -> None:
    widget = playground.show()
    playground.selected = {"vector": 0, "side": 1, "token": 0}
    assert playground.selected == {"vector": 0, "latent_idx": None, "side": 1, "token": 0}
    for wrong in ({"vector": 1}, {"side": 2}, {"token": 99}, {"pos": 0}):
        with pytest.raises(SelectionError):
            widget.selected = wrong


def test_exported_page_keeps_text_and_next_tokens(playground: SteeringPlayground) -> None:
    page = playground.to_html()
    assert playground.generation.steered[0].tokens[0].strip() in page
    assert '"_run"' in page
    assert "next_token {" in page

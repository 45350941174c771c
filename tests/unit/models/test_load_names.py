"""Names of models: folders, the cache, aliases, what is refused and how, and that nothing is left changed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from interp_nb._errors import ConfigError, DeviceError, ModelNotFoundError, OfflineError
from interp_nb.models import hub
from interp_nb.models.hub import find
from interp_nb.models.info import model_info
from interp_nb.models.load import load_model
from tests.tiny_models import hf_model, tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A saved tiny Llama with its tokenizer."""
    place = tmp_path_factory.mktemp("saved")
    hf_model("llama").save_pretrained(place)
    tokenizer().save_pretrained(place)
    return place


@pytest.fixture
def cached(folder, tmp_path, monkeypatch):
    """The same model as the hub's cache would hold it, as openai-community's gpt2."""
    cache = tmp_path / "hub"
    repo = cache / "models--gpt2"
    snapshot = repo / "snapshots" / "abc"
    shutil.copytree(folder, snapshot)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return snapshot


def test_folder_as_text_as_path_and_relative(folder, monkeypatch):
    assert model_info(load_model(str(folder))).name == str(folder)
    assert load_model(folder).cfg.n_layers == 2
    monkeypatch.chdir(folder.parent)
    assert load_model(folder.name).cfg.n_layers == 2


def test_alias_of_older_tutorials_loads_from_the_cache(cached):
    model = load_model("gpt2-small", device="cpu")
    assert model_info(model).name == "gpt2"
    assert model.cfg.model_name == "gpt2"
    assert find("GPT2-small").place == str(cached)


def test_incomplete_cache_is_not_taken_for_the_model(cached, monkeypatch):
    (cached / "model.safetensors").unlink()
    asked = []
    monkeypatch.setattr(hub, "_ask_hub", lambda *names: asked.append(names))
    source = find("gpt2-small")
    assert not source.local
    assert source.place == "gpt2"
    assert len(asked) == 1


def test_shards_must_all_be_there(folder, tmp_path):
    place = tmp_path / "sharded"
    hf_model("gpt2").save_pretrained(place, max_shard_size="20KB")
    tokenizer().save_pretrained(place)
    shards = sorted(place.glob("*.safetensors"))
    assert len(shards) > 1
    assert load_model(place).cfg.n_layers == 2
    shards[0].unlink()
    with pytest.raises(ModelNotFoundError, match="no weights"):
        load_model(place)


OFFLINE = """
import json, os, socket, sys, logging, random, warnings
for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
    os.environ.pop(name, None)
import numpy, torch
def refuse(*args, **kwargs):
    raise SystemExit("a socket was opened")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
def state():
    return {
        "environment": dict(os.environ), "filters": [str(f) for f in warnings.filters],
        "handlers": [str(h) for h in logging.root.handlers], "level": logging.root.level,
        "disabled": logging.root.manager.disable, "grad": torch.is_grad_enabled(),
        "torch": torch.random.get_rng_state().tolist(), "random": str(random.getstate()),
        "numpy": str(numpy.random.get_state()), "excepthook": str(sys.excepthook),
    }
before = state()
import interp_nb
for options in ({}, {"fold": True}):
    model = interp_nb.load_model(sys.argv[1], device="cpu", **options)
    model.run_with_cache(model.to_tokens("The Eiffel Tower"))
    model.generate("The", max_new_tokens=2, verbose=False)
    after = state() if options == {} else after
changed = [key for key in before if key not in ("torch",) and before[key] != after[key]]
import transformers
from huggingface_hub.utils import are_progress_bars_disabled
changed += [] if transformers.utils.logging.is_progress_bar_enabled() else ["transformers bars"]
changed += ["hub bars"] if are_progress_bars_disabled() else []
sys.exit(f"changed: {changed}" if changed else 0)
"""


def _alone(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[3]
    env = {**os.environ, "PYTHONPATH": str(root), **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=env, check=False, timeout=240
    )


@pytest.mark.slow
def test_local_folder_opens_no_socket_prints_nothing_and_changes_nothing(folder):
    """In a fresh process, because what the first import does is what is in question."""
    done = _alone(OFFLINE, str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr == ""


def test_random_numbers_continue_as_if_nothing_was_loaded(folder):
    expected = torch.rand(3, generator=torch.Generator().manual_seed(5))
    torch.manual_seed(5)
    load_model(folder)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("grad", [True, False])
def test_gradient_mode_is_untouched(folder, grad):
    with torch.set_grad_enabled(grad):
        load_model(folder, fold=True)
        assert torch.is_grad_enabled() == grad


def test_state_is_put_back_when_loading_fails(tmp_path):
    import logging

    environment, disabled = dict(os.environ), logging.root.manager.disable
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["NoSuchModel"], "model_type": "nosuch"}))
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelNotFoundError, match="nosuch"):
        load_model(tmp_path)
    assert (dict(os.environ), logging.root.manager.disable) == (environment, disabled)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gpt2-smal", r"no model is called 'gpt2-smal'; did you mean 'gpt2-small'"),
        ("pokcet", r"did you mean 'pocket'"),
        ("", r"name is empty"),
        ("a b/c", r"is not a model name"),
        ("./nowhere", r"'\./nowhere', but there is no such folder"),
    ],
)
def test_wrong_name_says_what_would_be_right(name, says):
    with pytest.raises(ModelNotFoundError, match=says):
        load_model(name)


@pytest.mark.parametrize(
    ("missing", "says"),
    [("config.json", "no config.json"), ("model.safetensors", "no weights"), ("tokenizer.json", "no tokenizer")],
)
def test_incomplete_folder_says_what_is_missing(folder, tmp_path, missing, says):
    place = tmp_path / "broken"
    shutil.copytree(folder, place)
    (place / missing).unlink()
    with pytest.raises(ModelNotFoundError, match=says):
        load_model(place)


def test_truncated_weights_are_refused(folder, tmp_path):
    place = tmp_path / "cut"
    shutil.copytree(folder, place)
    whole = (place / "model.safetensors").read_bytes()
    (place / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelNotFoundError, match="cannot be read"):
        load_model(place)


@pytest.fixture
def hub_says(monkeypatch):
    """Let the hub's one short request end in a given error."""

    def set_error(error):
        def model_info(self, *args, **kwargs):
            raise error

        monkeypatch.setattr("huggingface_hub.HfApi.model_info", model_info)

    return set_error


def test_unreachable_hub_says_what_to_do_offline(hub_says):
    hub_says(ConnectionError("name or service not known"))
    with pytest.raises(OfflineError, match=r"hub cannot be reached.*load_model\('pocket'\).*hf download"):
        load_model("gpt2-small")


def test_unreachable_hub_and_unknown_name_offers_the_nearest_too(hub_says):
    hub_says(ConnectionError("name or service not known"))
    with pytest.raises(OfflineError, match="did you mean 'EleutherAI/pythia-70m'"):
        load_model("EleutherAI/pythia-70mm")


def test_offline_mode_of_the_hub_needs_no_request():
    done = _alone(
        "import sys, interp_nb\ntry:\n    interp_nb.load_model('gpt2-small')\n"
        "except interp_nb.errors.OfflineError as error:\n    sys.exit(0 if 'pocket' in str(error) else 2)\nsys.exit(3)",
        HF_HUB_OFFLINE="1",
        HF_HOME="nowhere",
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_model_that_the_hub_does_not_have(hub_says):
    import httpx2
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    response = httpx2.Response(404, request=httpx2.Request("GET", "https://hub"))
    hub_says(RepositoryNotFoundError("not there", response=response))
    with pytest.raises(ModelNotFoundError, match="the hub has no model 'gpt2-xll/x'"):
        load_model("gpt2-xll/x")
    hub_says(GatedRepoError("gated", response=response))
    with pytest.raises(ModelNotFoundError, match="accept its terms"):
        load_model("google/gemma-2-2b")


def test_steps_become_revisions_for_families_that_publish_them(monkeypatch):
    monkeypatch.setattr(hub, "_ask_hub", lambda *names: None)
    assert find("pythia-70m", step=512).revision == "step512"
    assert find("stanford-crfm/alias-gpt2-small-x21", step=100).revision == "checkpoint-100"


@pytest.mark.parametrize("name", ["gpt2", "."])
def test_step_without_checkpoints_is_refused(name):
    with pytest.raises(ConfigError, match=r"step=3 needs a model that keeps its checkpoints"):
        load_model(name, step=3)


def test_pair_takes_no_step_and_must_be_a_pair():
    with pytest.raises(ConfigError, match="already loaded"):
        load_model((hf_model("gpt2"), tokenizer()), step=1)
    with pytest.raises(ConfigError, match=r"got \(GPT2LMHeadModel, str\)"):
        load_model((hf_model("gpt2"), "gpt2"))


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "mps" if not torch.backends.mps.is_available() else "cuda:98"])
def test_device_that_is_not_there(device):
    with pytest.raises(DeviceError, match=device):
        load_model((hf_model("gpt2"), tokenizer()), device=device)


@pytest.mark.parametrize("dtype", ["int8", "half a float", torch.int64])
def test_dtype_that_is_none(dtype):
    with pytest.raises(ConfigError, match="dtype must be one of float32"):
        load_model((hf_model("gpt2"), tokenizer()), dtype=dtype)


@pytest.mark.gpu
def test_model_on_the_gpu_predicts_what_it_does_on_the_cpu(folder):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device: run on one with pytest -m gpu")
    on_cpu, on_gpu = load_model(folder, device="cpu"), load_model(folder)
    assert model_info(on_gpu).device.startswith("cuda")
    tokens = on_cpu.to_tokens("The Eiffel Tower is in")
    torch.testing.assert_close(on_gpu(tokens.cuda()).cpu(), on_cpu(tokens), atol=1e-3, rtol=1e-3)

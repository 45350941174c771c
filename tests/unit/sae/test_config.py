"""Configurations: what follows from what, JSON both ways, settings by name, and everything that is refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interp_nb._errors import ConfigError, ShapeError
from interp_nb.sae.config import ARCHITECTURES, KINDS, TAKES_K, SAEConfig
from interp_nb.sae.losses import make_objective
from interp_nb.sae.overrides import REFUSED, configure
from interp_nb.sae.train_config import AuxKConfig, SparsityConfig, TrainConfig

configs = st.builds(
    lambda architecture, kind, k, n_sites: (architecture, kind, k, n_sites if kind in ("crosscoder", "clt") else 1),
    st.sampled_from(ARCHITECTURES),
    st.sampled_from(KINDS),
    st.integers(1, 12),
    st.sampled_from([1, 2, 3]),
).filter(lambda made: made[:2] != ("matryoshka", "clt"))


@settings(max_examples=80, deadline=None)
@given(configs)
def test_json_gives_the_same_configuration_back(made):
    architecture, kind, k, n_sites = made
    cfg = SAEConfig(6, 12, architecture, k if architecture in TAKES_K else None, kind=kind, n_sites=n_sites)
    assert SAEConfig.from_json(json.loads(json.dumps(cfg.to_json()))) == cfg
    assert (cfg.k is not None) == (architecture in TAKES_K)
    assert (cfg.matryoshka_widths is not None) == (architecture == "matryoshka")


def test_json_gives_the_same_training_back():
    train = TrainConfig(
        lr=1e-3, betas=(0.5, 0.9), sparsity=SparsityConfig("l1", 2.0), auxk=AuxKConfig(k_aux=3), n_tokens=7
    )
    assert TrainConfig.from_json(json.loads(json.dumps(train.to_json()))) == train
    with pytest.raises(ConfigError, match="SparsityConfig has no field 'cofficient'; did you mean 'coefficient'"):
        TrainConfig.from_json({"sparsity": {"cofficient": 1.0}})


def test_what_follows_from_the_architecture():
    assert SAEConfig(64, 512).k == 32 and SAEConfig(64, 16).k == 16
    assert SAEConfig(64, 512, "matryoshka").matryoshka_widths == (32, 64, 128, 256, 512)
    assert SAEConfig(64, 512).decoder_norm == "unit" and SAEConfig(64, 512, "relu").decoder_norm == "free"
    assert SAEConfig(64, 512, "topk", kind="crosscoder", n_sites=2).decoder_norm == "free"
    assert SAEConfig(64, 512).subtract_b_dec and not SAEConfig(64, 512, kind="transcoder").subtract_b_dec
    assert SAEConfig(64, 512).d_out == 64
    assert (SAEConfig(64, 512, "jumprelu").init_threshold, SAEConfig(64, 512, "jumprelu").bandwidth) == (1.0, 0.3)
    assert SAEConfig(64, 512, "jumprelu", decoder_norm="free").init_threshold == 0.1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"architecture": "batchtopk"}, "architecture must be one of .*got 'batchtopk'; did you mean 'batch_topk'"),
        ({"kind": "transcodr"}, "did you mean 'transcoder'"),
        ({"k": 9}, "k must be at most d_sae=8, got 9"),
        ({"k": 0}, "k must be a whole number from 1, got 0"),
        ({"architecture": "relu", "k": 2}, "relu has no k, got k=2: .*leave k out, or choose 'topk'"),
        ({"d_sae": 0}, "d_sae must be a whole number from 1, got 0"),
        ({"architecture": "matryoshka", "matryoshka_widths": (4, 2, 8)}, r"ascending and positive, got \[4, 2, 8\]"),
        ({"architecture": "matryoshka", "matryoshka_widths": (2, 2, 8)}, "ascending"),
        ({"architecture": "matryoshka", "matryoshka_widths": ()}, "ascending"),
        ({"architecture": "matryoshka", "matryoshka_widths": (2, 4)}, "must end in d_sae=8"),
        ({"matryoshka_widths": (2, 8)}, "matryoshka_widths need architecture='matryoshka', got 'batch_topk'"),
        ({"architecture": "matryoshka", "kind": "clt", "n_sites": 2}, "one per site; choose 'batch_topk'"),
        ({"n_sites": 2}, "n_sites=2 needs kind='crosscoder' or 'clt'"),
        ({"kind": "crosscoder", "n_sites": 3}, "d_in=4 and d_out=4 must be multiples of n_sites=3"),
        ({"kind": "clt", "n_sites": 4, "d_sae": 6, "k": 2}, "d_sae=6 must be a multiple of n_sites=4"),
        ({"kind": "crosscoder", "n_sites": 2, "decoder_norm": "unit"}, "decoder_norm must be 'free' for a crosscoder"),
        ({"d_out": 5}, "d_out=5 must equal d_in=4; for another output give kind='transcoder'"),
        ({"kind": "transcoder", "subtract_b_dec": True}, "subtract_b_dec must be False for a transcoder"),
        ({"decoder_norm": "one"}, "decoder_norm must be one of 'unit', 'free'"),
        ({"bandwidth": 0.0}, "bandwidth must be a positive number"),
    ],
)
def test_sae_that_makes_no_sense_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        SAEConfig(**{"d_in": 4, "d_sae": 8} | values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_tokens": 0}, "n_tokens must be a whole number from 1"),
        ({"batch_size": -1}, "batch_size must be"),
        ({"lr": 0.0}, "lr must be a positive number"),
        ({"lr": float("nan")}, "lr must be a positive number, got nan"),
        ({"betas": (0.9, 1.0)}, "betas must be two numbers from 0 to below 1"),
        ({"lr_decay": 1.5}, "lr_decay is a share of the run, from 0 to 1, got 1.5"),
        ({"b_dec_init": "median"}, "b_dec_init must be one of .*got 'median'; did you mean 'mean'"),
        ({"precision": "bf16"}, "precision must be one of 'fp32', 'candidates_bf16'"),
        ({"ablation": "resample"}, "ablation must be one of"),
        ({"checkpoint_every": 0}, "checkpoint_every must be a whole number from 1"),
    ],
)
def test_training_that_makes_no_sense_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**values)


@pytest.mark.parametrize(
    ("record", "values", "message"),
    [
        (SparsityConfig, {"kind": "l2"}, "sparsity kind must be one of"),
        (SparsityConfig, {"coefficient": -1.0}, "sparsity coefficient must be 0 or more"),
        (SparsityConfig, {"target_l0": 0.0}, "target_l0 must be a positive number"),
        (SparsityConfig, {"warmup": -0.1}, "warmup is a share"),
        (AuxKConfig, {"k_aux": 0}, "k_aux must be a whole number from 1"),
        (AuxKConfig, {"coefficient": float("inf")}, "auxk coefficient must be 0 or more"),
    ],
)
def test_nested_settings_that_make_no_sense_are_refused(record, values, message):
    with pytest.raises(ConfigError, match=message):
        record(**values)


def test_learning_rate_and_window_follow_from_sizes():
    long = TrainConfig(n_tokens=300_000 * 2048, batch_size=2048)
    assert long.resolved_lr(2**14) == pytest.approx(2e-4)
    assert long.resolved_lr(2**12) == pytest.approx(4e-4)
    longer = TrainConfig(n_tokens=10**12)
    assert longer.resolved_lr(2**14) == pytest.approx(2e-4), "the source's for the source's length and beyond"
    assert TrainConfig(n_tokens=300 * 2048).resolved_lr(2**14) == pytest.approx(2e-4 * 1000**0.32)
    assert TrainConfig(n_tokens=2048).resolved_lr(2**10) == 1e-2
    assert TrainConfig(n_tokens=2048).resolved_lr(2) == pytest.approx(2e-4 * 2**6.5), "never below the source's"
    assert TrainConfig(lr=0.5).resolved_lr(8) == 0.5
    assert TrainConfig(n_tokens=1000).dead_window() == 100
    assert TrainConfig(n_tokens=10**9).dead_window() == 10**7
    assert TrainConfig(auxk=AuxKConfig(dead_after_tokens=5)).dead_window() == 5


def test_objective_is_the_architectures_own_unless_asked():
    def kind(architecture: str, **sparsity: object) -> str:
        return make_objective(
            SAEConfig(4, 8, architecture), TrainConfig(sparsity=SparsityConfig(**sparsity))
        ).sparsity_kind

    assert [kind(name) for name in ARCHITECTURES] == ["l1", "none", "none", "none", "step", "l1"]
    assert kind("jumprelu", target_l0=3.0) == "target_l0" and kind("relu", kind="tanh") == "tanh"
    assert make_objective(SAEConfig(64, 128), TrainConfig()).k_aux == 32
    assert make_objective(SAEConfig(64, 16), TrainConfig()).k_aux == 16


@pytest.mark.parametrize(
    ("architecture", "sparsity", "message"),
    [
        ("topk", {"coefficient": 1.0}, "topk is kept sparse by k=8 and has no sparsity loss"),
        ("relu", {"kind": "step"}, "relu is trained with 'l1' or 'tanh', got 'step'"),
        ("gated", {"target_l0": 3.0}, "gated is trained with 'l1', got 'target_l0'"),
        ("jumprelu", {"kind": "target_l0"}, "target_l0 must be given"),
    ],
)
def test_objective_that_does_not_fit_is_refused(architecture, sparsity, message):
    with pytest.raises(ConfigError, match=message):
        make_objective(SAEConfig(4, 8, architecture), TrainConfig(sparsity=SparsityConfig(**sparsity)))


def test_settings_go_where_they_belong():
    cfg, train = configure(
        64, None, {"architecture": "relu", "d_sae": 128, "l1_coefficient": 3.0, "lr": 1e-3, "k_aux": 4}
    )
    assert (cfg.architecture, cfg.d_sae, cfg.k) == ("relu", 128, None)
    assert (train.sparsity.coefficient, train.lr, train.auxk.k_aux) == (3.0, 1e-3, 4)
    assert configure(64)[0] == SAEConfig(64, 512)
    assert configure(64, {"k": 4}, {"k": 5})[0].k == 5
    assert configure(64, (SAEConfig(64, 128, k=3), TrainConfig(seed=4)))[1].seed == 4
    assert configure(64, TrainConfig(seed=4), {"n_tokens": 5})[1] == TrainConfig(seed=4, n_tokens=5)
    assert configure(64, None, {"sparsity": {"kind": "tanh"}, "architecture": "relu"})[1].sparsity.kind == "tanh"


def test_what_followed_from_a_value_follows_from_the_new_one():
    changed, _ = configure(64, SAEConfig(64, 512), {"architecture": "relu"})
    assert changed == SAEConfig(64, 512, "relu")
    kept, _ = configure(64, SAEConfig(64, 512, k=5), {"architecture": "topk"})
    assert kept == SAEConfig(64, 512, "topk", k=5)
    wider, _ = configure(64, SAEConfig(64, 512, "matryoshka"), {"d_sae": 1024})
    assert wider.matryoshka_widths == (64, 128, 256, 512, 1024)


def test_data_fills_in_what_was_left_out():
    defaults = {"sites": ("blocks.1.hook_resid_post",), "model": "pocket"}
    assert configure(64, sae_defaults=defaults)[0].sites == defaults["sites"]
    assert configure(64, SAEConfig(64, 128, model="other"), sae_defaults=defaults)[0].model == "other"
    assert configure(64, SAEConfig(64, 128), sae_defaults=defaults)[0].model == "pocket"


@pytest.mark.parametrize("name", ["ghost_grads", "use_ghost_grads", "p_anneal", "p_start"])
def test_what_is_not_offered_is_refused_with_the_reason_and_another_way(name):
    reason = "measured no gain .*auxk" if "ghost" in name else "unbounded gradient at 0.*'jumprelu'"
    with pytest.raises(ConfigError, match=f"{name}: .*{reason}"):
        configure(64, None, {name: True})
    assert name in REFUSED


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"learning_rate": 1e-3}, "no setting 'learning_rate'"),
        ({"batchsize": 3}, "did you mean 'batch_size'"),
        ({"architecture": "relu", "l1_coefficient": 1.0, "sparsity_coefficient": 1.0}, "the same setting"),
        ({"k_start": 3}, "k_start must be from k=32 to d_sae=512, got 3"),
        ({"architecture": "relu", "k_start": 64}, "k_start must be from k=None"),
        ({"l1_coefficient": 1.0}, "batch_topk is kept sparse by k=32"),
    ],
)
def test_settings_that_make_no_sense_are_refused(overrides, message):
    with pytest.raises(ConfigError, match=message):
        configure(64, None, overrides)


def test_width_of_the_activations_decides():
    with pytest.raises(
        ShapeError, match=r"d_in=32 must be the activations' width, which is 64; .*blocks\.0\.hook_mlp_out"
    ):
        configure(64, SAEConfig(32, 128, sites=("blocks.0.hook_mlp_out",)))

"""The committed bundles: built from the sources beside them, small, silent on the network. No Node needed."""

import hashlib
import json
import re

import pytest

from tests.house.source import PACKAGE, STATIC, WIDGETS

STAMP = re.compile(r"/\* generated from widgets/, sha256 ([0-9a-f]{64}), interp_nb (\S+) \*/\n")
KB = 1000
# Whole bundles, in bytes, because one is sent for every widget that is shown. How much of it may be our own code is
# checked by the build, which has the means to measure it.
LIMITS = {
    "patch_grid": 120 * KB,
    "attention": 120 * KB,
    "head_roles": 120 * KB,
    "train_monitor": 120 * KB,
    "feature_dashboard": 250 * KB,
    "sae_report": 190 * KB,
    "steering_playground": 250 * KB,
}
# What a page would need the network for. XML namespaces are names, not addresses.
NETWORK = re.compile(
    r"https?://(?!www\.w3\.org/)|(?<![.\w])fetch\((?![^)]*\) \{)|"
    r"\b(?:window|globalThis|self)\.fetch\b|\bXMLHttpRequest\b|\bWebSocket\b|\bEventSource\b|\bsendBeacon\b|"
    r"\bimportScripts\b|\bimport\(|@import\b|\bunpkg\b|\bjsdelivr\b|\bcdnjs\b",
    re.IGNORECASE,
)
BUNDLES = sorted(STATIC.glob("*.js"))


def source_hash() -> str:
    """sha256 over path, NUL, bytes, NUL of every source of the bundles, by path; widgets/build.mjs does the same."""
    files = [path for path in (WIDGETS / "src").rglob("*") if path.is_file()]
    files += [WIDGETS / "build.mjs", WIDGETS / "package-lock.json"]
    digest = hashlib.sha256()
    for name, path in sorted((path.relative_to(WIDGETS).as_posix(), path) for path in files):
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def test_every_widget_has_its_bundle_and_limit():
    sources = {path.parent.name for path in (WIDGETS / "src").glob("*/widget.ts")}
    assert {path.stem for path in BUNDLES} == sources == set(LIMITS)


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.stem)
def test_bundle_is_built_from_these_sources(path):
    import interp_nb

    stamp = STAMP.match(path.read_text(encoding="utf-8"))
    assert stamp, "the first line does not say what the bundle was built from; run poe front"
    assert stamp[1] == source_hash(), "built from other sources than those in widgets/; run poe front"
    assert stamp[2] == interp_nb.__version__, "built for another version; run poe front"


def test_doctor_computes_the_same_hash():
    from interp_nb._bundles import source_hash as installed

    assert installed(WIDGETS) == source_hash()


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.stem)
def test_bundle_is_small(path):
    assert path.stat().st_size <= LIMITS[path.stem]


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.stem)
def test_bundle_asks_nothing_of_the_network(path):
    assert NETWORK.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    ["import('https://unpkg.com/x')", "fetch(url)", "new WebSocket(u)", "@import url(x)", "src='http://a.b/c'"],
)
def test_network_check_sees_what_it_looks_for(text):
    assert NETWORK.search(text)


@pytest.mark.parametrize(
    "text", ["createElementNS('http://www.w3.org/2000/svg', 'svg')", "  fetch(at) {", "this.fetch(at)", "prefetch(at)"]
)
def test_network_check_lets_the_harmless_pass(text):
    assert not NETWORK.search(text)


def test_the_lock_names_no_registry():
    packages = json.loads((WIDGETS / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    # Platform builds that the registry of whoever wrote the lock did not carry have an entry but no hash.
    assert all("integrity" in entry or entry.get("optional") for name, entry in packages.items() if name)


def test_bundles_travel_in_the_wheel():
    """`pip install` from git must need no Node: the files are in the package, and git does not ignore them."""
    assert all(path.is_relative_to(PACKAGE) for path in BUNDLES)
    assert "static" not in (PACKAGE.parent / ".gitignore").read_text(encoding="utf-8")

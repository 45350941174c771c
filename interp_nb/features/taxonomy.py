"""A tree of labelled latents to browse: those whose labels, directions and firings are alike lie on one branch.

1. Each latent is a vector, put together from what it is compared by, each part of length one: the words of its label
   (tf-idf, scikit-learn), its decoder direction, the tokens on which it fires (singular vectors of the token sample).
2. Hierarchical clustering (Ward, scipy) of these vectors; the tree is cut at a few numbers of branches, the same tree
   each time, so that branches nest.
3. A branch is named by the words that its labels have more often than the others'.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from jaxtyping import Float64, Int64

from interp_nb._errors import ConfigError, nearest
from interp_nb.features.corpus import Corpus

if TYPE_CHECKING:
    import pandas as pd

By = Literal["words", "decoder", "cofiring"]

PARTS: Final = ("words", "decoder", "cofiring")
BRANCHES: Final = (8, 40)
"""Numbers of branches at each level: as many as one sees at a glance, and about five in each."""
MAX_LATENTS: Final = 8192
"""Latents that are clustered at most: the distances between them take 270 MB."""
N_WORDS: Final = 512
N_COMPONENTS: Final = 64
"""Singular vectors of the firings: beyond these, tokens are told apart that hardly anything fires on."""
NAMED_BY: Final = 3


@dataclass(frozen=True)
class Branch:
    """A branch of the tree with everything on it."""

    name: str
    """Words that set its labels apart; those of its most central latent where there are none."""
    latents: tuple[int, ...]
    """All latents on it, in order."""
    branches: tuple["Branch", ...] = ()
    """What it divides into; empty where it divides no further."""


@dataclass(frozen=True)
class Taxonomy:
    """A tree of latents with their labels."""

    root: Branch
    """The whole tree."""
    texts: dict[int, str]
    """Label of each latent."""
    by: tuple[str, ...]
    """What latents were compared by."""

    def __repr__(self) -> str:
        """One line."""
        by = " and ".join(self.by)
        return f"Taxonomy({len(self.texts)} latents by {by}, {len(self.root.branches)} branches)"

    def to_text(self, max_latents: int = 3) -> str:
        """Write the tree as indented lines, with some latents on each last branch."""
        return "\n".join(_lines(self.root, self.texts, max_latents, 0))

    def to_html(self, max_latents: int = 50) -> str:
        """Write the tree as nested lists that open and close, without any script."""
        return f'<div class="inb-taxonomy">{_details(self.root, self.texts, max_latents, opened=True)}</div>'

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per latent: its label and the branch it is on at each level."""
        import pandas as pd

        rows: list[dict[str, Any]] = []
        _collect(self.root, (), rows, self.texts)
        frame = pd.DataFrame(rows).set_index("latent_idx").sort_index()
        levels = sorted(name for name in frame.columns if name.startswith("level_"))
        return frame[["label", *levels]].fillna("")

    def _repr_html_(self) -> str:
        return self.to_html()


def taxonomy_of(
    store: Any,
    *,
    by: Sequence[By] = ("words", "decoder"),
    latents: Sequence[int] | Int64[np.ndarray, " latent"] | None = None,
    branches: Sequence[int] = BRANCHES,
) -> Taxonomy:
    """Cluster labelled latents into a tree.

    Args:
        by: What they are compared by, each part as much as the others.
        latents: Which ones; None = all that have a label.
        branches: Number of branches at each level, growing.

    Raises:
        ConfigError: fewer than two latents, more than 8,192, none with a label, or an unknown part.

    Cost: grows with the square of the number of latents; seconds for 2,000.
    Source: Ward 1963, Hierarchical grouping to optimize an objective function.
    """
    texts = store.labels.texts()
    chosen = sorted(texts) if latents is None else list(dict.fromkeys(int(latent) for latent in latents))
    unknown: list[str] = [part for part in by if part not in PARTS]
    if unknown or not by:
        raise ConfigError(f"by must name parts to compare, got {list(by)}; {nearest(''.join(unknown[:1]), PARTS)}")
    if not 2 <= len(chosen) <= MAX_LATENTS:
        raise ConfigError(
            f"a taxonomy takes 2 to {MAX_LATENTS} latents, got {len(chosen)}; label_features makes labels, latents= "
            "chooses among them"
        )
    if list(branches) != sorted(set(branches)) or not branches or min(branches) < 1:
        raise ConfigError(f"branches must be growing numbers from 1, got {list(branches)}")
    known = {latent: texts.get(latent, "") for latent in chosen}
    words, names = _words(list(known.values()))
    parts = {
        "words": lambda: words,
        "decoder": lambda: _directions(store, chosen),
        "cofiring": lambda: _firings(store, chosen),
    }
    vectors = np.concatenate([_unit(parts[part]()) for part in by], 1)
    levels = _levels(vectors, [n for n in branches if n < len(chosen)])
    rows = np.arange(len(chosen))
    root = Branch(
        "all", tuple(chosen), _divided(rows, levels, chosen, _Naming(words, names, vectors, list(known.values())))
    )
    return Taxonomy(root, known, tuple(by))


def _levels(vectors: Float64[np.ndarray, "latent part"], branches: Sequence[int]) -> list[Int64[np.ndarray, " latent"]]:
    """Cut one tree at several numbers of branches."""
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(vectors, method="ward")
    return [np.asarray(fcluster(tree, n, criterion="maxclust"), np.int64) for n in branches]


@dataclass(frozen=True)
class _Naming:
    words: Float64[np.ndarray, "latent word"]
    names: list[str]
    vectors: Float64[np.ndarray, "latent part"]
    texts: list[str]

    def name(self, rows: Int64[np.ndarray, " row"]) -> str:
        """Name a branch by the words that are commoner on it than elsewhere."""
        if self.words.shape[1]:
            gain = self.words[rows].mean(0) - self.words.mean(0)
            best = [int(i) for i in np.argsort(-gain, kind="stable")[:NAMED_BY] if gain[i] > 0]
            if best:
                return ", ".join(self.names[i] for i in best)
        middle = self.vectors[rows].mean(0)
        central = rows[int(np.argmin(((self.vectors[rows] - middle) ** 2).sum(1)))]
        return self.texts[int(central)] or "without a label"


def _divided(
    rows: Int64[np.ndarray, " row"], levels: list[Int64[np.ndarray, " latent"]], latents: list[int], naming: _Naming
) -> tuple[Branch, ...]:
    if not levels:
        return ()
    groups = [rows[levels[0][rows] == group] for group in np.unique(levels[0][rows])]
    if len(groups) == 1:
        return _divided(rows, levels[1:], latents, naming)  # not divided at this level
    groups.sort(key=lambda group: (-len(group), int(group[0])))
    return tuple(
        Branch(
            naming.name(group),
            tuple(latents[int(row)] for row in group),
            _divided(group, levels[1:], latents, naming),
        )
        for group in groups
    )


def _words(texts: list[str]) -> tuple[Float64[np.ndarray, "latent word"], list[str]]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(max_features=N_WORDS, token_pattern=r"(?u)\w+", sublinear_tf=True)
    try:
        found = vectorizer.fit_transform(texts)
    except ValueError:  # not a word in any of them
        return np.zeros((len(texts), 0)), []
    return np.asarray(found.toarray(), float), [str(word) for word in vectorizer.get_feature_names_out()]


def _directions(store: Any, latents: list[int]) -> Float64[np.ndarray, "latent d_out"]:
    import torch

    return np.asarray(store.source.rows(torch.tensor(latents)).double().numpy(force=True), float)


def _firings(store: Any, latents: list[int]) -> Float64[np.ndarray, "latent component"]:
    """Describe latents by where they fire, so that those that fire together lie close."""
    from scipy.sparse import csr_matrix
    from sklearn.decomposition import TruncatedSVD

    corpus = Corpus(store)
    found = [corpus.firings(latent) for latent in latents]
    counts = [len(one.rows) for one in found]
    columns = np.concatenate([one.rows for one in found])
    data = np.concatenate([np.full(n, 1 / np.sqrt(n)) for n in counts if n]) if columns.size else np.zeros(0)
    fires = csr_matrix((data, (np.repeat(np.arange(len(latents)), counts), columns)), (len(latents), len(corpus)))
    n_components = min(N_COMPONENTS, len(latents) - 1, len(corpus) - 1)
    if n_components < 1 or not columns.size:
        return np.zeros((len(latents), 1))
    return np.asarray(TruncatedSVD(n_components, random_state=0).fit_transform(fires), float)


def _unit(vectors: Float64[np.ndarray, "latent part"]) -> Float64[np.ndarray, "latent part"]:
    """Scale each vector to length one; one that says nothing stays 0."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0))


def _lines(branch: Branch, texts: dict[int, str], most: int, depth: int) -> list[str]:
    pad = "  " * depth
    lines = [f"{pad}{_flat(branch.name)} ({len(branch.latents)})"]
    for inner in branch.branches:
        lines += _lines(inner, texts, most, depth + 1)
    if not branch.branches:
        lines += [f"{pad}  {latent}: {_flat(texts[latent])}" for latent in branch.latents[:most]]
        if len(branch.latents) > most:
            lines.append(f"{pad}  and {len(branch.latents) - most} more")
    return lines


def _flat(text: str) -> str:
    return " ".join(text.split())


def _details(branch: Branch, texts: dict[int, str], most: int, *, opened: bool = False) -> str:
    inner = "".join(_details(one, texts, most) for one in branch.branches)
    if not branch.branches:
        items = "".join(f"<li>{latent}: {html.escape(texts[latent])}</li>" for latent in branch.latents[:most])
        more = f"<li>and {len(branch.latents) - most} more</li>" if len(branch.latents) > most else ""
        inner = f"<ul>{items}{more}</ul>"
    summary = f"<summary>{html.escape(branch.name)} ({len(branch.latents)})</summary>"
    return f'<details style="margin-left:1em"{" open" if opened else ""}>{summary}{inner}</details>'


def _collect(branch: Branch, path: tuple[str, ...], rows: list[dict[str, Any]], texts: dict[int, str]) -> None:
    for inner in branch.branches:
        _collect(inner, (*path, inner.name), rows, texts)
    if not branch.branches:
        levels = {f"level_{number}": name for number, name in enumerate(path or (branch.name,), 1)}
        rows += [{"latent_idx": latent, "label": texts[latent], **levels} for latent in branch.latents]

"""Measure the pocket SAE with SAELens's own evals, for tests/unit/evaluation/test_sae_lens_evals.py.

Run by hand from the root of the repository, first here and then in an environment with sae-lens 6.54.12:

    python -m tests.peers.make_sae_lens_evals tokens
    PEER/bin/python -m tests.peers.make_sae_lens_evals evals

The first writes the tokens: held-out documents of the pocket model's world, begin-of-text first, all of one length, so
that nothing is padded. The second adds what SAELens says of them, once without begin-of-text and once with it.
"""

import json
import sys
from pathlib import Path
from typing import Any

FIXTURE = Path(__file__).parents[1] / "fixtures" / "sae_lens_evals.json"
N_DOCS, LENGTH = 96, 16


def write_tokens() -> None:
    """Choose the documents."""
    from itertools import islice

    from interp_nb.models.load import load_model
    from interp_nb.models.pocket.world import documents

    tokenizer = load_model("pocket").tokenizer
    texts = (document.text for document in documents("sae_lens evals", split="heldout") if document.text)
    encoded = (tokenizer(text)["input_ids"] for text in texts)
    rows = ([tokenizer.bos_token_id, *[each for each in row if each != tokenizer.bos_token_id]] for row in encoded)
    chosen = list(islice((row[:LENGTH] for row in rows if len(row) >= LENGTH), N_DOCS))
    FIXTURE.write_text(json.dumps({"tokens": chosen}) + "\n", encoding="utf-8")


def write_evals() -> None:
    """Let SAELens measure."""
    import torch
    from sae_lens import __version__

    from tests.peers.pocket_in_sae_lens import evals, pocket_model, pocket_sae

    fixture = json.loads(FIXTURE.read_text(encoding="utf-8"))
    tokens = torch.tensor(fixture["tokens"])
    model, sae = pocket_model(), pocket_sae()
    made: dict[str, Any] = {"tokens": fixture["tokens"], "sae_lens": __version__}
    for name, with_bos in (("without_bos", False), ("with_bos", True)):
        # One batch: some of the peer's numbers are means of what each batch gives.
        metrics, latents = evals(model, sae, tokens, batch_size=len(tokens), with_bos=with_bos)
        n_tokens = tokens.numel() - (0 if with_bos else len(tokens))
        made[name] = {each: value for group in metrics.values() for each, value in group.items()}
        made[name]["firings"] = [round(each * n_tokens) for each in latents["feature_density"]]
        made["encoder_decoder_cosine_sim"] = [round(each, 6) for each in latents["encoder_decoder_cosine_sim"]]
    FIXTURE.write_text(json.dumps(made) + "\n", encoding="utf-8")


if __name__ == "__main__":
    {"tokens": write_tokens, "evals": write_evals}[sys.argv[1]]()

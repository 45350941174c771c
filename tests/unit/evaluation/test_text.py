"""The text that is evaluated: the pocket model's own, labelled documents, tokens, and which rows are which."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from interp_nb.evaluation.asked import WORLD_SEED, held_out_world, texts_of
from interp_nb.evaluation.evaluate import evaluate_sae
from interp_nb.evaluation.reading import read, reading_with_bos
from interp_nb.evaluation.truth import concepts_of
from interp_nb.models.load import load_model
from interp_nb.models.pocket.document import Document
from interp_nb.models.pocket.labelled import encode_labelled
from interp_nb.models.pocket.world import documents
from interp_nb.sae.harvesting import Harvested
from interp_nb.sae.saving import load_sae
from tests.unit.evaluation.cases import SITE, ids_of, random_sae, texts


@pytest.fixture(scope="module")
def pocket():
    return load_model()


def text_of(model, sae, data, n_tokens=None, **reading):
    found = texts_of(model, data)
    source = Harvested(model, sae.cfg.sites, sae.cfg.sites, found.data, reading=reading_with_bos(**reading))
    *_, text = read(source, sae, n_tokens, found.documents, None, None)
    return text


def test_rows_are_the_tokens_of_the_documents_and_their_activations(tiny_model):
    data, sae = texts(10), random_sae()
    text = text_of(tiny_model, sae, data, packing="separate")
    ids = ids_of(tiny_model, data)
    assert text.tokens.tolist() == list(itertools.chain.from_iterable(each[1:] for each in ids))
    assert text.pos.tolist() == [place for each in ids for place in range(len(each) - 1)]
    assert text.doc.tolist() == [doc for doc, each in enumerate(ids) for _ in each[1:]]
    acts = torch.cat([tiny_model.run_with_cache(torch.tensor([each]))[1][SITE][0] for each in ids])
    bos = torch.tensor([place == 0 for each in ids for place in range(len(each))])
    torch.testing.assert_close(text.acts, acts[~bos], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(text.all_acts[text.n_counted :], acts[bos], rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        fires = (sae.encode(acts[~bos]) > 0).sum(1)
    assert np.diff(text.fired.offsets).tolist() == fires.tolist()
    window, at = text.place[5].tolist()
    assert text.tokens_in_windows[window, at] == text.tokens[5]


def test_reading_stops_at_the_end_of_the_window_with_enough_tokens(tiny_model):
    data, sae = texts(30), random_sae()
    text = text_of(tiny_model, sae, data, 40, packing="separate")
    lengths = [len(each) - 1 for each in ids_of(tiny_model, data)]
    ends = list(itertools.accumulate(lengths))
    n_docs = next(index for index, end in enumerate(ends) if end >= 40) + 1
    assert text.n_docs == n_docs
    assert text.n_counted == ends[n_docs - 1]


def test_own_text_of_the_pocket_model_is_held_out_has_labels_and_is_always_the_same(pocket):
    found = texts_of(pocket, None)
    first = list(itertools.islice(found.data, 5))
    assert [document.text for document in found.documents] == first
    assert first == [document.text for document in itertools.islice(held_out_world(), 5)]
    assert WORLD_SEED in found.source
    drawn = list(itertools.islice(documents(WORLD_SEED, split="heldout"), 60))
    by_text: dict[str, Document] = {}
    for document in drawn:
        if not document.token_ids:
            by_text.setdefault(document.text, document)
    kept = list(by_text.values())
    assert list(itertools.islice(held_out_world(), len(kept))) == kept
    assert len(kept) < len(drawn)
    assert "each text once, without the documents of random tokens that repeat" in found.source


def test_own_text_has_no_copies():
    said = [document.text for document in itertools.islice(held_out_world(), 600)]
    assert len(set(said)) == len(said)
    world = (document for document in documents(WORLD_SEED, split="heldout") if not document.token_ids)
    assert len({document.text for document in itertools.islice(world, 600)}) < 600


def test_copies_of_a_text_are_one_document_in_one_half_and_the_report_says_so(tiny_model):
    data = [*texts(60), *texts(60)[:40], *texts(60)[:40]]
    labels = {"odd": [index % 2 for index in range(len(data))]}
    sae = random_sae()
    text = dataclasses.replace(text_of(tiny_model, sae, data, packing="separate"), labels=labels)
    first = [data.index(each) for each in data]
    assert text.first_doc.tolist() == [first[doc] for doc in text.doc.tolist()]
    concepts = concepts_of(text, tiny_model)
    assert concepts.doc.tolist() == text.first_doc.tolist()
    of_doc = dict(zip(text.doc.tolist(), concepts.scored.tolist(), strict=True))
    assert all(of_doc[doc] == of_doc[first[doc]] for doc in of_doc)
    assert 0 < sum(of_doc.values()) < len(data)
    notes = evaluate_sae(sae, tiny_model, data, groups="sparsity", packing="separate").notes
    n = len(data) - len(set(data))
    assert any(f"{n} of {len(data)} documents are copies of another one" in note for note in notes), notes
    assert not any("copies" in note for note in evaluate_sae(sae, tiny_model, texts(9), groups="sparsity").notes)


def test_labelled_documents_line_up_with_rows_even_where_they_are_token_ids(pocket):
    drawn = [
        document for document in itertools.islice(documents("x"), 40) if document.token_ids or len(document.text) < 80
    ]
    assert any(document.token_ids for document in drawn)
    text = text_of(pocket, load_sae(), iter(drawn))
    assert [isinstance(document, Document) for document in text.documents] == [True] * len(drawn)
    for doc, document in enumerate(drawn):
        here = text.doc == doc
        ids = encode_labelled(document, pocket.tokenizer).ids
        assert text.tokens[here].tolist() == ids
        assert text.pos[here].tolist() == list(range(len(ids)))


def test_given_tokens_keep_their_own_begin_of_text_apart(tiny_model):
    tokens = torch.tensor([[0, 5, 6, 7], [0, 8, 9, 0]])
    text = text_of(tiny_model, random_sae(), tokens)
    assert text.tokens.tolist() == [5, 6, 7, 8, 9]
    assert len(text.all_doc) == 7


def test_pocket_sae_has_the_numbers_that_it_was_trained_to(pocket):
    report = evaluate_sae(load_sae(), pocket, n_tokens=4096, groups=("reconstruction", "sparsity"))
    assert report.model_name == "pocket"
    assert report.explained_variance > 0.9
    assert 6 < report.l0 < 8
    assert report.loss_recovered > 0.99
    assert report["explained_variance"].low < report.explained_variance < report["explained_variance"].high
    # One begin-of-text token a document, and its norm is many times that of the others.
    assert report["explained_variance"].with_bos < 0
    assert report["l0"].with_bos > 2 * report.l0

"""The lexicon head: it counts as scikit-learn does, learns what its regression learns, and knows only what it saw."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from ensemble import bundle
from ensemble.plan import EnsembleSettings, Plan
from modalities.encoders.terms import Terms, ids, pairs, words
from modalities.heads.lexicon import SHARPNESS, LexiconHead
from modalities.types import Segment
from modalities.words import encode_texts
from tuning.fit import Data, FitSettings, Held, fit
from tuning.objectives import HeadObjective

LABELS = ("Neutral", "Anger", "Fear")
TEXTS = (
    "A warm smile, a warm smile. No tears.",
    "No smile; the mouth shows a frown and a frown.",
    "Tears, but a warm smile!",
    "The mouth shows no tears, only a frown.",
)


def make(texts=TEXTS, **settings):
    """Make a head that knows the terms of texts."""
    config = {"width": 1, "speaks": {"expression": LABELS}, "kinds": {"expression": "distribution"}, "dropout": 0.0}
    head = LexiconHead(LexiconHead.Config.model_validate(config | settings))
    if texts:
        encoding = encode(texts)
        head.standardise_by(encoding["steps"], encoding["mask"])
    return head.eval()


def encode(texts):
    """Return steps, mask and times of texts."""
    segments = [Segment(number * 100, number * 100 + 100) for number in range(len(texts))]
    encoding = encode_texts(Terms(Terms.Config()), segments, texts)
    return {name: torch.from_numpy(getattr(encoding, name)) for name in ("steps", "mask", "times")}


def say(head, texts):
    """Return the logits of texts [B, C]."""
    with torch.no_grad():
        return head(**encode(texts)).logits["expression"].numpy()


def counter(least=2):
    """Return scikit-learn's counter of the same terms."""
    return TfidfVectorizer(
        analyzer=lambda text: [*words(text), *pairs(text)], sublinear_tf=True, min_df=least, norm="l2"
    )


@pytest.mark.parametrize("least", [1, 2, 3])
def test_it_weighs_terms_as_scikit_learn_does(least):
    head, theirs = make(least=least), counter(least).fit(TEXTS)
    names, texts = theirs.get_feature_names_out(), [*TEXTS, "A frown, a frown, a strange frown."]
    weights = np.random.default_rng(0).standard_normal((len(names), len(LABELS)))
    place = np.searchsorted(head.vocabulary.numpy(), ids(names)[:, 0])
    assert sorted(place) == list(range(1, len(head.vocabulary)))
    with torch.no_grad():
        head.weights[place] = torch.from_numpy(weights).float()
        head.bias.copy_(torch.tensor([0.5, -1.0, 2.0]))
    expected = SHARPNESS * (theirs.transform(texts) @ weights + [0.5, -1.0, 2.0])
    assert say(head, texts) == pytest.approx(expected, abs=1e-5)


def test_what_it_never_saw_does_not_count():
    head = make()
    known, more, unknown, silent = say(head, ["a warm smile", "a warm smile; perhaps", "perhaps", ""])
    assert np.array_equal(known, more)
    assert np.array_equal(unknown, SHARPNESS * head.bias.detach().numpy())
    assert np.array_equal(unknown, silent)
    assert not np.array_equal(known, unknown)
    assert np.isfinite(say(make(()), TEXTS)).all(), "not even where it knows nothing at all"


def test_its_vocabulary_is_that_of_the_rows_it_was_given_last():
    head = make(TEXTS[:2], least=1)
    first = head.vocabulary.clone()
    head.standardise_by(**{name: column for name, column in encode(TEXTS[2:]).items() if name != "times"})
    for vocabulary, texts in ((first, TEXTS[:2]), (head.vocabulary, TEXTS[2:])):
        names = counter(1).fit(texts).get_feature_names_out()
        assert set(vocabulary.tolist()) == {-1, *ids(names)[:, 0].tolist()}
    assert head.weights.shape == (len(head.vocabulary), len(LABELS))


def test_a_fit_finds_what_scikit_learns_regression_finds():
    draw, terms = np.random.default_rng(1), np.array([f"word{number}" for number in range(40)])
    classes = draw.choice(3, 240, p=(0.6, 0.3, 0.1))
    liked = draw.dirichlet(np.full(40, 0.3), 3) * 0.5 + 0.5 / 40
    texts = [" ".join(draw.choice(terms, 9, p=liked[one])) for one in classes]
    head, strength = make(()), 1.0
    columns = {**encode(texts), "expression": torch.eye(3)[torch.from_numpy(classes)]}
    rows = Held(columns, ("expression",))
    decay = SHARPNESS**2 / (strength * len(texts))
    settings = FitSettings(
        epochs=150, batch=240, lr=0.03, optimiser="adam", weight_decay=decay, smoothing=0.0, clip=1000.0
    )
    head.standardise_by(columns["steps"], columns["mask"])
    fit(head, HeadObjective(head, rows, settings), Data(rows, None), settings, seed=0)
    theirs, vectors = LogisticRegression(C=strength, class_weight="balanced", tol=1e-6, max_iter=1000), counter()
    expected = theirs.fit(vectors.fit_transform(texts), classes).predict_proba(vectors.transform(texts))
    found = torch.from_numpy(say(head, texts)).softmax(1).numpy()
    assert np.abs(found - expected).max() < 0.03
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.98


def test_a_bundle_brings_its_vocabulary(tmp_path):
    modality = {"kind": "text", "settings": {"encoder": {"kind": "terms"}},
                "heads": {"read": {"kind": "lexicon", "settings": {"least": 1}}}}  # fmt: skip
    cues = {"speech": {"kind": "tests.toys:Tones"}, "transcript": {"kind": "tests.toys:Pitch"}}
    plan = Plan.of(EnsembleSettings.model_validate({"cues": cues, "modalities": {"text": modality}}))
    head, seen = plan.heads["text.read"], encode(TEXTS)
    head.standardise_by(seen["steps"], seen["mask"])
    bundle.save(plan, tmp_path / "bundle")
    loaded = bundle.load(tmp_path / "bundle").plan.heads["text.read"]
    assert torch.equal(loaded.vocabulary, head.vocabulary)
    with torch.no_grad():
        assert torch.equal(loaded.eval()(**seen).features, head.eval()(**seen).features)


def test_it_refuses_steps_that_are_no_ids():
    with pytest.raises(ValueError, match=r"the head lexicon takes ids of terms, but steps have 6 numbers; let .*terms"):
        make((), width=6)

"""Evaluation of a bundle: one split of several corpora, compared with another bundle, and what it leaves behind."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

import twofold
from ensemble import bundle
from ensemble.plan import Plan
from ensemble.predict.clips import gather
from ensemble.write.abaw import read_abaw
from modalities.labels import tasks
from modalities.types import FOREVER, Transcript, Word
from tests import toys
from tests.makers import draw_weights
from tests.tuning import tiny
from tuning import metrics
from tuning.corpora.corpus import ROW_RATE, Corpus, CorpusError, LabelledClip
from tuning.corpora.labelling import OverSpans
from tuning.evaluation import FUSED, MEAN, Judged, score
from tuning.evaluation.compare import CompareError, compare, paired
from tuning.evaluation.report import DOCUMENT, PICTURE, default_folder, evaluate_and_report
from tuning.evaluation.run import POOLED, compare_bundles, evaluate_bundle
from tuning.evaluation.show import document, figures, results_table
from tuning.evaluation.splits import gather_split, labelled, speaking
from tuning.stages import Stages

pytestmark = pytest.mark.slow

QUIET = Stages(Console(quiet=True))
WITHOUT_COMPOUNDS = "tests.tuning.tiny:read_without_compounds"
WORDS = "tests.tuning.test_evaluation:read_words"
TRAIN_ALONE = "tests.tuning.test_evaluation:read_train_alone"


def read_train_alone(folder: Path) -> Corpus:
    """The tiny corpus, as one whose authors divided nothing."""
    whole = tiny.read(folder)
    return replace(whole, clips=whole.split("train"))


def read_words(_: Path) -> Corpus:
    """Clips of which there is no more than what was said in them."""
    whole, eight = OverSpans.whole(), np.eye(8, dtype=np.float32)
    said = [
        tuple(Word(text, 10**6 * at, 10**6 * (at + 1), 1.0, "aligned") for at, text in enumerate(("up", "down") * 3))
    ] * 3
    clips = tuple(
        LabelledClip(
            f"../clip-{number}", None, str(number), "test", whole, {"expression": eight[[number]]},
            brought={"words": Transcript(words[number:], FOREVER)}, end=6_000_000,
        )
        for number, words in enumerate(said)
    )  # fmt: skip
    return Corpus("words", clips, "none", "none")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the tiny corpus encoded in it, the corpus, and bundles of drawn weights."""
    made = tmp_path_factory.mktemp("evaluation")
    settings = tiny.recipe().ensemble
    tiny.make(made / "corpus", tiny.cache(made) / "encodings", Plan.of(settings))
    for seed in (0, 1):
        plan = Plan.of(settings)
        for number, part in enumerate((*plan.heads.values(), plan.fusion)):
            draw_weights(part, 10 * seed + number)
        bundle.save(plan, made / f"run-{seed}" / "bundle", {"recipe": {"name": "tiny"}})
    return made


@pytest.fixture(autouse=True)
def cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWOFOLD_CACHE", str(folder / "cache"))


def test_every_corpus_is_scored_and_all_of_them_pooled(folder: Path) -> None:
    corpora = {tiny.READER: folder / "corpus", WITHOUT_COMPOUNDS: folder / "corpus"}
    found = evaluate_bundle(folder / "run-0" / "bundle", corpora, "dev", QUIET)
    assert list(found.results) == [*corpora, POOLED]
    first, second, pooled = ({one.name: one for one in results} for results in found.results.values())
    assert list(pooled) == [FUSED, MEAN, "face.static", "audio.attention"]
    assert second[FUSED].compound is None
    assert pooled[FUSED].compound.rows == first[FUSED].compound.rows
    assert pooled[FUSED].expression.rows == first[FUSED].expression.rows + second[FUSED].expression.rows
    assert pooled[FUSED].expression.f1 == pytest.approx(first[FUSED].expression.f1)  # the same clips twice
    assert len(np.unique(found.judged[FUSED].clips)) == 2 * len(tiny.STATES)


def test_a_split_without_a_clip_is_one_sentence(folder: Path) -> None:
    with pytest.raises(CorpusError, match="it has no clip in test, but 15 in train; use --split"):
        evaluate_bundle(folder / "run-0" / "bundle", {TRAIN_ALONE: folder / "corpus"}, "test", QUIET)


def test_clips_without_a_label_are_one_sentence(folder: Path) -> None:
    corpus = tiny.read(folder / "corpus")
    blank = {"expression": np.full((75, 8), np.nan, np.float32)}
    assert labelled(corpus) is corpus
    for labels in (blank, {}):
        with pytest.raises(CorpusError, match="no labels to score by"):
            labelled(replace(corpus, clips=tuple(replace(clip, labels=labels) for clip in corpus.clips)))


def test_a_corpus_with_labels_that_the_bundle_does_not_know_is_one_sentence(folder: Path) -> None:
    settings, corpus = tiny.recipe().ensemble, tiny.read(folder / "corpus")
    other = replace(corpus, expressions=(*corpus.expressions[:-1], "Pride"))
    with pytest.raises(CorpusError, match="it labels Pride, which the ensemble does not tell apart"):
        speaking(other, settings)
    with pytest.raises(CorpusError, match="it labels the compounds"):
        speaking(replace(corpus, pairs=dict(reversed(corpus.compounds.items()))), settings)


def test_the_report_holds_everything(folder: Path, tmp_path: Path) -> None:
    first, second = (folder / f"run-{seed}" / "bundle" for seed in (0, 1))
    corpora = {tiny.READER: folder / "corpus"}
    tables, figures, out = evaluate_and_report(
        first, corpora, "test", against=second, out=tmp_path / "new", stages=QUIET
    )
    said = json.loads((out / DOCUMENT).read_text())
    assert len(tables) == 2
    assert said["recipe"] == "tiny"
    assert said["bundle"]["provenance"] == {"recipe": {"name": "tiny"}}
    (corpus,) = said["corpora"].values()
    fused = corpus["results"][0]["expression"]
    assert figures["expression_macro_f1_fused"] == fused["f1"]
    assert figures["clips"] == corpus["clips"] == 15
    assert len(fused["f1_by_class"]) == 8
    assert sum(map(sum, fused["confusion"])) == fused["rows"]
    assert [one["metric"] for one in said["against"]["differences"]] == [
        "expression macro-F1", "compound macro-F1", "valence CCC", "arousal CCC"
    ]  # fmt: skip
    assert figures["compound_macro_f1_difference"] == said["against"]["differences"][1]["difference"]
    assert (out / PICTURE).read_bytes().startswith(b"\x89PNG")


def test_results_go_beside_the_bundle_if_nobody_says_where(tmp_path: Path) -> None:
    found = default_folder(tmp_path / "run" / "bundle", {"afew": tmp_path, "demo": tmp_path}, "dev")
    assert found == tmp_path / "run" / "evaluation" / "afew+demo-dev"


def test_own_labels_are_those_that_occur() -> None:
    known = tasks()
    truth = np.eye(8, dtype=np.float32)[np.arange(70) % 7]
    said = truth.copy()
    said[:7] = np.eye(8)[7]  # "Other", which nothing is labelled with
    empty = {task: np.full((70, len(known[task].labels)), np.nan, np.float32) for task in known}
    judged = Judged(np.arange(70) // 7, {**empty, "expression": truth}, {**empty, "expression": said})
    told = score("one", judged, known).expression
    assert told.own == known["expression"].labels.names[:7]
    assert told.f1 == pytest.approx(told.f1_own * 7 / 8)
    assert told.uar_all == pytest.approx(told.uar * 7 / 8) == pytest.approx(0.9 * 7 / 8)
    assert told.f1_interval[0] <= told.f1_own <= told.f1_interval[1]


def test_a_column_without_a_label_leaves_the_others_as_they_are() -> None:
    known, rng = tasks(), np.random.default_rng(0)
    said = {task: rng.uniform(0, 1, (60, len(known[task].labels))).astype(np.float32) for task in known}
    truth = {task: np.full_like(scores, np.nan) for task, scores in said.items()}
    rows = Judged(np.arange(60) // 6, truth, said)
    nothing = score("one", rows, known)
    assert (nothing.ccc, nothing.va_ccc, nothing.au_f1, nothing.au_f1_mean, nothing.mtl) == (None,) * 5
    truth["valence_arousal"][:, 0] = said["valence_arousal"][:, 0]
    truth["action_units"][:40, 9] = said["action_units"][:40, 9] >= 0.5
    found = score("one", rows, known)
    assert found.ccc == (pytest.approx(1), None)
    assert found.va_ccc == pytest.approx(1)
    assert found.au_f1 == (*[None] * 9, 1.0, None, None)
    assert found.mtl == pytest.approx(2)
    truth["valence_arousal"][30:, 1] = -said["valence_arousal"][30:, 1]
    valence, arousal = score("one", rows, known).ccc
    assert valence == pytest.approx(1)
    assert arousal == pytest.approx(metrics.ccc(truth["valence_arousal"][30:, 1], said["valence_arousal"][30:, 1]))
    assert arousal < 0.1
    (plain,) = json.loads(json.dumps(document([found]), allow_nan=False))
    assert plain["ccc"][1] is None
    shown = figures([replace(found, name=name) for name in (FUSED, MEAN)])
    assert "arousal_ccc_fused" not in shown
    assert shown["va_ccc_fused"] == shown["valence_ccc_fused"] == pytest.approx(1)
    names = [column.header for column in results_table([found], "one").columns]
    assert names == ["", "CCC V", "AU F1", "MTL"]


# -------------------------------------------------------------------------------------------------------- two bundles


def judged(said: np.ndarray, truth: np.ndarray, clips: np.ndarray) -> Judged:
    """Rows of which only expression and valence-arousal are labelled."""
    known = tasks()
    empty = {task: np.full((len(clips), len(known[task].labels)), np.nan, np.float32) for task in known}
    affect = {"valence_arousal": np.stack([truth / 8, -truth / 8], axis=1)}
    heard = {"valence_arousal": np.stack([said / 8, -said / 8], axis=1)}
    one_hot = np.eye(8, dtype=np.float32)
    return Judged(
        clips, {**empty, **affect, "expression": one_hot[truth]}, {**empty, **heard, "expression": one_hot[said]}
    )


def test_a_better_bundle_wins_and_the_same_one_ties() -> None:
    rng = np.random.default_rng(0)
    truth, clips = rng.integers(8, size=400), np.arange(400) // 10
    good, bad = (np.where(rng.random(400) < share, truth, rng.integers(8, size=400)) for share in (0.8, 0.5))
    better, worse = judged(good, truth, clips), judged(bad, truth, clips)
    found = {one.metric: one for one in compare(better, worse, tasks())}
    assert list(found) == ["expression macro-F1", "valence CCC", "arousal CCC"]
    for one in found.values():
        assert one.won > 0.99
        assert 0 < one.interval[0] < one.difference < one.interval[1]
    turned = compare(worse, better, tasks())[0]
    assert turned.difference == -found["expression macro-F1"].difference
    same = compare(better, better, tasks())[0]
    assert (same.difference, same.interval, same.won) == (0.0, (0.0, 0.0), 0.5)


def test_whole_clips_are_drawn() -> None:
    clips = np.repeat([4, 9], 50)  # the first is right about one clip, the second about the other
    first, second = (clips == 4).astype(float), (clips == 9).astype(float)

    def hits(_: np.ndarray, said: np.ndarray) -> float:
        return float(said.mean())

    interval, won = paired(clips, hits, clips, first, second, draws=2000)
    assert interval == (-1.0, 1.0)  # both draws may be the same clip; rows drawn one by one would stay near 0
    assert won == pytest.approx(0.5, abs=0.05)


def test_other_rows_cannot_be_compared() -> None:
    truth, clips = np.arange(16) % 8, np.arange(16) // 4
    with pytest.raises(CompareError, match="not judged on the same rows"):
        compare(judged(truth, truth, clips), judged(truth[1:], truth[1:], clips[1:]), tasks())


def test_bundles_with_other_labels_cannot_be_compared(folder: Path) -> None:
    found = evaluate_bundle(folder / "run-0" / "bundle", {tiny.READER: folder / "corpus"}, "test", QUIET)
    fewer = dict(list(found.plan.tasks.items())[:1])
    with pytest.raises(CompareError, match="different labels"):
        compare_bundles(found, replace(found, plan=replace(found.plan, tasks=fewer)))


# --------------------------------------------------------------------------------------------- clips without a video


@pytest.fixture(scope="module")
def toy_bundle(folder: Path) -> Path:
    bundle.save(toys.plan(), folder / "toys" / "bundle", {"recipe": {"name": "toys"}})
    return folder / "toys" / "bundle"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command; answers with its exit code, stdout and stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["twofold", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            twofold.main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return run


def test_clips_of_several_corpora_are_told_apart(folder: Path) -> None:
    one = gather_split({WORDS: folder}, "test").sources
    assert [source.name for source in one] == ["../clip-0", "../clip-1", "../clip-2"]
    assert [source.place for source in one] == ["clip-0", "clip-1", "clip-2"]  # never outside of the results
    both = gather_split({WORDS: folder, tiny.READER: folder / "corpus"}, "test").sources
    assert len({source.place for source in both}) == 3 + len(tiny.STATES)


def test_a_corpus_without_a_video_is_judged(run: Callable, folder: Path, toy_bundle: Path, tmp_path: Path) -> None:
    words = ["predict", "--corpus", f"{WORDS}={folder}", "--split", "test", "--bundle", toy_bundle]
    code, out, err = run(*words, "-o", tmp_path / "out", "--abaw", "expr,mtl", "--json")
    assert code == 0, err
    assert [(one["name"], one["path"]) for one in json.loads(out)["clips"]] == [
        (f"../clip-{number}", None) for number in range(3)
    ]
    made = sorted(path.name for path in (tmp_path / "out").iterdir() if path.name.startswith("clip-0"))
    assert made == [
        "clip-0.abaw.expr.txt", "clip-0.abaw.mtl.txt", "clip-0.abaw.txt",
        "clip-0.csv", "clip-0.json", "clip-0.parquet", "clip-0.png",
    ]  # fmt: skip
    frames = pd.read_csv(tmp_path / "out" / "clip-0.csv")
    assert len(frames) == 6 * ROW_RATE
    assert frames["expression.Anger"].notna().any()
    sheet = read_abaw(tmp_path / "out" / "clip-0.abaw.mtl.txt", "mtl")["clip-0"]
    assert len(sheet.numbers) == len(frames)
    Image.new("RGB", (32, 32)).save(tmp_path / "out" / "another.png")
    found = gather([tmp_path / "out"], tmp_path / "out")
    assert [source.name for source in found.sources] == ["another.png"]
    assert not found.skipped  # results are known as such


def test_clips_or_a_corpus_but_not_both(run: Callable, folder: Path, tmp_path: Path) -> None:
    for given in ([], ["clip.mp4", "--corpus", f"{WORDS}={folder}"]):
        code, _, err = run("predict", *given, "-o", tmp_path)
        assert code == 2
        assert "give clips" in err
    code, _, err = run("predict", "--corpus", f"{WORDS}={folder}", "--split", "dev", "-o", tmp_path)
    assert (code, err) == (2, f"twofold: {WORDS}: it has no clip in dev, but 3 in test; use --split\n")
    code, _, err = run("predict", "--corpus", f"nowhere={folder}", "-o", tmp_path)
    assert code == 2
    assert err.startswith("twofold: nowhere: there is no such corpus; choose one of demo, ")


@pytest.mark.ray
def test_evaluate_encodes_what_is_missing(run: Callable, folder: Path, toy_bundle: Path) -> None:
    asked = ["evaluate", toy_bundle, "--corpus", f"{WORDS}={folder}", "--against", toy_bundle, "--json"]
    code, out, err = run(*asked)
    assert code == 0, err
    assert "perceive and encode" in err
    table, figures = out.splitlines()[:-1], json.loads(out.splitlines()[-1])
    assert figures["clips"] == 3
    assert figures["expression_macro_f1_difference"] == 0
    assert any("A wins" in line for line in table)
    said = json.loads((toy_bundle.parent / "evaluation" / f"{WORDS}-test" / DOCUMENT).read_text())
    named = {one["name"]: one["expression"] for one in said["corpora"][WORDS]["results"]}
    assert named["text.mean"]["present"] == 1.0
    assert named["face.static"] is None
    code, _, err = run(*asked)
    assert code == 0
    assert "perceive and encode" not in err

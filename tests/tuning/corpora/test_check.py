"""`twofold corpus list` and `check`: counts beside the stated ones, problems, and exit codes."""

import json
import shutil
import sys

import pytest

import twofold
from modalities.labels import EXPRESSION
from tests.tuning.corpora.films import film, write
from tests.tuning.corpora.trees.every import TREES
from tuning.catalog import CORPORA
from tuning.corpora.check import Count, check


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["twofold", "corpus", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            twofold.main()
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return run


@pytest.fixture
def root(tmp_path):
    film(tmp_path / "ann.mp4")
    film(tmp_path / "bob.mp4", grey=90)
    write(
        tmp_path / "manifest.csv",
        "path,start,end,subject,split,expression,valence,AU1",
        "ann.mp4,0,0.1,ann,train,Fear,0.5,1",
        "ann.mp4,0.1,0.2,ann,train,Anger,,",
        "ann.mp4,0.1,0.2,ann,train,Anger,,",
        "bob.mp4,,,bob,dev,Fear,0.5,0",
    )
    return tmp_path


def test_a_whole_corpus_is_counted(root, run):
    code, out, err = run("check", "manifest", root, "--deep", "--json")
    document = json.loads(out)
    counts = {(count["split"], count["what"]): count["found"] for count in document["counts"]}
    assert (code, err, document["ok"], document["duplicates"]) == (0, "", True, 1)
    assert {what: counts["train", what] for what in ("clips", "subjects", "rows", "Fear", "Anger", "AU1")} == {
        "clips": 1, "subjects": 1, "rows": 2, "Fear": 1, "Anger": 1, "AU1": 1,
    }  # fmt: skip
    assert (counts["train", "rows of valence_arousal"], counts["all", "clips"], counts["dev", "AU1"]) == (1, 2, 0)
    assert all(count["stated"] is None for count in document["counts"])


def test_what_the_authors_state_is_compared(tmp_path, run):
    film(tmp_path / "Train_AFEW/Angry/1.avi")
    film(tmp_path / "Val_AFEW/Sad/2.avi")
    checked = check("afew", tmp_path, deep=False)
    assert Count("train", "Anger", 1, 133) in checked.counts
    assert "dev: 0 Neutral, but the authors state 63" in checked.problems
    code, out, err = run("check", "afew", tmp_path)
    assert code == 1
    assert "twofold: train: 1 clips, but the authors state 773\n" in err
    assert out.splitlines()[-1] == f"0 duplicates left out, {len(checked.problems)} problems"


@pytest.mark.parametrize(
    ("name", "videos", "segments"),
    [
        ("afew", {"train clips": 773, "dev clips": 383}, {"train segments": 855, "dev segments": 411}),
        (
            "affwild2",
            {"train clips of expression": 248, "dev clips of expression": 70},
            {"train segments of expression": 15_158, "dev segments of expression": 6_450},
        ),
        ("cexprdb", {"test clips": 56, "test rows": 26_145}, {"test segments": 449}),
    ],
)
def test_the_papers_videos_and_segments_are_compared(tmp_path, name, videos, segments):
    """RAS §4.1; segments only if one looks deeper."""
    root = TREES[name](tmp_path)
    for deep, stated in ((False, videos), (True, videos | segments)):
        found = {f"{count.split} {count.what}": count for count in check(name, root, deep=deep).counts}
        assert {what: found[what].stated for what in stated} == stated
        assert deep or not any("segments" in what for what in found)


def test_segments_are_cut_as_the_papers_cut_them(tmp_path):
    film(tmp_path / "Train_AFEW/Angry/1.avi", frames=200)  # 8 s: from 0, 2 and 4 s on
    film(tmp_path / "Train_AFEW/Sad/2.avi", frames=151)  # 6.04 s: from 0 and 2 s on, and a tail
    film(tmp_path / "Val_AFEW/Sad/3.avi", frames=5)
    checked = check("afew", tmp_path, deep=True)
    assert {Count("train", "segments", 6, 855), Count("dev", "segments", 1, 411)} <= set(checked.counts)
    assert "train: 6 segments, but the authors state 855" in checked.problems


def test_segments_without_a_label_do_not_count(tmp_path):
    film(tmp_path / "videos/117.avi", frames=200)
    faces = ",".join(EXPRESSION.labels)
    write(tmp_path / "annotations/EXPR_Recognition_Challenge/Train_Set/117.txt", faces, "3", *["-1"] * 99, "2")
    checked = check("affwild2", tmp_path, deep=True)  # its frames 0 and 100 are labelled: 0 and 4 s
    assert Count("train", "segments of expression", 3, 15_158) in checked.counts
    write(tmp_path / "annotations/EXPR_Recognition_Challenge/Train_Set/117.txt", faces, "3", *["-1"] * 101)
    assert Count("train", "segments of expression", 1, 15_158) in check("affwild2", tmp_path, deep=True).counts


def test_what_was_left_out_in_reading_is_said(tmp_path, run):
    root = TREES["affwild2"](tmp_path)
    write(root / "annotations/VA_Estimation_Challenge/Train_Set/video59_left.txt", "valence,arousal", "0,0")
    _, out, _ = run("check", "affwild2", root)
    said = "1 video is trained on in one challenge and validated on in another (video59)"
    assert said in out.splitlines()[-2]
    assert json.loads(run("check", "affwild2", root, "--json")[1])["notes"][0].startswith(said)


def test_problems_of_the_reader_are_all_listed(root, run):
    (root / "ann.mp4").unlink()
    (root / "bob.mp4").unlink()
    code, _, err = run("check", "manifest", root)
    assert code == 1
    assert len([line for line in err.splitlines() if "is missing" in line]) == 2


def test_broken_and_equal_files_are_found_if_one_looks_deeper(root, run):
    shutil.copy(root / "ann.mp4", root / "bob.mp4")
    assert run("check", "manifest", root)[0] == 0
    code, _, err = run("check", "manifest", root, "--deep")
    ann, bob = root / "ann.mp4", root / "bob.mp4"
    assert (code, err) == (1, f"twofold: {ann} (train) and {bob} (dev) have the same content; keep one\n")
    (root / "bob.mp4").write_bytes(b"no film")
    code, _, err = run("check", "manifest", root, "--deep")
    assert code == 1
    assert err.startswith(f"twofold: {root / 'bob.mp4'} is broken: ")


def test_bad_input_has_its_own_exit_code(tmp_path, run):
    assert run("check", "emo", tmp_path)[0] == 2
    code, _, err = run("check", "afew", tmp_path / "nowhere")
    assert (code, err) == (2, f"twofold: there is no {tmp_path / 'nowhere'}; give the folder of the corpus\n")


def test_every_corpus_is_listed_with_story_and_licence(run):
    code, out, _ = run("list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert set(rows) == set(CORPORA)
    assert all(row["story"] and row["licence"] for row in rows.values())

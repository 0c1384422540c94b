"""`twofold corpus list` and `check`: counts beside the stated ones, problems, and exit codes."""

import json
import shutil
import sys

import pytest

import twofold
from tests.tuning.corpora.films import film, write
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
    assert (code, err) == (1, f"twofold: {root / 'ann.mp4'} and {root / 'bob.mp4'} have the same content\n")
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

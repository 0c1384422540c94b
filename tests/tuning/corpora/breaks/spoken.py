"""How corpora of spoken sentences are harmed, and what comes of it."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.tuning.corpora.breaks.breaking import (
    NO_FOLDER,
    Breaks,
    Harm,
    LeftOut,
    Never,
    Stops,
    gone,
    with_header,
    with_line,
)
from tests.tuning.corpora.films import write
from tests.tuning.corpora.trees.spoken import ACTED, MELD_ROWS, TURNS, meld, sound

OURS = "there are no official splits; ours put all that a name tells is by one subject on one side"


def acted(name: str, strange: str, code: str, sentence: str) -> Breaks:
    """A corpus whose names of files say everything: the names are its header, and a missing one nobody can know of."""
    return {
        "missing": Stops(lambda root: [(root / path).unlink() for path in ACTED[name]], NO_FOLDER),
        "header": Stops(
            lambda root: sound(root / strange), rf"{Path(strange).name} is not named like .*; is it a file"
        ),
        "label": Stops(
            lambda root: sound(root / code), rf"{Path(code).name}: the .* is {sentence}, but must be one of"
        ),
        "overlap": Never(OURS),
    }


def iemocap_turn(line: str) -> Harm:
    table, first = "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", next(iter(TURNS))

    def harm(root):
        lines = (root / table).read_text().splitlines()
        write(root / table, *(line.format(first) if f"\t{first}\t" in old else old for old in lines))

    return harm


def into_another_session(root: Path) -> None:
    shutil.move(root / "Session2/dialog/EmoEvaluation/Ses02M_script01_1b.txt", root / "Session1/dialog/EmoEvaluation")


IEMOCAP: Breaks = {
    "missing": Stops(
        gone("Session1/sentences/wav/*/Ses01F_impro01_M003.wav"),
        r"Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M003 .* is missing, but Ses01F_impro01.txt tells of it",
    ),
    "header": Stops(
        lambda root: write(root / "Session2/dialog/EmoEvaluation/Ses02M_script01_1b.txt", "start,end,label"),
        r"Ses02M_script01_1b.txt begins with \['start,end,label'\], but must begin with '% \[START_TIME",
    ),
    "label": Stops(
        iemocap_turn("[6.29 - 8.23]\t{}\tbad\t[2.5, 2.5, 2.5]"),
        "Ses01F_impro01.txt, line 3: the class is 'bad', but must be one of neu, ang",
    ),
    "overlap": Stops(
        into_another_session,
        "Ses02M_script01_1b.txt: Ses02M_script01_1b_M000 is of session 2, but lies in Session1; put it back",
    ),
}


SPOKEN: Mapping[str, Breaks] = {
    "ravdess": acted("ravdess", "Actor_01/holiday 1.wav", "Actor_01/03-01-09-01-02-01-01.wav", "'09'")
    | {
        "overlap": Stops(
            lambda root: sound(root / "Actor_01/03-01-06-01-02-01-04.wav"),
            "04.wav is by actor 04, but lies in Actor_01",
        )
    },
    "cremad": acted("cremad", "AudioWAV/holiday 1.wav", "AudioWAV/1002_DFA_XYZ_XX.wav", "'XYZ'"),
    "savee": acted("savee", "AudioData/DC/holiday 1.wav", "AudioData/DC/x01.wav", "'x'"),
    "emodb": acted("emodb", "wav/holiday 1.wav", "wav/03a01Xa.wav", "'X'"),
    **dict.fromkeys(("iemocap", "iemocap4", "iemocap5", "iemocap6"), IEMOCAP),
    "meld": {
        "missing": Stops(gone("dev_sent_emo.csv"), "dev_sent_emo.csv is missing, but the corpus needs it"),
        "header": Stops(
            with_header("test_sent_emo.csv", "Emotion", "Feeling"),
            "test_sent_emo.csv has the columns .*, but lacks Emotion; is it the file",
        ),
        "label": Stops(
            lambda root: meld(root, {"dev": [MELD_ROWS["dev"][0].replace("anger", "angry")]}),
            "dev_sent_emo.csv: dia0_utt0: the emotion is 'angry', but must be one of neutral, anger",
        ),
        # Characters speak in all splits, so what overlaps is an utterance.
        "overlap": LeftOut(with_line("train_sent_emo.csv", MELD_ROWS["test"][0].replace("0,0", "7,0"))),
    },
}

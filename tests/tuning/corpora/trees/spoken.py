"""Tiny trees of corpora of spoken sentences: acted ones, IEMOCAP and MELD."""

import wave
from collections.abc import Mapping
from pathlib import Path

from tests.tuning.corpora.films import write

ACTED = {
    "ravdess": {
        "Actor_01/03-01-01-01-02-01-01.wav": ("Neutral", "01"),
        "Actor_01/03-01-02-01-02-01-01.wav": ("Calm", "01"),
        "Audio/Actor_12/03-01-06-01-02-01-12.flac": ("Fear", "12"),
        "Audio/Actor_24/03-01-08-02-01-02-24.opus": ("Surprise", "24"),
    },
    "cremad": {
        "AudioWAV/1001_DFA_ANG_XX.wav": ("Anger", "1001"),
        "AudioWAV/1001_IEO_HAP_HI.wav": ("Happiness", "1001"),
        "AudioWAV/1091_TSI_NEU_XX.wav": ("Neutral", "1091"),
    },
    "savee": {
        "AudioData/DC/a01.wav": ("Anger", "DC"),
        "AudioData/DC/su15.wav": ("Surprise", "DC"),
        "AudioData/JE/n30.wav": ("Neutral", "JE"),
        "ALL/KL_sa01.wav": ("Sadness", "KL"),
    },
    "emodb": {
        "wav/03a01Fa.wav": ("Happiness", "03"),
        "wav/03b10Lb.wav": ("Boredom", "03"),
        "wav/16a05Wc.wav": ("Anger", "16"),
    },
}
"""Corpus → file → its expression and its subject."""


def sound(path: Path, seconds: float = 0.01) -> None:
    """Write silence; what the ending says matters to nobody here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(bytes(2 * round(seconds * 16_000)))


def acted(name: str, root: Path) -> Path:
    for path in ACTED[name]:
        sound(root / path)
    write(root / "readme.txt", "not a recording")
    return root


# -------------------------------------------------------------------------------------------------------------- iemocap

IEMOCAP_HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
TURNS = {
    "Ses01F_impro01_F000": ("neu", "2.5000, 2.5000, 2.5000"),
    "Ses01F_impro01_M001": ("fru", "2.0000, 4.0000, 3.0000"),
    "Ses01F_impro01_F002": ("xxx", "1.0000, 5.5000, 3.0000"),
    "Ses01F_impro01_M003": ("exc", "5.0000, 5.0000, 3.0000"),
    "Ses02M_script01_1b_M000": ("hap", "4.0000, 3.0000, 3.0000"),
}


def iemocap(root: Path, **changed: str) -> Path:
    """Two sessions; `changed`: utterance → its line."""
    for session, dialog in ((1, "Ses01F_impro01"), (2, "Ses02M_script01_1b")):
        text = IEMOCAP_HEADER
        for turn, (code, vad) in TURNS.items():
            if turn.startswith(dialog):
                line = f"[6.2901 - 8.2357]\t{turn}\t{code}\t[{vad}]"
                text += changed.get(turn, line) + "\nC-E2:\tNeutral;\t()\nA-E3:\tval 3; act 2; dom  2;\t()\n\n"
                sound(root / f"Session{session}/sentences/wav/{dialog}/{turn}.wav")
        table = write(root / f"Session{session}/dialog/EmoEvaluation/{dialog}.txt", text)
        table.with_name(f"._{table.name}").write_bytes(b"\x00\x05\x16\x07")
    return root


# ----------------------------------------------------------------------------------------------------------------- meld

MELD_HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
MELD_TIMES = '"00:16:16,059","0:16:18,059"'
MELD_ROWS = {
    "train": [
        f"1,I\x92m sure\x97,Ross,joy,positive,0,0,8,21,{MELD_TIMES}",
        '2,NA,Monica,neutral,neutral,0,1,8,21,"00:16:20,000","00:16:20,000"',
        '3,"Well, caf\u00e9!",Ross,surprise,positive,125,3,8,21,"00:17:16,059","00:23:18,059"',
    ],
    "dev": ["1,Hey!,Ross,anger,negative,0,0,4,1," + MELD_TIMES],
    "test": ["1,Go.,Joey,fear,negative,0,0,5,1," + MELD_TIMES],
}
MELD_FILMS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}


def meld(
    root: Path,
    rows: Mapping[str, list[str]] = MELD_ROWS,
    header: str = MELD_HEADER,
    encoding: str = "utf-8",
) -> Path:
    for split, lines in rows.items():
        write(root / f"{split}_sent_emo.csv", header, *lines, encoding=encoding)
    return root

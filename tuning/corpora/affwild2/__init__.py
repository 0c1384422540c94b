"""Aff-Wild2: videos of people who react to something, labelled frame by frame in expression, valence and action units.

Not every video is labelled for every task, and not every frame of a video; −1 (expression, action units) and −5
(valence and arousal) say so. A video file may show two people: `video59_left.txt` and `video59_right.txt` are about the
same file, and each is a clip. A subject is a video file, as the corpus does not say who is seen.

    <root>/videos/**/<video>.mp4 or .avi
    <root>/annotations/EXPR_Recognition_Challenge/Train_Set/<video>.txt, …/Validation_Set/…   (or EXPR_Classification_…)
    <root>/annotations/VA_Estimation_Challenge/…, <root>/annotations/AU_Detection_Challenge/…
    <root>/annotations/MTL_Challenge/train_set.txt, validation_set.txt                        (or right in <root>)

`affwild2` joins what the first three say about a video. Each challenge has its own splits; a video that one trains on
and another validates on is in dev everywhere, and its labels for training are left out (counted as duplicates; `twofold
corpus check` says how many such videos there are), so that dev is the official one of each challenge and nothing of it
is trained on. `affwild2_mtl` reads the lists of the multi-task challenge: single frames with all labels side by side.
"""

from tuning.corpora.affwild2.frames import read_affwild2
from tuning.corpora.affwild2.mtl import read_affwild2_mtl
from tuning.corpora.affwild2.terms import CITATION, LICENCE

__all__ = ["CITATION", "LICENCE", "read_affwild2", "read_affwild2_mtl"]

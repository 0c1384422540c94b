"""The plan: derived once from settings; what does not fit together is refused in a sentence."""

import pytest

from ensemble.plan import EnsembleSettings, Plan
from tests import toys


def changed(path, value):
    """Return the toy settings with one entry changed; the path is dotted by slashes."""
    table = toys.settings().model_dump()
    *folders, last = path.split("/")
    inner = table
    for folder in folders:
        inner = inner[folder]
    inner[last] = value
    return EnsembleSettings.model_validate(table)


def test_cues_run_after_those_that_they_need():
    assert list(toys.settings().cues) == ["words", "voice", "people"]
    names = list(toys.plan().cues)
    assert names.index("voice") < names.index("words")


def test_a_member_is_a_head_of_a_modality():
    plan = toys.plan()
    assert [member.name for member in plan.members] == list(plan.heads) == list(plan.fusion.members)
    assert plan.heads["text.mean"].speaks["expression"].names == toys.SEVEN
    assert set(plan.heads["face.static"].speaks) == {"expression", "valence_arousal", "action_units"}
    assert plan.mapping.config.spoken
    assert plan.heads["audio.mean"].config.width == plan.modalities["audio"].encoder.width


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("modalities/face/settings/faces", "nobody", r"face needs 'nobody' as its faces.*people.*\[cues\]"),
        ("modalities/audio/settings/speech", "people", "needs Speech as its speech, but people gives Faces"),
        ("cues/words/speech", "words", "words"),
        ("cues/frames", {"kind": "tests.toys:Marks"}, "frames is what footage brings"),
        ("modalities", {}, "at least one modality"),
        ("modalities/face/heads/static/tasks", ("mood",), "face cannot speak mood"),
        ("modalities/face/heads/static/speaks", {"expression": ("Bored",)}, "Bored"),
        ("modalities/face/heads/static/kind", "best", "there is no part 'best'"),
        ("modalities/face/heads/static/settings", {"hiden": 3}, "hiden"),
        ("compounds", {"Glad": ("Happiness", "Glee")}, "Glee"),
        ("fusion", {"kind": "mhpf", "fusion_head": 3}, "fusion_head"),
    ],
)
def test_what_does_not_fit_is_refused(path, value, sentence):
    with pytest.raises((ValueError, TypeError, KeyError), match=sentence):
        Plan.of(changed(path, value))


def test_cues_in_a_circle_are_refused():
    settings = toys.settings(
        cues={
            "voice": {"kind": "tests.planted:Echo", "speech": "other"},
            "other": {"kind": "tests.planted:Echo", "speech": "voice"},
        },
        modalities={},
    )
    with pytest.raises(ValueError, match=r"in a circle: .*voice"):
        Plan.of(settings)

import ast
import inspect
import re
from dataclasses import replace

import numpy as np
import pytest

from modalities.cues.caption.measured import MeasuredCaption, face, head, rules, scene, voice
from modalities.cues.caption.measured.signals import BLENDSHAPES, read_signals
from modalities.labels import EXPRESSION
from modalities.types import FOREVER, SAMPLE_RATE, SECOND, Faces, Frames, Segment, Speech, Waveform
from tests.spoken import say

SEGMENT = Segment(0, 4 * SECOND)
TIMES = np.arange(20) * SECOND // 5
REST = {
    10: (0, 0.6), 152: (0, -1.1), 2: (0, -0.5), 0: (0, -0.66), 13: (0, -0.74), 14: (0, -0.76),
    33: (-0.5, 0), 133: (-0.2, 0), 107: (-0.15, 0.28), 70: (-0.5, 0.19), 61: (-0.28, -0.75),
    159: (-0.35, 0.055), 145: (-0.35, -0.055),
    263: (0.5, 0), 362: (0.2, 0), 336: (0.15, 0.28), 300: (0.5, 0.19), 291: (0.28, -0.75),
    386: (0.35, 0.055), 374: (0.35, -0.055),
}  # fmt: skip
"""Landmarks that are measured: x to the right of the picture, y up, in units of the eye span."""
STRETCHED = np.linspace(0, 1, 20)


def faces(*shown, gap=0.02, pose=(0, 0, 0), size=0.5, track=0, times=TIMES, looked=TIMES):
    """One person's face in a square picture; `shown`: blendshapes, by name without the side, of parts of equal length.

    `gap`: between the lips; `pose`: of each frame, or of all.
    """
    count = len(times)
    mesh = np.zeros((478, 3), np.float32)
    for point, (x, y) in {**REST, 13: (0, gap / 2 - 0.75), 14: (0, -gap / 2 - 0.75)}.items():
        mesh[point] = (0.5 + 0.2 * x, 0.5 - 0.2 * y, 0)
    blendshapes = np.zeros((count, 52), np.float32)
    for rows, values in zip(np.array_split(np.arange(count), max(1, len(shown))), shown, strict=False):
        for name, value in values.items():
            columns = [i for i, known in enumerate(BLENDSHAPES) if known in (name, f"{name}Left", f"{name}Right")]
            blendshapes[np.ix_(rows, columns)] = value
    box = 0.5 + size / 2 * np.array([-1, -1, 1, 1], np.float32)
    return Faces(
        times=times, tracks=np.full(count, track), boxes=np.tile(box, (count, 1)), scores=np.ones(count, np.float32),
        detected=np.ones(count, bool), crops=np.zeros((count, 1, 1, 3), np.uint8),
        landmarks=np.tile(mesh, (count, 1, 1)), blendshapes=blendshapes,
        pose=np.broadcast_to(np.asarray(pose, np.float32), (count, 3)).copy(),
        looked=looked, ran=np.ones(len(looked), bool), until=FOREVER,
    )  # fmt: skip


def nobody(looked=TIMES):
    return faces(times=TIMES[:0], looked=looked)


def together(*people):
    """Several people in the same frames."""
    whole = people[0]
    for person in people[1:]:
        whole = replace(whole.join(person), looked=whole.looked, ran=whole.ran)
    return whole.take(np.lexsort((whole.tracks, whole.times)))


def percepts(found, images=(), samples=(), spans=()):
    return {
        "faces": found,
        "frames": Frames(TIMES[: len(images)], tuple(images), FOREVER),
        "waveform": Waveform(np.asarray(samples, np.float32), 0, FOREVER),
        "speech": Speech(np.array(spans, np.int64).reshape(-1, 2), FOREVER),
    }


def caption(found, *args, segment=SEGMENT, **others):
    (text,) = MeasuredCaption(MeasuredCaption.Config()).describe(percepts(found, *args, **others), [segment])
    return text


def test_a_face_at_rest_shows_nothing():
    assert caption(faces()) == "Face at rest."


@pytest.mark.parametrize(
    ("shown", "gap", "text"),
    [
        ({"browInnerUp": 0.9, "browOuterUp": 0.9, "eyeWide": 0.2, "jawOpen": 0.6}, 0.3,
         "Strongly raised eyebrows, wide-open eyes, wide-open mouth, dropped jaw."),
        ({"browDown": 0.1, "eyeSquint": 0.6, "mouthRollLower": 0.2, "mouthRollUpper": 0.2}, 0.0,
         "Slightly lowered eyebrows, slightly narrowed eyes, lips pressed together."),
        ({"mouthSmile": 0.8, "eyeSquint": 0.5}, 0.1, "Raised cheeks, a broad smile, lips parted."),
        ({"browInnerUp": 0.4, "mouthFrown": 0.2}, 0.0,
         "Inner ends of the eyebrows raised, corners of the mouth pulled down."),
        ({"eyeLookDown": 0.6}, 0.0, "Looking down."),
        ({"eyeBlink": 0.7}, 0.0, "Closed eyes."),
    ],
)  # fmt: skip
def test_muscles_have_words(shown, gap, text):
    assert caption(faces(shown, gap=gap)) == text


def test_a_degree_is_a_word():
    texts = [caption(faces({"mouthSmile": amount})) for amount in (0.1, 0.3, 0.5, 0.9)]
    assert texts == ["Face at rest.", "A hint of a smile.", "A smile.", "A broad smile."]


def test_of_many_movements_the_weakest_are_left_out():
    weak = {"mouthSmile": 0.3, "mouthDimple": 0.2}
    strong = {"browDown": 0.5, "mouthUpperUp": 0.6, "mouthPucker": 0.8, "jawOpen": 0.4}
    told = "strongly lowered and drawn together, puckered lips, strongly raised upper lip, lowered jaw."
    assert caption(faces(weak | strong)) == f"Eyebrows {told}"
    assert caption(faces(weak)) == "A hint of a smile, corners of the mouth slightly tightened."


def test_one_side_alone():
    text = "A smile, one corner of the mouth pulled up more."
    assert caption(faces({"mouthSmileLeft": 0.8, "mouthSmileRight": 0.2})) == text


def test_what_comes_and_what_goes():
    smile, surprise = {"mouthSmile": 0.8}, {"browInnerUp": 0.6, "browOuterUp": 0.6}
    assert caption(faces(smile, {})) == "A broad smile; the smile fades."
    assert caption(faces({}, smile)) == "A broad smile; a smile appears."
    assert caption(faces(smile, surprise)) == "Raised eyebrows, a broad smile; the eyebrows rise; the smile fades."


def test_a_flash_is_no_expression():
    assert caption(faces({}, {}, {}, {}, {}, {"mouthSmile": 0.8}, {}, {}, {}, {})) == "Face at rest."


def test_blinking():
    lids = ({}, {"eyeBlink": 0.8}) * 5
    assert face.blinks(np.array([0.8, 0, 0.8, 0.8, 0])) == 1
    assert caption(faces(*lids[:2])) == "Closed eyes; the eyes close."
    assert "blinking often" in caption(faces(*lids))


def test_nobody_and_how_many():
    assert caption(nobody()) == "Nobody in view."
    small = faces({"jawOpen": 0.6}, size=0.2, track=1)
    assert caption(together(faces({"mouthSmile": 0.5}), small)) == "Two people in view; a smile."
    crowd = [faces(size=0.1 * track, track=track) for track in range(1, 7)]
    assert caption(together(*crowd)) == "Five or more people in view; face at rest."


def test_it_is_about_whoever_fills_most_of_the_segment():
    briefly = faces({"mouthSmile": 0.8}, size=0.6, track=0, times=TIMES[:4])
    throughout = faces({"browDown": 0.3}, size=0.4, track=1)
    assert caption(together(throughout, briefly)) == "Eyebrows lowered and drawn together."


def test_a_face_that_is_there_for_a_part_only():
    assert caption(faces(times=TIMES[:12])) == "Face at rest; the face is out of view part of the time."
    assert caption(faces(times=TIMES[9:12])) == "Face at rest; the face is out of view most of the time."


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll", "text"),
    [
        (20, 0, 0, "the head is turned aside"),
        (-40 * STRETCHED, 0, 0, "the head turns away"),
        (40 * STRETCHED[::-1], 0, 0, "the head turns to the camera"),
        (0, 25, 0, "the head hangs low"),
        (0, -15, 0, "the head is raised"),
        (0, 0, -14, "the head is tilted"),
        (0, 5 * (-1.0) ** np.arange(20), 0, "the head nods"),
        (5 * (-1.0) ** np.arange(20), 0, 0, "the head shakes"),
    ],
)
def test_the_head(yaw, pitch, roll, text):
    pose = np.stack([np.broadcast_to(angle, 20) for angle in (yaw, pitch, roll)], axis=1)
    assert caption(faces(pose=pose)) == f"Face at rest; {text}."


def test_small_tremor_is_no_nod():
    assert head.reversals(np.random.default_rng(0).uniform(-1, 1, 20), head.NOD) == 0
    assert head.reversals(np.array([0.0, 4, 0, 4, 0]), 3.0) == 3


def test_light():
    rng = np.random.default_rng(0)
    room = rng.integers(60, 180, (36, 64, 3)).astype(np.uint8)
    assert scene.describe_scene(Frames(TIMES, (room,) * 20, FOREVER)) == []
    assert caption(nobody(), (room // 4,) * 20) == "Nobody in view. Dim light."
    assert caption(nobody(), (room // 10,) * 20) == "Nobody in view. Very dark picture."
    assert caption(nobody(), (room // 2 + 150,) * 20) == "Nobody in view. Bright light."
    flicker = [room + 30 * (number % 2) for number in range(20)]
    assert caption(nobody(), [image.astype(np.uint8) for image in flicker]) == "Nobody in view. Flickering light."


def test_a_cut_and_a_picture_that_moves():
    places = np.arange(640)
    waves = np.tile((127 + 80 * np.sin(places / 12))[:, None], (1, 3))
    one = np.tile(waves, (90, 1, 1)).astype(np.uint8)
    other = np.tile((127 + 80 * np.sin(np.arange(90) / 3))[:, None, None], (1, 160, 3)).astype(np.uint8)
    other[..., 0] //= 4
    cut = [one[:, :160]] * 10 + [other] * 10
    assert scene.describe_scene(Frames(TIMES, tuple(cut), FOREVER)) == ["the picture changes abruptly"]
    pan = [one[:, 10 * number : 10 * number + 160] for number in range(20)]
    assert scene.describe_scene(Frames(TIMES, tuple(pan), FOREVER)) == ["the picture moves a lot"]


TIME = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE


def hear_tone(tone):
    speech = Speech(np.array([[0, 3 * SECOND]]), FOREVER)
    return voice.describe_voice(Waveform(tone.astype(np.float32), 0, FOREVER), speech, Segment(0, 3 * SECOND))


def hear(loudness):
    sound, spans = say("I can hardly believe that you came.", pause=0.2)
    times = [(round(start * SECOND), round(end * SECOND)) for start, end in spans]
    level = np.sqrt(np.mean(np.square(sound[3200:-3200])))
    sound = (sound * 10 ** (loudness / 20) / level).clip(-1, 1).astype(np.float32)
    end = len(sound) * SECOND // SAMPLE_RATE
    return voice.describe_voice(Waveform(sound, 0, FOREVER), Speech(np.array(times), FOREVER), Segment(0, end))


def test_speech_is_loud_or_quiet():
    assert re.fullmatch(r"loud( and quick| and slow)? speech.*", hear(-12))
    assert re.fullmatch(r"quiet( and quick| and slow)? speech.*", hear(-36))
    assert not re.search("loud|quiet", hear(-22))


def test_pitch_and_melody():
    for pitch, told in ((110, "in a low voice"), (350, "in a high voice")):
        tone = sum(np.sin(2 * np.pi * pitch * n * TIME) / n for n in range(1, 6)) / 10
        assert hear_tone(tone).endswith(f"speech {told} on an even pitch")


def test_rate():
    for syllables, told in ((2, "slow"), (6, "quick")):
        tone = np.sin(2 * np.pi * 180 * TIME) * np.sin(np.pi * syllables * TIME) ** 2 / 4
        assert told in hear_tone(tone).split()


def test_how_much_is_said():
    noise = np.random.default_rng(0).normal(0, 0.05, 4 * SAMPLE_RATE).astype(np.float32)
    amounts = {0: "no speech", 0.4: "brief speech", 3.9: "constant speech"}
    for length, told in amounts.items():
        speech = Speech(np.array([[0, round(length * SECOND)]] if length else np.zeros((0, 2)), np.int64), FOREVER)
        text = voice.describe_voice(Waveform(noise, 0, FOREVER), speech, SEGMENT)
        assert set(told.split()) <= set(text.split())


def test_speech_alone_and_nothing_at_all():
    noise = np.random.default_rng(0).normal(0, 0.05, 4 * SAMPLE_RATE).astype(np.float32)
    unseen = nobody(looked=TIMES[:0])
    assert caption(unseen, samples=noise, spans=[(0, 400_000)]) == "Brief speech."
    assert caption(unseen, samples=noise) == ""
    assert caption(unseen) == ""
    assert caption(faces(), samples=noise) == "Face at rest. No speech."


def test_each_segment_depends_on_its_own_span():
    first, second = Segment(0, 2 * SECOND), Segment(2 * SECOND, 4 * SECOND)
    found = faces({"mouthSmile": 0.8}, {"browDown": 0.3})
    cue = MeasuredCaption(MeasuredCaption.Config())
    texts = cue.describe(percepts(found), [first, second])
    assert texts == ["A broad smile.", "Eyebrows lowered and drawn together."]
    assert cue.describe(percepts(found.since(second.start)), [second]) == texts[1:]


def test_cues_can_have_other_names():
    cue = MeasuredCaption(MeasuredCaption.Config(faces="people", speech="voices"))
    assert cue.needs == {"faces": "people", "frames": "frames", "waveform": "waveform", "speech": "voices"}


def test_the_table_fits_the_signals():
    signals = read_signals(faces())
    assert len(BLENDSHAPES) == 52
    for rule in rules.RULES:
        for measure in rule.measures:
            assert list(measure.steps) in (sorted(measure.steps), sorted(measure.steps, reverse=True))
            assert measure.level(signals) == 0 or rule.together, measure
        if rule.one_side:
            assert {f"{rule.one_side[0]}Left", f"{rule.one_side[0]}Right"} <= signals.keys()


EMOTIONS = (
    "ang", "rage", "furi", "disgust", "contempt", "fear", "afraid", "scare", "anxi", "worr", "happ", "joy", "cheer",
    "sad", "sorrow", "grie", "surpris", "astonish", "amaze", "shock", "neutral", "calm", "upset", "emotion", "excit",
    "bored", "pain", "tense", "nervous", "friendly", "pleas", "love", "hate", "delight", "sneer", "frown",
)  # fmt: skip


def written(module):
    """Every string in a module but its documentation."""
    nodes = list(ast.walk(ast.parse(inspect.getsource(module))))
    documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {node.value for node in texts if id(node) not in documentation}


def test_no_phrase_names_an_emotion():
    phrases = set().union(*(written(module) for module in (rules, face, head, scene, voice)))
    assert {"a broad smile", "nobody in view", "dim light", "no speech", "face at rest"} <= phrases
    words = {word for phrase in phrases for word in re.findall("[a-z]+", phrase.lower())}
    roots = {*EMOTIONS, *(name.lower() for name in EXPRESSION.labels.names if name != "Other")}
    assert not {word for word in words for root in roots if word.startswith(root)}

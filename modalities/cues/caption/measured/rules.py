"""The table of what a face may show: which signals, from which value on, in which words.

Thresholds lie above what faces at rest measure, for blendshapes have offsets: of frames without expression (the demo
corpus; films of two actors who speak neutrally) 9 in 10 have a squint below 0.66 and a smile below 0.32, and brows,
raised while speaking, up to 0.7. No phrase names an emotion: what a movement means is for a head to learn.
"""

from __future__ import annotations

from modalities.cues.caption.measured.rule import Measure, Rule

BROWS = (
    Rule(
        ("slightly raised eyebrows", "raised eyebrows", "strongly raised eyebrows"),
        (Measure("browUp", (0.3, 0.5, 0.75)),),
        "the eyebrows rise",
        "the eyebrows sink",
        one_side=("browOuterUp", "one eyebrow higher than the other"),
    ),
    Rule(
        ("inner ends of the eyebrows slightly raised", "inner ends of the eyebrows raised",
         "inner ends of the eyebrows strongly raised"),
        (Measure("browInnerAlone", (0.15, 0.3, 0.5)), Measure("browSlope", (0.115, 0.125, 0.14))),
    ),
    Rule(
        ("outer ends of the eyebrows slightly raised", "outer ends of the eyebrows raised",
         "outer ends of the eyebrows strongly raised"),
        (Measure("browOuterAlone", (0.25, 0.4, 0.6)),),
    ),
    Rule(
        ("slightly lowered eyebrows", "eyebrows lowered and drawn together",
         "eyebrows strongly lowered and drawn together"),
        (Measure("browDown", (0.08, 0.2, 0.4)), Measure("browHeight", (0.24, 0.225, 0.205))),
        "the eyebrows are drawn down",
        "the eyebrows relax",
    ),
)  # fmt: skip
EYES = (
    Rule(
        ("widened eyes", "wide-open eyes", "eyes opened very wide"),
        (Measure("eyeWide", (0.08, 0.18, 0.35)), Measure("eyeOpening", (0.135, 0.15, 0.165))),
        "the eyes widen",
    ),
    Rule(
        ("slightly narrowed eyes", "narrowed eyes", "eyes narrowed to slits"),
        (Measure("eyeSquint", (0.55, 0.68, 0.85)),),
        "the eyes narrow",
    ),
    Rule(
        ("drooping eyelids", "half-closed eyes", "closed eyes"),
        (Measure("eyeBlink", (0.3, 0.42, 0.55)),),
        "the eyes close",
        "the eyes open",
    ),
    Rule(("gaze lowered", "looking down", "looking far down"), (Measure("eyeLookDown", (0.4, 0.55, 0.75)),)),
    Rule(("gaze raised", "looking up", "looking far up"), (Measure("eyeLookUp", (0.3, 0.45, 0.65)),)),
    Rule(("gaze a little aside", "looking aside", "looking far aside"), (Measure("eyeLookAside", (0.4, 0.5, 0.7)),)),
)
NOSE_AND_CHEEKS = (
    Rule(
        ("slightly wrinkled nose", "wrinkled nose", "strongly wrinkled nose"),
        (Measure("browSlope", (0.078, 0.072, 0.062)), Measure("mouthUpperUp", (0.08, 0.15, 0.25))),
        "the nose wrinkles",
        together=True,
    ),
    Rule(
        ("slightly raised cheeks", "raised cheeks", "strongly raised cheeks"),
        (Measure("mouthSmile", (0.3, 0.5, 0.7)), Measure("eyeSquint", (0.4, 0.5, 0.65))),
        together=True,
    ),
)
MOUTH = (
    Rule(
        ("a hint of a smile", "a smile", "a broad smile"),
        (Measure("mouthSmile", (0.25, 0.45, 0.7)),),
        "a smile appears",
        "the smile fades",
        one_side=("mouthSmile", "one corner of the mouth pulled up more"),
    ),
    Rule(
        ("corners of the mouth slightly down", "corners of the mouth pulled down",
         "corners of the mouth strongly pulled down"),
        (Measure("mouthFrown", (0.05, 0.15, 0.35)), Measure("cornerLiftUnsmiling", (-0.015, -0.026, -0.04))),
        "the corners of the mouth drop",
        one_side=("mouthFrown", "one corner of the mouth pulled down more"),
    ),
    Rule(
        ("corners of the mouth slightly tightened", "corners of the mouth tightened",
         "corners of the mouth strongly tightened"),
        (Measure("mouthDimple", (0.15, 0.3, 0.5)),),
        one_side=("mouthDimple", "one corner of the mouth tightened more"),
    ),
    Rule(
        ("lips lightly pressed", "lips pressed together", "lips pressed tightly together"),
        (Measure("mouthRoll", (0.06, 0.14, 0.25)), Measure("lipGap", (0.12, 0.1, 0.08))),
        "the lips are pressed together",
        together=True,
    ),
    Rule(
        ("slightly pursed lips", "pursed lips", "puckered lips"),
        (Measure("mouthPucker", (0.15, 0.4, 0.7)), Measure("mouthWidth", (0.5, 0.465, 0.43))),
    ),
    Rule(
        ("lips slightly stretched sideways", "lips stretched sideways", "lips strongly stretched sideways"),
        (Measure("mouthStretch", (0.1, 0.2, 0.4)), Measure("mouthWidthUnsmiling", (0.635, 0.665, 0.7))),
    ),
    Rule(
        ("upper lip slightly raised", "raised upper lip", "strongly raised upper lip"),
        (Measure("mouthUpperUp", (0.15, 0.35, 0.55)), Measure("lipToNose", (0.12, 0.105, 0.09))),
        one_side=("mouthUpperUp", "upper lip raised on one side"),
    ),
    Rule(("chin slightly pushed up", "chin pushed up", "chin strongly pushed up"),
         (Measure("mouthShrugLower", (0.2, 0.35, 0.5)),)),
    Rule(("lower lip slightly drawn down", "lower lip drawn down", "lower lip strongly drawn down"),
         (Measure("mouthLowerDown", (0.15, 0.3, 0.5)),)),
    Rule(
        ("lips parted", "open mouth", "wide-open mouth"),
        (Measure("lipGap", (0.07, 0.15, 0.24)),),
        "the mouth opens",
        "the mouth closes",
    ),
    Rule(("jaw slightly lowered", "lowered jaw", "dropped jaw"), (Measure("jawOpen", (0.15, 0.28, 0.5)),)),
)  # fmt: skip
RULES: tuple[Rule, ...] = BROWS + EYES + NOSE_AND_CHEEKS + MOUTH

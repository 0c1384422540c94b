"""Every part of torch computes wherever its weights are, with the answers of the processor; no GPU is needed here.

What would fail on a GPU (tensors of the processor beside those of another device) fails on `tests/distant.py` too.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from ensemble.host import Host
from ensemble.plan import EnsembleSettings, Plan
from ensemble.recognizer import Recognizer
from modalities.assets import AssetError
from modalities.catalog import ENCODERS, HEADS, find
from modalities.cues.transcript.parakeet import Parakeet
from modalities.cues.transcript.whisper import Whisper
from modalities.device import CHOICES, VARIABLE, DeviceError, bring, device, place_of
from modalities.encoders.backbone import Backbone
from modalities.encoders.clip import Clip
from modalities.heads.attention import AttentionHead
from modalities.heads.matching import MatchHead
from modalities.installation import inspect
from modalities.types import Encoding, Segment
from tests.checks.heads import Batch, is_trained
from tests.distant import DISTANT, Distant, distance
from tests.makers import batch_for, make_head, modality_over_toys
from tests.modalities.test_real_encoders import KINDS, save, something, tiny
from tuning.calibration import calibrate
from tuning.fit import Data, FitSettings, Held, fit
from tuning.objectives import HeadObjective
from twofold import app

pytestmark = [
    pytest.mark.slow,
    # Torch says so of every tensor that is copied to the name of the device; here, it is copied all the same.
    pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter:UserWarning"),
]
PLACES = (torch.device("cpu"), DISTANT)


def here_and_there(ask):
    """What `ask` says when everything is on the processor, and elsewhere."""
    here = ask(PLACES[0])
    with distance():
        there = ask(DISTANT)
    return here, there


def assert_alike(here, there):
    assert here.keys() == there.keys()
    for name, values in here.items():
        assert type(there[name]) is torch.Tensor
        assert torch.allclose(values, there[name], rtol=1e-4, atol=1e-5), name


def brought(batch, place):
    return batch.steps.to(place), batch.mask.to(place), batch.times.to(place)


def answers(head, batch, place):
    """Everything that a head says in training and after it, and what it learns, on the processor."""
    head = head.to(place).train()
    torch.manual_seed(0)
    steps, mask, times = brought(batch, place)
    learnt = head(head.augment(steps, mask, torch.default_generator), mask, times)
    said = [*learnt.logits.values(), *learnt.uncertainty.values()]
    assert all(values.device == place for values in said)
    if is_trained(head):
        sum(values.square().sum() for values in said).backward()
    found = {f"{task} in training": values.detach() for task, values in learnt.logits.items()}
    found |= {f"{name} learns": weight.grad for name, weight in head.named_parameters() if weight.grad is not None}
    head.eval()
    with torch.no_grad():
        answer = head(steps, mask, times)
        found |= {"features": answer.features, **head.scores(answer)}
    head.standardise_by(steps, mask)
    found |= dict(head.named_buffers())
    return {name: values.cpu() for name, values in found.items()}


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_answers_and_learns_elsewhere(kind):
    assert_alike(*here_and_there(lambda place: answers(make_head(kind), batch_for(kind), place)))


class Forgetful(AttentionHead):
    """Makes a tensor in passing, and forgets to say where."""

    def forward(self, steps, mask, times):
        return super().forward(steps + torch.zeros(steps.shape[1:]), mask, times)


def test_a_head_that_makes_its_own_tensors_here_is_found():
    head = Forgetful(make_head("attention").config)
    answers(head, batch_for("attention"), PLACES[0])
    with distance(), pytest.raises(RuntimeError, match="tensors of the processor"):
        answers(head, batch_for("attention"), DISTANT)
    with distance(), pytest.raises((RuntimeError, TypeError)):
        torch.zeros(3).to(DISTANT).numpy()


# ------------------------------------------------------------------------------------------------ encoders, backbones


def raw(kind):
    """Raw steps of what an encoder perceives, with holes."""
    if kind == "sound":
        batch = Batch.draw(320, steps=9)
    elif kind == "text":
        batch = Batch.draw(1)
        batch = Batch(torch.randint(4, 200, batch.steps.shape), batch.mask, batch.times)
    else:
        batch = Batch.pixels(64).take([1, 5])
    return batch.filled(0)


@pytest.mark.parametrize("kind", [kind for kind in ENCODERS if issubclass(find(kind, ENCODERS), Backbone)])
def test_a_backbone_takes_its_steps_elsewhere(kind):
    if kind == "minilm":
        pytest.skip("the same class as `sentence`, but of an asset that may not be here")
    encoder = tiny(kind)
    network, batch = tiny(kind).release().network.eval(), raw(encoder.kind)

    def ask(place):
        hidden, there = encoder.steps(network.to(place), batch.steps.to(place), batch.mask.to(place))
        assert hidden.device == there.device == place
        return {"hidden": hidden.detach().cpu(), "there": there.cpu().float()}

    assert_alike(*here_and_there(ask))


@pytest.mark.parametrize("kind", KINDS)
def test_a_frozen_encoder_encodes_elsewhere(kind):
    encoder = tiny(kind)
    network = encoder.loaded.network if isinstance(encoder, Clip) else encoder.network
    assert place_of(network) == device()

    def ask(place):
        network.to(place)
        return encoder.encode(something(encoder))

    here, there = here_and_there(ask)
    assert type(there) is np.ndarray
    assert there == pytest.approx(here, abs=1e-5)


SOUND = (np.sin(np.arange(20_000) / 9) * np.linspace(0, 0.4, 20_000)).astype(np.float32)


RECOGNISERS = [
    (Whisper, {"languages": ("en", "de", "es", "fr", "zh")}),
    (Parakeet, {"decoder": "tdt"}),
    (Parakeet, {"decoder": "ctc"}),
]


@pytest.mark.parametrize(("part", "settings"), RECOGNISERS)
def test_a_recogniser_listens_elsewhere(part, settings):
    cue = part(part.Config(preset="tiny", most_doubt=1000.0, **settings))

    def ask(place):
        cue._network[0].to(place)
        return [(word.text, word.when) for word in cue.recognise(SOUND).words]

    here, there = here_and_there(ask)
    assert here == there != []


# ------------------------------------------------------------------------------------------------ fitting, judging


def rows(head, count=24):
    """Labelled rows for every task of a head."""
    draw = torch.Generator().manual_seed(5)
    shape = (count, 4, *batch_for(head.name).steps.shape[2:])
    steps = torch.randn(shape, generator=draw) if len(shape) == 3 else torch.randint(0, 256, shape).to(torch.uint8)
    columns = {
        "steps": steps,
        "mask": torch.rand(count, 4, generator=draw) > 0.2,
        "times": torch.arange(4).expand(count, 4),
    }
    for task, labels in head.speaks.items():
        scores = torch.rand(count, len(labels), generator=draw)
        columns[task] = scores.round() if head.config.kinds[task] == "independent" else scores.softmax(-1)
    return Held(columns, tuple(head.speaks))


@pytest.mark.parametrize(("kind", "settings"), [("attention", {"mixup": 0.3, "jitter": 0.1, "ema": 0.9}),
                                                ("uncertain", {"loss": "focal", "schedule": "plateau"}),
                                                ("mamba", {"balance": "class", "accumulate": 2}),
                                                ("clip", {"unfreeze": {0: ["network"]}, "cutmix": 0.5})])  # fmt: skip
def test_a_part_is_fitted_where_it_is_and_goes_on_anywhere(kind, settings):
    wanted = FitSettings.model_validate({"epochs": 3, "batch": 12, **settings})

    def ask(place):
        torch.manual_seed(1)
        head = make_head(kind)
        head.reset()
        head.to(place)
        data = rows(head)
        states = []
        objective = HeadObjective(head, data, wanted)
        first = fit(head, objective, Data(data, data), wanted, seed=3, report=lambda told: states.append(told.state()))
        fitted = {name: torch.from_numpy(value) for name, value in head.state().items() if value.dtype.kind == "f"}
        assert place_of(head) == place
        moved = torch.utils._pytree.tree_map_only(Distant, Distant.cpu, states[0])
        again = fit(head, objective, Data(data, data), wanted, seed=3, resume=moved)
        assert again == pytest.approx(first, abs=1e-6)
        temperatures = calibrate(head, data)
        return {"score": torch.tensor(first), "temperatures": torch.tensor(list(temperatures.values())), **fitted}

    here, there = here_and_there(ask)
    assert here.keys() == there.keys()
    for name, values in here.items():
        assert torch.allclose(values, there[name], atol=2e-3), name


def test_a_modality_judges_where_the_head_is():
    make, subject = modality_over_toys("audio")
    modality = make()
    encoding = modality.encode(subject.percepts, subject.segments)
    about = {**make_head("uncertain").config.model_dump(), "width": modality.encoder.width}
    head = find("uncertain", HEADS)(find("uncertain", HEADS).Config.model_validate(about))
    here, there = here_and_there(lambda place: modality.judge(encoding, head.to(place)))
    assert type(there.features) is np.ndarray
    assert there.features == pytest.approx(here.features, abs=1e-5)
    for task, said in here.scores.items():
        assert there.scores[task].values == pytest.approx(said.values, abs=1e-5)
        assert (said.uncertainty is None) == (there.scores[task].uncertainty is None)


def test_a_head_that_reads_texts_compares_elsewhere_and_remembers_nothing_of_where_it_was():
    head = make_head("match")
    assert isinstance(head, MatchHead)
    features = np.eye(2, 32, dtype=np.float32)

    def ask(place):
        return head.to(place).compare(features, ["a person crying", "a dog"])

    here, there = here_and_there(ask)
    assert there == pytest.approx(here, abs=1e-6)


def test_a_host_and_a_recognizer_put_heads_on_the_device_of_the_process():
    audio = {
        "kind": "audio",
        "settings": {"encoder": {"kind": "tests.toys:Loudness"}},
        "heads": {"a": {"kind": "mean"}},
    }
    cues = {"speech": {"kind": "tests.toys:Tones"}}
    plan = Plan.of(EnsembleSettings.model_validate({"cues": cues, "modalities": {"audio": audio}}))
    assert all(head.place == device() for head in Recognizer(plan).plan.heads.values())
    encoding = Encoding.of(
        [Segment(0, 9)], [np.ones((2, 3), np.float32)], [np.arange(2)], like=np.ones((0, 3), np.float32)
    )
    if encoding.steps.shape[2] == plan.modalities["audio"].encoder.width:
        assert Host(plan, "audio").judge({"audio.a": encoding})["audio.a"].scores


# ------------------------------------------------------------------------------------------------------ which device


def chosen(wish, monkeypatch):
    monkeypatch.setenv(VARIABLE, wish)
    return device.__wrapped__()  # what is remembered is the process's own


def test_the_processor_can_be_asked_for_and_is_what_there_is_without_a_gpu(monkeypatch):
    assert chosen("cpu", monkeypatch) == torch.device("cpu")
    found = chosen("auto", monkeypatch)
    assert found.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert chosen("", monkeypatch) == found


def test_a_device_that_nobody_knows_is_refused(monkeypatch):
    with pytest.raises(
        DeviceError, match=f"{VARIABLE} is 'gpu', but it can only be {', '.join(CHOICES)}; set it to one"
    ):
        chosen("gpu", monkeypatch)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    with pytest.raises(DeviceError, match=r"is cuda, but torch .* finds no GPU here; see `nvidia-smi`, or set"):
        chosen("cuda", monkeypatch)


def test_the_command_line_chooses_the_device_and_doctor_names_it():
    told = {finding.name: finding for finding in inspect()}["device"]
    assert (told.found, told.remedy) == (str(device()), "")
    without = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "twofold", "--device", "cuda", "doctor"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, env=without)
    assert refused.returncode == 1
    assert "finds no GPU here" in refused.stdout
    assert CliRunner().invoke(app, ["--device", "gpu", "doctor"]).exit_code == 2


def test_a_batch_is_moved_only_where_it_is_not_there_yet():
    layer, column = torch.nn.Linear(2, 2), torch.zeros(3)
    assert bring({"one": column}, layer)["one"] is column
    with distance():
        assert bring({"one": column}, layer.to(DISTANT))["one"].device == DISTANT
    assert place_of(torch.nn.Identity()) == torch.device("cpu")


# ------------------------------------------------------------------------- a plan is made without the weights it names


@pytest.mark.parametrize(("modality", "kind"), [("audio", "wavlm"), ("text", "roberta"), ("text", "sentence"),
                                                ("face", "vitmae"), ("face", "clip_image")])  # fmt: skip
def test_a_plan_reads_no_weights(modality, kind, tmp_path):
    save(tiny(kind), tmp_path / "model")
    for file in (tmp_path / "model").rglob("*.safetensors"):
        file.write_bytes(b"a download that was cut off")
    cues = {"speech": {"kind": "tests.toys:Tones"}, "faces": {"kind": "tests.toys:Marks"},
            "transcript": {"kind": "tests.toys:Pitch"}}  # fmt: skip
    chosen = {"encoder": {"kind": kind, "name": str(tmp_path / "model")}}
    settings = {"kind": modality, "settings": chosen, "heads": {"one": {"kind": "attention"}}}
    plan = Plan.of(EnsembleSettings.model_validate({"cues": cues, "modalities": {"it": settings}}))
    encoder = plan.modalities["it"].encoder
    assert plan.heads["it.one"].config.width == encoder.width == tiny(kind).width
    with pytest.raises(
        AssetError, match=r"the weights in .*model cannot be read \(.*\); fetch or save the model again"
    ):
        encoder.encode(something(encoder))

"""Where models are looked for; the hub is a small server of the test's own, asked by the hub's real client."""

import hashlib
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from modalities.assets import AssetError, MissingAsset
from modalities.catalog import ENCODERS, find
from modalities.pretrained import KNOWN, Pretrained, seeded

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ROOT = Path(__file__).resolve().parent.parent.parent
LOOK = """
import sys
from modalities.pretrained import Pretrained
for name in sys.argv[1:]:
    try:
        print(Pretrained(name=name).folder())
    except RuntimeError as error:
        print(f"{type(error).__name__}: {error}")
"""


def look(names, home, **env):
    """Look for models in another process, since the hub's client reads its settings when it is imported."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TWOFOLD_OFFLINE"))}
    run = subprocess.run(
        [sys.executable, "-c", LOOK, *names], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**inherited, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", **env},
    )  # fmt: skip
    return run.stdout.splitlines()


class Answer(BaseHTTPRequestHandler):
    """The hub's protocol, for one model: `me/tiny`."""

    def do_GET(self):
        self.server.asked.append(self.path)
        found = self.answer(self.path.partition("?")[0])
        body = found or b"{}"
        self.send_response(404 if found is None else 200)
        if found is None:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def answer(self, path):
        files = self.server.files
        if path == "/api/models/me/tiny/revision/main":
            return json.dumps({"id": "me/tiny", "sha": COMMIT, "siblings": [{"rfilename": n} for n in files]}).encode()
        if path == f"/api/models/me/tiny/tree/{COMMIT}":
            tree = [{"type": "file", "path": n, "size": len(body), "oid": n} for n, body in files.items()]
            return json.dumps(tree).encode()
        return files.get(path.removeprefix(f"/me/tiny/resolve/{COMMIT}/"))

    def log_message(self, *_):
        pass


@contextmanager
def hub(files):
    """Serve a model of these files; yields the address, and the paths that are asked for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.files, server.asked = files, []
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.asked
    finally:
        server.shutdown()
        server.server_close()


def model(folder):
    """Write the smallest model: settings, and one weight."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    save_file({"weight": torch.arange(4.0)}, folder / "model.safetensors")
    return folder


@pytest.mark.slow
def test_models_come_from_the_hub_once_and_a_missing_one_is_told_in_a_sentence(tmp_path):
    source, home = model(tmp_path / "source"), tmp_path / "home"
    files = {path.name: path.read_bytes() for path in source.iterdir()}
    names = ("microsoft/wavlm-base-plus-sd", "emoaffectnet", "no/such/folder")
    with hub({**files, "pytorch_model.bin": b"pickled", "modeling_tiny.py": b"raise SystemExit"}) as (address, asked):
        place, again, other = look(["me/tiny", "me/tiny", "me/other"], home, HF_ENDPOINT=address)
        online, asked[:] = list(asked), []
        offline, wavlm, faces, folder = look(["me/tiny", *names], home, HF_ENDPOINT=address, TWOFOLD_OFFLINE="1")
        assert not asked, "offline, nobody is asked"
    assert {path.name: path.read_bytes() for path in Path(place).iterdir()} == files, "no pickle and no code"
    assert sum(path.startswith("/api/models/me/tiny/revision") for path in online) == 1, "what is cached is not asked"
    assert not any("pytorch_model.bin" in path for path in online)
    assert place == again == offline
    assert other.startswith("MissingAsset: the model me/other (of unknown size, licence unknown) is not in")
    assert address in other
    assert wavlm.startswith("MissingAsset: the model microsoft/wavlm-base-plus-sd (about 378 MB, licence CC-BY-SA-3.0)")
    assert "TWOFOLD_OFFLINE is set" in wavlm
    assert f"hf download microsoft/wavlm-base-plus-sd --revision {KNOWN[names[0]].revision}" in wavlm
    assert "licence scientific use only" in faces
    assert "python -m modalities.encoders.emoaffectnet" in faces
    assert folder.startswith("MissingAsset: there is no folder no/such/folder")


def test_a_folder_is_taken_as_it_is_and_must_hold_safetensors(tmp_path):
    assert Pretrained(name=str(model(tmp_path / "whole"))).folder() == tmp_path / "whole"
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"pickled")
    with pytest.raises(AssetError, match="has no safetensors"):
        Pretrained(name=str(tmp_path / "pickled")).folder()


def test_a_name_that_is_no_name_is_told():
    with pytest.raises(MissingAsset, match="there is no folder /no/such/place"):
        Pretrained(name="/no/such/place").folder()


def test_an_origin_says_licence_and_revision():
    jina = Pretrained(name="jinaai/jina-embeddings-v3").origin
    assert (jina.licence, jina.commercial) == ("CC-BY-NC-4.0", False)
    assert Pretrained(name="microsoft/wavlm-base-plus-sd").origin.revision
    assert Pretrained(name="microsoft/wavlm-base-plus-sd", revision="main").origin.revision == "main"
    assert not Pretrained(name="a/stranger").origin.commercial
    assert Pretrained(name="a/stranger", preset="tiny").origin.commercial


def test_every_default_is_known():
    defaults = [find(kind, ENCODERS).Config() for kind in ENCODERS]
    names = {config.name for config in defaults if isinstance(config, Pretrained)}
    assert names
    assert names <= KNOWN.keys()


def test_there_is_one_preset():
    with pytest.raises(ValidationError, match="preset"):
        Pretrained(name="x", preset="huge")


def test_random_weights_are_the_same_and_disturb_nobody():
    torch.manual_seed(3)
    undisturbed = torch.rand(2)
    torch.manual_seed(3)
    one = seeded(lambda: torch.nn.Linear(3, 2))
    assert torch.equal(torch.rand(2), undisturbed)
    other = seeded(lambda: torch.nn.Linear(3, 2))
    assert torch.equal(one.weight, other.weight)
    assert not one.training
    assert not one.weight.requires_grad

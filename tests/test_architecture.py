"""What the layout promises and import-linter cannot say (its contracts run beside this, in `make test`)."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
VOCABULARY = ("modalities.labels", "modalities.types", "modalities.config", "modalities.assets")
REGISTRY = re.compile(r"https?://[^\s\"']*/(?:simple|whl)/")
MADE = {".git", ".venv", "__pycache__", "runs", "out"}


def is_modality(tree):
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return any(isinstance(base, ast.Name) and base.id == "Modality" for one in classes for base in one.bases)


def imported(tree):
    """Every dotted name that a module imports, wherever in it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_no_modality_imports_another():
    trees = {f"modalities.{path.stem}": ast.parse(path.read_text()) for path in (ROOT / "modalities").glob("*.py")}
    modalities = {name for name, tree in trees.items() if is_modality(tree)}
    assert modalities >= {"modalities.face", "modalities.audio", "modalities.text"}
    assert {name: imported(trees[name]) & modalities - {name} for name in modalities} == {m: set() for m in modalities}


def test_an_import_is_seen_in_every_form():
    forms = ("import modalities.face", "from modalities.face import Face", "def f():\n from modalities import face")
    assert all("modalities.face" in imported(ast.parse(form)) for form in forms)


@pytest.mark.parametrize("module", VOCABULARY)
def test_the_vocabulary_needs_neither_torch_nor_ray(module):
    program = f"import sys, {module}; print(sorted({{'torch', 'ray', 'numpy'}} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() in ("[]", "['numpy']")


def own_files():
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [name for name in inner if name not in MADE and not name.endswith("_cache")]
        yield from (Path(folder, name) for name in names)


def test_no_file_names_a_registry():
    files = list(own_files())
    assert ROOT / "constraints.txt" in files
    assert ROOT / ".ci" / "run" in files
    named = [str(path) for path in files if REGISTRY.search(path.read_text(errors="ignore"))]
    assert named == []
    assert REGISTRY.search("--index-url " + "https://packages.example" + "/simple/")

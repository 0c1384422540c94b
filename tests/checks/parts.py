"""What every part must do. Each check takes a part, a question that can be asked of it, and an empty folder."""

import json

import pytest
from pydantic import ValidationError

from modalities.part import SETTINGS_FILE
from tests.checks.alike import assert_alike


def check_answers_alike_when_loaded(part, ask, folder):
    """A part that was saved and loaded gives the same answer, bit for bit."""
    part.save(folder)
    assert_alike(ask(part), ask(type(part).load(folder)), why="loaded")


def check_refuses_the_folder_of_another_part(part, ask, folder):
    """A folder that holds another part is refused, and both are named."""
    part.save(folder)
    _rewrite(folder, name="somebody")
    with pytest.raises(ValueError, match=rf"somebody.*{part.name}"):
        type(part).load(folder)


def check_refuses_other_labels(part, ask, folder):
    """Weights that were made for the same labels in another order are refused."""
    part.save(folder)
    labels = {task: list(reversed(tuple(names))) for task, names in part.speaks.items()} or {"mood": ["good", "bad"]}
    _rewrite(folder, labels=labels)
    with pytest.raises(ValueError, match="labels"):
        type(part).load(folder)


def check_is_strict_about_settings(part, ask, folder):
    """A setting that does not exist is an error, and none changes after construction."""
    with pytest.raises(ValidationError, match="no_such_setting"):
        part.Config.model_validate({**part.config.model_dump(), "no_such_setting": 1})
    with pytest.raises(ValidationError, match="frozen"):
        part.config.name = "else"


def check_says_what_it_is(part, ask, folder):
    """It has a name and a licence, and a class docstring."""
    assert part.name
    assert part.licence
    assert type(part).__doc__


CHECKS = (
    check_answers_alike_when_loaded,
    check_refuses_the_folder_of_another_part,
    check_refuses_other_labels,
    check_is_strict_about_settings,
    check_says_what_it_is,
)


def _rewrite(folder, **changes):
    path = folder / SETTINGS_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

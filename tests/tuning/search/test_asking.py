"""What a search takes for itself, and what it leaves alone: folders and studies of other searches."""

from __future__ import annotations

import optuna
import pytest

from tests.tuning import tiny
from tuning.search.asking import Asking, check_storage, claim, claim_study, refuse
from tuning.search.error import SearchError

NAME = "tiny.ensemble"


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'studies.db'}"


def begin(storage, trials):
    study = optuna.create_study(storage=storage, study_name=NAME)
    for number in range(trials):
        study.tell(study.ask(), number)
    study.ask()  # one that was killed


def test_a_study_of_another_search_is_left_alone(storage):
    begin(storage, trials=2)
    for resume in (False, True):
        with pytest.raises(SearchError, match=f"holds the study {NAME} of an earlier search; give another database"):
            claim_study(Asking(1, storage, resume=resume), NAME)
    assert len(optuna.load_study(study_name=NAME, storage=storage).trials) == 3


def test_a_study_that_was_killed_before_its_first_trial_ended_begins_again(storage):
    begin(storage, trials=0)
    claim_study(Asking(1, storage, resume=True), NAME)
    assert optuna.study.get_all_study_names(storage) == []
    claim_study(Asking(1, storage), NAME)
    claim_study(Asking(1, None), NAME)


def test_a_folder_is_claimed_by_what_is_searched_not_by_what_the_winner_keeps(tmp_path):
    recipe = tiny.recipe()
    claim(tmp_path, recipe, "clips", resume=False)
    cheaper = recipe.model_copy(update={"tune": recipe.tune.model_copy(update={"limits": {"members": 1}})})
    claim(tmp_path, cheaper, "clips", resume=True)
    for other, data in ((recipe.model_copy(update={"seed": 8}), "clips"), (recipe, "others")):
        with pytest.raises(SearchError, match="holds another search"):
            claim(tmp_path, other, data, resume=True)
    with pytest.raises(SearchError, match="holds a search already; go on with --resume, or give another --out"):
        refuse(tmp_path, resume=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(SearchError, match="is a file, but a search writes a folder"):
        refuse(tmp_path / "file", resume=True)


@pytest.mark.parametrize("url", ["nonsense://nowhere", "nonsense", "sqlite:////nowhere/at/all.db"])
def test_a_storage_that_cannot_be_opened_is_one_sentence(url):
    with pytest.raises(
        SearchError, match=r"^--storage .* cannot be opened \(.*\); give a database as sqlite"
    ) as raised:
        check_storage(url)
    assert "\n" not in str(raised.value)

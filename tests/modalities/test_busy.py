import pytest

import twofold
from modalities.busy import BusyError, started

SLOW = Exception("The current node timed out during startup. This could happen because …")


def starting(*problems: Exception | None):
    """Something that meets one problem after the other; None is success."""
    left = list(problems)

    def start() -> int:
        if (problem := left.pop(0)) is not None:
            raise problem
        return len(left)

    return start


def test_who_was_too_slow_is_asked_again() -> None:
    assert started(starting(SLOW, SLOW, None, SLOW)) == 1


def test_whatever_else_is_wrong_is_not_repeated() -> None:
    with pytest.raises(OSError, match="no space"):
        started(starting(OSError("no space"), None))


def test_what_is_too_slow_every_time_is_one_sentence() -> None:
    with pytest.raises(BusyError, match="did not start on this machine in 3 tries") as raised:
        started(starting(SLOW, SLOW, SLOW, None), tries=3)
    assert twofold.exit_code(raised.value) == 1

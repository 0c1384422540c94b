"""One bundle of toys, and one conductor of it, for all who serve."""

import pytest

from ensemble import bundle as bundles
from serve.graph.conductor import Conductor
from tests import toys


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "toys"
    folder.mkdir()
    bundles.save(toys.plan(), folder)
    return folder


@pytest.fixture(scope="session")
def conductor(bundle):
    made = Conductor.load(bundle)
    yield made
    made.close()

"""Servers that do jobs."""

import pytest

from tests.serve.jobs.served import serving


@pytest.fixture
def start(tmp_path):
    """Start a server on the folder of this test."""
    return lambda http=None, **settings: serving(tmp_path / "serve", http=http, **settings)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A server for tests that leave nothing behind."""
    with serving(tmp_path_factory.mktemp("serve"), http={"callbacks": ["hooks.example.com"]}) as running:
        yield running

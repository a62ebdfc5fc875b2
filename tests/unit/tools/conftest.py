"""One key pair for all tests of a worker: it takes some seconds to make."""
import pytest

from firmware import World, copy_keys, sign


@pytest.fixture(scope="session")
def made_keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "keys"
    sign("keygen", folder)
    return folder


@pytest.fixture
def keys(made_keys, tmp_path):
    return copy_keys(made_keys, tmp_path / "keys")


@pytest.fixture
def world(tmp_path, keys):
    return World(tmp_path, keys)

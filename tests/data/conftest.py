import pytest

from tests.data import track_folder


@pytest.fixture
def track_root(tmp_path):
    """A set of six good tracks."""
    return track_folder.write_set(tmp_path / "train")

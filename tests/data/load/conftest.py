"""What the tests of `load_dataset` have in common: no data set but the test's own."""

import pytest

from digitlab.errors import DownloadError


@pytest.fixture(autouse=True)
def nowhere_to_fetch_from(monkeypatch):
    """No set beside the user's own, and no network."""

    def fail(known, folder, **_):
        raise DownloadError(f"{known.name} could be had from no mirror", hint="there is no network in this test")

    monkeypatch.setattr("digitlab.data.load.fetch", fail)
    monkeypatch.delenv("DIGITLAB_DATA", raising=False)

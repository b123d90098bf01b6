"""Every test has a cache of its own."""

import pytest

from tests.data.store.toy import made


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path))
    made.clear()
    return tmp_path

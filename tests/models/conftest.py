"""What tests of several models ask for."""

import pytest

from avlib.models.fusion import TAPS


@pytest.fixture(params=TAPS)
def tap(request):
    """The name of each tap in turn."""
    return request.param

"""Why this exists: every table here runs against the oracle first and against the C core second.

A table that the oracle fails is wrong about the standard; one that only the core fails has found a bug.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.model.secy import SecY


@pytest.fixture(params=["oracle", "core"])
def new_secy(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Make a SecY from (sci, suite, config): the model's, or pysec's with the model's face."""
    if request.param == "oracle":
        return SecY
    from tests.model.subject import NativeSecY

    return NativeSecY

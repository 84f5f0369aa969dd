"""A pytest plugin: the fixture `coze_emulator`, a fresh local Coze for each test.

Installed with coze-bridge; nothing has to be registered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from coze_core.emulator import Emulator


@pytest.fixture
def coze_emulator() -> Iterator[Emulator]:
    """A started emulator; see `coze_core.emulator.Emulator`."""
    # Here and not above: pytest loads every plugin at every start.
    from coze_core.emulator import Emulator

    with Emulator() as emulator:
        yield emulator

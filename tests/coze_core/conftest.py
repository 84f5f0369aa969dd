"""Fixtures for the tests of the core."""

import gc

import pytest

from coze_core._desk import DESK


@pytest.fixture
def conversation(client):
    return client.conversations.create().id


@pytest.fixture
def no_turn_is_left():
    """Fails if somebody still waits for a conversation, or has one, when the test is over."""
    yield
    gc.collect()
    assert DESK.queues == 0
    assert not DESK._leases

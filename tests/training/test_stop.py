"""Signals ask a run to stop; they do not kill it."""

import os
import signal

import pytest

from lpasrn_jax.training.stop import StopRequest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_remembered(number):
    with StopRequest() as stop:
        assert not stop.at(1)
        os.kill(os.getpid(), number)
        assert stop.at(2)


@pytest.fixture
def interruptible():
    """Python's own answer to SIGINT: a shell's background job is started with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_second_signal_acts_as_usual(interruptible):
    with StopRequest():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before

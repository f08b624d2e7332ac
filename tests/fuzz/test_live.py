"""Clients and servers with somebody between them who changes what they say: every call ends, and the server lives."""

from __future__ import annotations

import contextlib
import itertools
import logging
import socket
import threading

import pytest

from tests.fuzz import corpus
from tests.fuzz.ends import check_frames
from tests.fuzz.live import RUNNERS, ward
from tests.fuzz.recording import ECHO, SECRET
from tests.fuzz.relay import Said
from weaverlab.transport import SyncPool
from weaverlab.transport.sockets import connect
from weaverlab.wire import Mode

TIMEOUT_S = 5.0
TRIALS = 250
SERVER_EVERY = 197  # of the mutants of what a client says; a prime


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(Mode))
def test_calls_through_a_relay_that_changes_frames_end_and_others_are_served(mode: Mode) -> None:
    threads_before = threading.active_count()
    with ward() as here:
        outcomes = RUNNERS[mode](here, iter(range(TRIALS)))
        pool = SyncPool(here.address, SECRET)
        assert pool.call(ECHO, "still there", TIMEOUT_S).ok
        pool.close()

    assert threading.active_count() == threads_before
    assert sum(outcomes.values()) == 4 * TRIALS  # three calls and a stream each
    assert {"answer", "failure", "whole stream", "CallLost", "DeadlineExceeded", "AuthenticationError"} <= set(outcomes)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(Mode))
def test_a_server_says_why_it_closed_a_connection(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    ours = (case for case in corpus.systematic() if case.mode is mode and case.sender is Said.BY_CLIENT)
    frames = (case for case in ours if not case.is_handshake)
    reasons = 0
    with ward() as here, caplog.at_level(logging.WARNING, "weaverlab.transport"):
        for case in itertools.islice(frames, 0, None, SERVER_EVERY):
            expected = check_frames(case.mutant, Said.BY_SERVER).error
            if mode is Mode.SYNC and "ids must grow" in expected:
                continue  # they need not where calls go one at a time
            caplog.clear()
            with connect(here.address, SECRET, mode, TIMEOUT_S) as sock:
                sock.settimeout(TIMEOUT_S)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    sock.sendall(case.mutant.data)
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(1 << 16):  # it answers or closes, and times out here if it does neither
                        pass
            if expected:
                # A blocking caller may send one call at a time, which is often refused first; and here is no memory
                # that is shared.
                is_other = mode is Mode.SYNC or "shared memory" in caplog.text
                assert ("closed: " if is_other else expected) in caplog.text, case.name
                reasons += 1
        pool = SyncPool(here.address, SECRET)
        assert pool.call(ECHO, "still there", TIMEOUT_S).ok
        pool.close()

    assert reasons > 50

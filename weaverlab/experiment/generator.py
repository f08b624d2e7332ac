"""Starts a load generator in another process and collects its answers. What it does there is in `load`.

Another process, because a client in the process of the system under test would share its interpreter lock, and so
slow down just when that is busy.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict

from weaverlab.errors import WeaverError
from weaverlab.experiment.workload import Answer, Workload

START_TIMEOUT_S = 20.0  # for a Python process on a busy machine


def generate(workload: Workload, on_answer: Callable[[Answer], object] | None = None) -> list[Answer]:
    """Send `workload` from another process and return what became of each request, by number.

    Args:
        on_answer: called with each answer as it comes, to show progress.

    Raises:
        WeaverError: the generator failed, or did not end in time; its own message is on standard error.
    """
    command = [sys.executable, "-m", "weaverlab.experiment.load", json.dumps(asdict(workload))]
    # In a session of its own, so that Ctrl-C reaches us alone, and we end it.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    # A request may be sent as late as one timeout after the schedule's end, and then take one more.
    watchdog = threading.Timer(START_TIMEOUT_S + workload.total_s + 2 * workload.timeout_s, process.kill)
    watchdog.daemon = True
    watchdog.start()
    answers = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            answers.append(Answer.from_line(line))
            if on_answer is not None:
                on_answer(answers[-1])
        code = process.wait()
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()
    if code != 0:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise WeaverError(f"the load generator ended with {how} after {len(answers)} answers (its error is above).")
    return sorted(answers, key=lambda answer: answer.n)

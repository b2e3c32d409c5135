"""Pages are decoded by several threads; the first of them look into a type that is new to the process."""

from __future__ import annotations

import subprocess
import sys

RACE = """
import sys, threading, msgspec
from typing import Any
from connectors.sources.odoo import answers
sys.setswitchinterval(1e-6)

def decode(shape, go):
    go.wait()
    answers._decoder(shape).decode(b'{"jsonrpc": "2.0", "result": []}')

for _ in range(200):
    record = msgspec.defstruct("Record", [(f"f{place}", Any) for place in range(60)], gc=False)
    go = threading.Barrier(2)
    threads = [threading.Thread(target=decode, args=(answers.Reply[list[record]], go)) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""


def test_two_threads_that_look_into_a_new_type_at_once_do_not_crash_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", RACE], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-500:]}"

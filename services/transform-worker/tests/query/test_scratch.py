"""Where queries spill to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from vai_transform_worker.query.scratch import scratch_folder

_HOLDS_A_FOLDER = """
import sys
from pathlib import Path
from vai_transform_worker.query.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "spilled").write_bytes(b"x")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_scratch_folder_is_gone_after_its_use(tmp_path: Path) -> None:
    with scratch_folder(tmp_path / "base") as folder:
        (folder / "spilled").write_bytes(b"x")
    assert not folder.exists()


def test_what_a_killed_process_left_is_removed_and_what_a_live_one_uses_is_not(tmp_path: Path) -> None:
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", _HOLDS_A_FOLDER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    killed, living = (Path((each.stdout or sys.stdin).readline().strip()) for each in holders)
    os.kill(holders[0].pid, signal.SIGKILL)
    holders[0].wait()
    with scratch_folder(tmp_path) as own:
        assert own.exists()
        assert not killed.exists()
        assert (living / "spilled").exists()
    for each in holders:
        each.communicate()

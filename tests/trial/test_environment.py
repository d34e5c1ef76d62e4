"""Ray reads its environment as it is imported: whichever door imports it has set that before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from raytrain.trial.cluster import ENVIRONMENT, LOCAL, short_folder

_AT_THE_IMPORT = f"""
import os, runpy, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "ray":
            unset = [name for name in {list(ENVIRONMENT | LOCAL)!r} if name not in os.environ]
            print("unset as ray is imported:", *unset)
            os._exit(0)

sys.meta_path.insert(0, Watch())
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    "door",
    [["raytrain.fit", "--config", "tiny"], ["raytrain.tune", "--baseline", "tiny", "--demo"]],
    ids=lambda d: d[0],
)
def test_the_environment_is_set_before_ray_is_imported(door: list[str], tiny_en: Path, tmp_path: Path) -> None:
    asked = [*door, f"model.pretrained={tiny_en}", f"storage={tmp_path}", "tracking.wandb=disabled"]
    done = subprocess.run([sys.executable, "-c", _AT_THE_IMPORT, *asked], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "unset as ray is imported:", done.stderr


def test_ray_puts_its_sockets_elsewhere_where_tmpdir_is_too_long_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", "/tmp/" + "jobs/" * 20)
    assert short_folder() == f"/tmp/raytrain-{os.getuid()}"
    monkeypatch.setenv("TMPDIR", "/tmp")
    assert short_folder() is None

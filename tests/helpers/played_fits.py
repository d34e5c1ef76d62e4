"""A fit with the training itself and without Ray: what Ray Train does with a run's checkpoints is played."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raytrain.cli import disk_faults_reported
from raytrain.errors import InputError, RunError
from raytrain.files import sha256_of
from raytrain.results.description import Description, read_description
from raytrain.results.records import Row
from raytrain.results.run_folder import new_run_folder
from raytrain.training.session import Session
from raytrain.trial import cluster, watched_run
from raytrain.trial.fit import CHECKPOINTS, fit
from raytrain.trial.hardware import Hardware, Node
from raytrain.trial.inputs import Inputs
from raytrain.trial.job import Job
from raytrain.trial.storage import SNAPSHOT, latest_checkpoint

_HARDWARE = Hardware(nodes=(Node(id="one", cpus=1),))


class PlayedFit:
    """One fit, begun as often as its process is stopped. It knows its checkpoints by their bytes."""

    def __init__(self, description: Description, inputs: Inputs, results: Path) -> None:
        self._description, self._inputs, self._results = description, inputs, results
        self._whole: set[str] = set()

    def run(self) -> Path:
        """Begin the fit, or go on with it if it had written what was asked; its folder."""
        begun = [path.parent for path in sorted(self._results.glob("*/fit.json"))]
        folder = begun[0] if begun else new_run_folder(self._results, ["played"])
        description = read_description(folder, to_go_on=True) if begun else self._description
        if description.result is None or description.result["outcome"] == "failed":
            with self._played(), disk_faults_reported(folder, resume="--resume"):
                try:
                    fit(description, folder=folder, inputs=self._inputs)
                except InputError as error:
                    if "no checkpoint is whole" not in str(error):
                        raise
                    shutil.rmtree(folder / CHECKPOINTS)  # as the line says
                    fit(description, folder=folder, inputs=self._inputs)
        return folder

    def is_whole(self, checkpoint: Path) -> bool:
        """Whether these are the bytes of a checkpoint that was written."""
        return checkpoint.is_dir() and _bytes(checkpoint) in self._whole

    @contextmanager
    def _played(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(cluster, "connected", _connected)
            patched.setattr(watched_run, "run_watched", self._train)
            yield

    def _train(self, job: Job, *, on_row: Callable[[Row], None], **_: Any) -> None:
        run = Path(job.storage) / job.name
        latest = latest_checkpoint(run)

        def report(row: Row, checkpoint: Path | None) -> None:
            if checkpoint is not None:
                self._whole.add(_bytes(checkpoint))
                try:
                    _keep(run, checkpoint)
                except OSError as error:  # in a worker, of which the driver hears what its last line says
                    raise RunError(f"OSError: {error}") from None
            on_row(replace(row, node="here"))

        with tempfile.TemporaryDirectory() as workdir:
            Session(
                job.config,
                corpus=self._inputs.corpus,
                split=self._inputs.split,
                report=report,
                workdir=Path(workdir),
                resume_from=latest if latest is not None and self.is_whole(latest) else None,
                device="cpu",
            ).run()


def _keep(run: Path, checkpoint: Path) -> None:
    """As Ray Train keeps the latest: copied, named in a snapshot that is written in place, the one before gone."""
    (run / checkpoint.name).mkdir(parents=True, exist_ok=True)
    for path in checkpoint.iterdir():
        shutil.copyfile(path, run / checkpoint.name / path.name)
    kept = {"checkpoint_dir_name": checkpoint.name, "metrics": {}}
    snapshot = {"checkpoint_results": [kept], "checkpoint_report_indices": [0], "latest_checkpoint_result": kept}
    (run / SNAPSHOT).write_text(json.dumps(snapshot))
    for other in run.iterdir():
        if other.is_dir() and other.name != checkpoint.name:
            shutil.rmtree(other)


def _bytes(folder: Path) -> str:
    return " ".join(f"{path.name} {sha256_of(path)}" for path in sorted(folder.iterdir()))


@contextmanager
def _connected(address: str | None = None, **_: Any) -> Iterator[Hardware]:
    yield _HARDWARE

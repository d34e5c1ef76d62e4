"""TensorBoard events written with TensorBoard's records: scalars on `examples_seen`, and HParams. Needs no torch."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata, plugin_data_pb2
from tensorboard.plugins.hparams.api_pb2 import Status
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from raytrain.tracking.content import RunContent

_SHOWN_SECTIONS = ("model.", "audio.", "training.")
_CLEAN_ENDS = ("completed", "pruned")


class TensorBoardEvents:
    """One run's folder of events."""

    def __init__(self, folder: Path, content: RunContent) -> None:
        self._folder, self._content = folder, content

    def open(self) -> None:
        """Begin a file with the hyper-parameters; OSError where it cannot be written to, here and later."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"events.out.tfevents.{time.time():.6f}.{os.getpid()}"
        # Written at once: TensorBoard's own thread ends on a full disk in a traceback, and holds two minutes back.
        self._writer = RecordWriter(path.open("xb", buffering=0))
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))
        config = self._content.config
        shown = {key: _hparam(value) for key, value in config.items() if key.startswith(_SHOWN_SECTIONS)}
        self._add(hparams_pb(shown, trial_id=self._content.run_id))

    def log(self, row: Mapping[str, float], *, examples_seen: int) -> None:
        """Write one row's scalars at this step."""
        summary = Summary(value=[Summary.Value(tag=key, simple_value=value) for key, value in row.items()])
        self._add(summary, step=examples_seen)

    def finish(self, outcome: str, summary: Mapping[str, Any]) -> None:
        """Mark the session as ended, well or not, and close the file."""
        status = Status.STATUS_SUCCESS if outcome in _CLEAN_ENDS else Status.STATUS_FAILURE
        end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
        about = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=end))
        # The plugin finds it by its tag and its metadata; the tensor holds nothing.
        value = Summary.Value(tag=metadata.SESSION_END_INFO_TAG, metadata=about, tensor=metadata.NULL_TENSOR)
        self._add(Summary(value=[value]))
        self._writer.close()

    def given_up(self, error: Exception) -> str:
        """What to say once it is left out because of this."""
        return f"TensorBoard: {self._folder.parent}: {getattr(error, 'strerror', None) or error}; going on without it"

    def _add(self, summary: Summary, *, step: int = 0) -> None:
        self._write(Event(wall_time=time.time(), step=step, summary=summary))

    def _write(self, event: Event) -> None:
        self._writer.write(event.SerializeToString())


def _hparam(value: Any) -> bool | float | str:
    """A setting as HParams can hold it: lists and null as text."""
    if isinstance(value, bool | int | float):
        return value
    return "null" if value is None else str(value)

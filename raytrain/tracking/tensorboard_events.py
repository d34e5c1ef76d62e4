"""TensorBoard events written with TensorBoard's own writer: scalars on `examples_seen`, and HParams. Needs no torch."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata, plugin_data_pb2
from tensorboard.plugins.hparams.api_pb2 import Status
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from raytrain.tracking.content import RunContent

_SHOWN_SECTIONS = ("model.", "audio.", "training.")
_CLEAN_ENDS = ("completed", "pruned")


class TensorBoardEvents:
    """One run's folder of events."""

    def __init__(self, folder: Path, content: RunContent) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._writer = EventFileWriter(str(folder))
        start = plugin_data_pb2.SessionStartInfo(group_name=content.run_id, start_time_secs=time.time())
        for key, value in content.config.items():
            if key.startswith(_SHOWN_SECTIONS):
                _set_hparam(start.hparams[key], value)
        self._add_hparams(metadata.SESSION_START_INFO_TAG, session_start_info=start)

    def log(self, row: Mapping[str, float], *, examples_seen: int) -> None:
        """Write one row's scalars at this step."""
        summary = Summary(value=[Summary.Value(tag=key, simple_value=value) for key, value in row.items()])
        self._add(summary, step=examples_seen)

    def finish(self, outcome: str, summary: Mapping[str, Any]) -> None:
        """Mark the session as ended, well or not, and close the file."""
        status = Status.STATUS_SUCCESS if outcome in _CLEAN_ENDS else Status.STATUS_FAILURE
        end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
        self._add_hparams(metadata.SESSION_END_INFO_TAG, session_end_info=end)
        self._writer.close()

    def _add_hparams(self, tag: str, **content: Any) -> None:
        """HParams live in a summary's metadata, in a message the plugin knows by its tag."""
        data = plugin_data_pb2.HParamsPluginData(**content)
        value = Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(data), tensor=metadata.NULL_TENSOR)
        self._add(Summary(value=[value]))

    def _add(self, summary: Summary, *, step: int = 0) -> None:
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
        # The writer keeps events for two minutes; a killed study should still show its last rows.
        self._writer.flush()


def _set_hparam(hparam: Any, value: Any) -> None:
    if isinstance(value, bool):
        hparam.bool_value = value
    elif isinstance(value, int | float):
        hparam.number_value = value
    else:
        hparam.string_value = "null" if value is None else str(value)

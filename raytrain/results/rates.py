"""By which rate a run is judged. In: figures under the names that code reads. Out: the same under their true names.

Code reads the one rate that counts as `eval_wer`. In a language that writes no spaces it is the CER, and every file,
tracker and JSON answer has it under that name, with no WER beside it.
"""

from collections.abc import Mapping
from typing import Any

from raytrain.config.languages import Rate

_CER_NAMES = {
    "eval_wer": "eval_cer",
    "best_eval_wer": "best_eval_cer",
    "baseline_eval_wer": "baseline_eval_cer",
    "best_single_eval_wer": "best_single_eval_cer",
    "word_errors": "character_errors",
}
_BY, _CER_BY = "wer_by_", "cer_by_"
_HISTORY = "history"


def as_written(values: Mapping[str, Any], rate: Rate) -> dict[str, Any]:
    """The figures of a run that is judged by this rate, as they leave it; of a history each row."""
    written = {name: value for name, value in values.items() if name_of(name, rate) == name}
    written |= {name_of(name, rate): value for name, value in values.items() if name not in written}
    if isinstance(written.get(_HISTORY), list):
        written[_HISTORY] = [as_written(row, rate) for row in written[_HISTORY]]
    return written


def as_read(values: Mapping[str, Any]) -> dict[str, Any]:
    """What `as_written` left, under the names that code reads. A CER that stands beside a WER is left where it is."""
    read = dict(values)
    if not any(name in values for name in _CER_NAMES):
        for name, written in _CER_NAMES.items():
            if written in values:
                read[name] = values[written]
        read |= {_BY + name.removeprefix(_CER_BY): value for name, value in values.items() if name.startswith(_CER_BY)}
        read = {name: value for name, value in read.items() if not name.startswith(_CER_BY) and name != "best_eval_cer"}
    if isinstance(read.get(_HISTORY), list):
        read[_HISTORY] = [as_read(row) if isinstance(row, Mapping) else row for row in read[_HISTORY]]
    return read


def name_of(name: str, rate: Rate) -> str:
    """A figure's true name where this rate counts: eval_wer, or eval_cer."""
    if rate == "WER":
        return name
    if name.startswith(_BY):
        return _CER_BY + name.removeprefix(_BY)
    return _CER_NAMES.get(name, name)

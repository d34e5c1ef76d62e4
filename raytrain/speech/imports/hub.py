"""A data set that `datasets` opens, read as it streams: a hub's id or a folder in; its columns and rows out.

Sound stays bytes. The one place that needs a network, where an id is given.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from raytrain.errors import InputError
from raytrain.speech.imports.arrow_table import sound_columns
from raytrain.speech.imports.source import Columns, Row
from raytrain.speech.imports.splits import Chosen, chosen
from raytrain.speech.imports.tables import stamp_of

_HUB_ANSWERS_WITHIN_S = 10
UNREADABLE = (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError, pa.ArrowException)
"""What `datasets` raises at data that it cannot read; or a library that a form of data wants is missing."""


@dataclass(frozen=True)
class Streamed:
    """A split of a data set, or several."""

    place: str
    asked_split: str | None
    configuration: str | None

    @property
    def kind(self) -> str:
        """What it is, in words."""
        return "data set that `datasets` opens" if self._is_folder else "data set of the hub"

    @property
    def split(self) -> str:
        """The split that is read."""
        return self._chosen.name

    @cached_property
    def _chosen(self) -> Chosen[str]:
        import datasets

        configuration = self._configuration
        with _faults(self.place):
            names = [str(name) for name in datasets.get_dataset_split_names(self.place, configuration)]
        return chosen({name: name for name in names}, self.asked_split, place=self.place)

    @property
    def _is_folder(self) -> bool:
        return Path(self.place).is_dir()

    @cached_property
    def columns(self) -> Columns:
        """As the data set says, or its first row shows."""
        with _faults(self.place):
            features = self._rows.features
            if features is not None:
                return Columns(tuple(features), sound_columns(features.arrow_schema))
            first: dict[str, Any] = next(iter(self._rows), {})
            return Columns(tuple(first), sound_columns(pa.RecordBatch.from_pylist([first]).schema))

    def num_rows(self) -> int | None:
        """As the data set says of itself."""
        splits = self._rows.info.splits or {}
        known = [splits[name].num_examples for name in self._chosen.parts if name in splits]
        return sum(known) if len(known) == len(self._chosen.parts) else None

    def rows(self, start: int = 0) -> Iterator[Row]:
        """The rows after the first `start`."""
        _, sound = self._opened
        with _faults(self.place):
            for number, values in enumerate(self._rows.skip(start), start=start + 1):
                yield Row(number, {name: _fetched(value) if name in sound else value for name, value in values.items()})

    def stamp(self) -> str:
        """The commit that the hub has, or the files of a folder."""
        folder = Path(self.place)
        return stamp_of(sorted(path for path in folder.rglob("*") if path.is_file())) or self._commit

    @cached_property
    def _configuration(self) -> str | None:
        import datasets

        _ = self._commit  # a hub that cannot be reached is said at once
        with _faults(self.place):
            names = datasets.get_dataset_config_names(self.place)
        if self.configuration is None and len(names) > 1:
            raise InputError(f"{self.place}: has several configurations; name one by --configuration: {_few(names)}")
        if self.configuration is not None and self.configuration not in names:
            raise InputError(f"{self.place}: has no configuration {self.configuration!r}; there are {_few(names)}")
        return self.configuration

    @property
    def _rows(self) -> Any:
        return self._opened[0]

    @cached_property
    def _opened(self) -> tuple[Any, frozenset[str]]:
        """Streaming, so that nothing is copied to a cache; columns of sound, and their names."""
        import datasets

        bytes_and_path = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
        with _faults(self.place):
            parts = [self._streamed(name) for name in self._chosen.parts]
            rows = datasets.concatenate_datasets(parts) if len(parts) > 1 else parts[0]
            # Of an Audio column, torchcodec would be wanted even to hand its bytes on.
            in_files = rows.info.builder_name == "audiofolder"
            as_it_is = datasets.Value("string") if in_files else bytes_and_path
            sound = [name for name, kind in (rows.features or {}).items() if isinstance(kind, datasets.Audio)]
            for name in sound:
                rows = rows.cast_column(name, as_it_is)
            return rows, frozenset(sound)

    def _streamed(self, split: str) -> Any:
        """One split; of CSV every column as texts, for pandas makes the child 007 the number 7."""
        import datasets

        rows = datasets.load_dataset(self.place, self._configuration, split=split, streaming=True)
        if rows.info.builder_name != "csv":
            return rows
        texts = datasets.Features(dict.fromkeys(rows.features or next(iter(rows), {}), datasets.Value("string")))
        how = {"features": texts, "keep_default_na": False}
        return datasets.load_dataset(self.place, self._configuration, split=split, streaming=True, **how)

    @cached_property
    def _commit(self) -> str:
        return "" if self._is_folder else _commit_of(self.place)


def _fetched(value: Any) -> Any:
    """The bytes of sound that a data set names by an address, on the hub or inside an archive; any other value."""
    from datasets.utils.file_utils import xopen

    path = value.get("path") if isinstance(value, dict) and value.get("bytes") is None else value
    if not isinstance(path, str) or "://" not in path:
        return value
    with xopen(path, "rb") as file:
        return {"bytes": file.read(), "path": path.partition("::")[0].rpartition("://")[2]}


def _commit_of(hub_id: str) -> str:
    """What the hub has of it now; an InputError where it does not answer.

    Asked once, and first: `datasets` itself asks six times within half a minute.
    """
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    if constants.HF_HUB_OFFLINE:
        return ""
    try:
        return HfApi().dataset_info(hub_id, timeout=_HUB_ANSWERS_WITHIN_S).sha or ""
    except (RepositoryNotFoundError, HFValidationError):
        message = "there is no such file or folder, and the hub has no data set of that name, or not for you"
        raise InputError(f"{hub_id}: {message}; check the name, or log in by `hf auth login`") from None
    except (OSError, *HfHubHTTPError.__bases__) as error:  # type: ignore[misc]  # the bases: the HTTP library's own
        fact = (str(error) or type(error).__name__).splitlines()[0]
        message = f"there is no such file or folder, and the hub cannot be reached ({fact})"
        raise InputError(f"{hub_id}: {message}; name a folder that holds the data set") from None


@contextmanager
def _faults(place: str) -> Iterator[None]:
    """What `datasets` raises at data that it cannot read, as one line."""
    try:
        yield
    except InputError:
        raise
    except UNREADABLE as error:
        fact = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{place}: `datasets` cannot read it: {fact}; fetch its files and name their folder") from None


def _few(names: list[str]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")

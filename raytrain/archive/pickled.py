"""training_args.bin in, its plain values out. Nothing of the file is run: each class in it becomes an inert one."""

import io
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

_MOST_BYTES = 2**24


def plain_values(path: Path) -> dict[str, Any]:
    """The attributes of the pickled object that are numbers, texts or switches; {} where the file cannot be read.

    The transformers Trainer saves its arguments with torch.save: a zip with one pickle, which names no tensor. Loading
    it as torch does would import and run whatever the file names.
    """
    try:
        if not path.is_file():
            return {}
        with zipfile.ZipFile(path) as archive:
            member = next(one for one in archive.infolist() if one.filename.endswith("data.pkl"))
            if member.file_size > _MOST_BYTES:
                return {}
            found = _Inert.Unpickler(io.BytesIO(archive.read(member))).load()
    except (OSError, StopIteration, zipfile.BadZipFile, zlib.error, struct.error, pickle.UnpicklingError, EOFError,
            ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError,
            RuntimeError):  # fmt: skip
        return {}
    values = {key: _plain(value) for key, value in found.state.items()} if isinstance(found, _Inert) else {}
    return {key: value for key, value in values.items() if isinstance(value, str | int | float | bool)}


class _Inert:
    """Stands for any class of the pickle; keeps what it was made with and given."""

    arguments: tuple[Any, ...]
    state: dict[str, Any]

    def __new__(cls, *arguments: Any, **_: Any) -> "_Inert":
        made = super().__new__(cls)
        made.arguments, made.state = arguments, {}
        return made

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}

    def __call__(self, *_: Any, **__: Any) -> "_Inert":
        return _Inert()

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            return _Inert

        def persistent_load(self, identity: Any) -> None:
            return None


def _plain(value: Any) -> Any:
    """The value of an enumeration's member, which is pickled as its class and its value; any other as it is."""
    if isinstance(value, _Inert) and len(value.arguments) == 1:
        return value.arguments[0]
    return value

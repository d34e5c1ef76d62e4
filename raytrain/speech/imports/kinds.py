"""What a source is: a path or a hub's id, with a split and a configuration, in; the source to read out.

A file is known by what is in it; a folder by its files, in the order of `_FORMS`.
"""

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from raytrain.errors import InputError
from raytrain.files import at_home, read_as
from raytrain.speech.imports.columns import guessed
from raytrain.speech.imports.hub import UNREADABLE, Streamed
from raytrain.speech.imports.kaldi import Kaldi
from raytrain.speech.imports.source import Source
from raytrain.speech.imports.splits import chosen
from raytrain.speech.imports.tables import COMMON_VOICE, Tables, table_of

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_SUFFIXES = (".parquet", ".arrow", ".csv", ".tsv", ".jsonl", ".json", ".ndjson")
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".xz", ".bz2", ".zst")
_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_SPLIT_NAMES = {"train", "training", "test", "testing", "eval", "evaluation", "dev", "valid", "validation", "val"}
_USUAL_OF_COMMON_VOICE = "validated"
_WANTED = (
    "a table (CSV, TSV, JSON, Parquet, Arrow), an audiofolder, a Common Voice or Kaldi directory, "
    "or a data set that `datasets` opens is wanted"
)


def open_source(name: str, *, split: str | None = None, configuration: str | None = None) -> Source:
    """The source of this name; InputError where there is none, or it leaves a choice open."""
    path = at_home(name).absolute()
    if path.is_dir():
        source = next(found for form in _FORMS if (found := form(path, split, configuration)) is not None)
    elif path.exists():
        _only_for_data_sets(path, split=split, configuration=configuration)
        return _file(path)
    elif _HUB_ID.fullmatch(name) and Path(name).suffix.lower() not in _SUFFIXES:
        return Streamed(name, split, configuration)
    else:
        raise InputError(f"{name}: there is no such file or folder; {_WANTED}")
    if configuration is not None and not _has_configurations(source):
        raise InputError(f"{name}: has no configurations; leave --configuration out")
    return source


def _file(path: Path) -> Source:
    if not path.is_file():
        raise InputError(f"{path}: a pipe or a device; a source is read more than once: write it to a file")
    if path.name in ("wav.scp", "segments", "utt2spk") and (path.parent / "wav.scp").is_file():
        raise InputError(f"{path}: a file of a Kaldi directory; name the directory, {path.parent}")
    if path.name in ("state.json", "dataset_info.json", "dataset_dict.json"):
        raise InputError(f"{path}: a file of a saved data set; name its folder, {path.parent}")
    return Tables(str(path), (path,))


def _only_for_data_sets(path: Path, *, split: str | None, configuration: str | None) -> None:
    given = [f"--{name}" for name, value in (("split", split), ("configuration", configuration)) if value is not None]
    if given:
        raise InputError(f"{path}: one file, and {' and '.join(given)} chooses within a folder; leave it out")


def _saved(folder: Path, split: str | None, configuration: str | None) -> Source | None:
    """What `save_to_disk` of a data set, or of a dictionary of them, left."""
    if (folder / "state.json").is_file():
        files = {"all": folder}
    elif (folder / "dataset_dict.json").is_file():
        listed = read_as(folder / "dataset_dict.json", dict[str, list[str]], way_out="save the data set anew")
        files = {name: folder / name for name in listed.get("splits", [])}
    else:
        return None
    one = chosen(files, split, place=str(folder))
    arrows = [path for part in one.parts for path in _arrow_files(part)]
    return Tables(str(folder), arrows, name="saved data set", split=one.name if len(files) > 1 else None)


def _arrow_files(saved: Path) -> list[Path]:
    state = read_as(saved / "state.json", dict[str, object], way_out="save the data set anew")
    listed = state.get("_data_files")
    names = [one.get("filename") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    paths = [saved / str(name) for name in names]
    missing = next((path for path in paths if not path.is_file()), None)
    if missing is not None or not paths:
        raise InputError(f"{missing or saved / 'state.json'}: there is no such file of it; save the data set anew")
    return paths


def _kaldi(folder: Path, split: str | None, configuration: str | None) -> Source | None:
    """A directory with wav.scp, or a folder of such."""
    if (folder / "wav.scp").is_file():
        if split is not None:
            raise InputError(f"{folder}: one Kaldi directory, with no splits; leave --split out")
        return Kaldi(folder)
    parts = {path.parent.name: path.parent for path in sorted(folder.glob("*/wav.scp"))}
    if not parts:
        return None
    one = chosen(parts, split, place=str(folder))
    if len(one.parts) > 1:
        raise InputError(
            f"{folder}: Kaldi directories are imported one at a time; name one, --split {next(iter(parts))}"
        )
    return Kaldi(one.parts[0], split=one.name)


def _common_voice(folder: Path, split: str | None, configuration: str | None) -> Source | None:
    """A language's folder: `clips` beside a TSV for each split. `validated` is all that listeners found right."""
    if not (folder / "clips").is_dir():
        inner = sorted(path.parent for path in folder.glob("*/clips") if next(path.parent.glob("*.tsv"), None))
        if not inner:
            return None
        if configuration is None and len(inner) > 1:
            names = ", ".join(path.name for path in inner)
            raise InputError(f"{folder}: has several languages; name one by --configuration, or its folder: {names}")
        language = next((path for path in inner if configuration in (None, path.name)), None)
        if language is None:
            raise InputError(f"{folder}: has no language {configuration!r}; there are {[one.name for one in inner]}")
        return _common_voice(language, split, None)
    tables = {path.stem: path for path in sorted(folder.glob("*.tsv")) if set(table_of(path).columns) >= COMMON_VOICE}
    if not tables:
        return None
    one = chosen(tables, split, place=str(folder), usual=_USUAL_OF_COMMON_VOICE)
    others = [name for name in tables if name not in one.name.split("+")]
    told = f"Common Voice (its other splits: {', '.join(others)})" if others else "Common Voice"
    return Tables(str(folder), one.parts, name=told, split=one.name)


def _audiofolder(folder: Path, split: str | None, configuration: str | None) -> Source | None:
    """Sound beside metadata, at the top or in folders of splits."""
    found = sorted(path for path in folder.rglob("metadata.*") if path.name in _METADATA and path.is_file())
    if not found:
        return None
    tops: dict[str, list[Path]] = defaultdict(list)
    for path in found:
        top = path.relative_to(folder).parts[0]
        tops[top if top in _SPLIT_NAMES else "all"].append(path)
    if len(tops) == 1 and "all" in tops:
        return _by_rows(folder, tops["all"], split)
    one = chosen(tops, split, place=str(folder))
    return Tables(str(folder), [path for part in one.parts for path in part], name="audiofolder", split=one.name)


def _by_rows(folder: Path, files: list[Path], split: str | None) -> Source:
    """An audiofolder whose metadata list the files of all splits, `train/a.wav`."""
    whole = Tables(str(folder), files, name="audiofolder")
    column = next((name for name in whole.columns.names if name in ("file_name", "file")), "")
    named = {str(row.values.get(column, "")).partition("/")[0] for row in whole.rows()} & _SPLIT_NAMES
    if len(named) < 2:
        chosen({"all": 0} if not named else dict.fromkeys(sorted(named), 0), split, place=str(folder))
        return whole
    one = chosen({name: name for name in sorted(named)}, split, place=str(folder))
    below = frozenset(one.parts)
    return Tables(str(folder), files, name="audiofolder", split=one.name, below=below, below_column=column)


def _loose_tables(folder: Path, split: str | None, configuration: str | None) -> Source | None:
    """Tables at the top of a folder, one for each split; others than those of utterances are no splits."""
    if configuration is not None or _declares_files(folder):
        return None
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())
    tables = {path.stem: path for path in paths if len(paths) == 1 or _lists_utterances(path)}
    if not tables or any(re.search(r"-\d{5}-of-\d{5}$", name) for name in tables):
        return None
    one = chosen(tables, split, place=str(folder))
    return Tables(str(folder), one.parts, split=one.name)


def _lists_utterances(path: Path) -> bool:
    try:
        roles = guessed(Tables(str(path), (path,)).columns)
    except InputError:
        return False
    return "audio" in roles and "text" in roles


def _declares_files(folder: Path) -> bool:
    """Whether its README says, as a hub's does, which files are which configuration and split."""
    readme = folder / "README.md"
    return readme.is_file() and b"\nconfigs:" in readme.read_bytes()[: 2**20]


def _as_on_the_hub(folder: Path, split: str | None, configuration: str | None) -> Source | None:
    """Files by split, as `datasets` finds them: `data/train-00000-of-00002.parquet`, or as a README says."""
    import datasets

    if not any(path.is_file() for path in folder.rglob("*")):
        raise InputError(f"{folder}: an empty folder; {_WANTED}")
    try:
        names = datasets.get_dataset_config_names(str(folder))
        if configuration is None and len(names) > 1:
            raise InputError(f"{folder}: has several configurations; name one by --configuration: {', '.join(names)}")
        if configuration is not None and configuration not in names:
            raise InputError(f"{folder}: has no configuration {configuration!r}; there are {', '.join(names)}")
        builder = datasets.load_dataset_builder(str(folder), configuration)
    except InputError:
        raise
    except UNREADABLE as error:
        fact = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{folder}: no source that is known ({fact[:200]}); {_WANTED}") from None
    found = {str(name): [Path(file) for file in files] for name, files in (builder.config.data_files or {}).items()}
    files = {name: [path for path in paths if path.suffix.lower() in _SUFFIXES] for name, paths in found.items()}
    files = {name: paths for name, paths in files.items() if paths}
    packed = any(path.suffix.lower() in _ARCHIVES for paths in found.values() for path in paths)
    if not files and builder.name == "audiofolder" and not packed:
        way_out = "add a metadata.csv with the columns file_name, transcription and speaker_id"
        raise InputError(f"{folder}: sound, and no file that has the transcripts; {way_out}")
    if not files:
        return Streamed(str(folder), split, configuration)
    one = chosen(files, split, place=str(folder))
    return Tables(str(folder), [path for part in one.parts for path in part], name="data set", split=one.name)


def _has_configurations(source: Source) -> bool:
    return isinstance(source, Streamed) or (isinstance(source, Tables) and source.name.startswith(("data set", "Comm")))


_FORMS: tuple[Callable[[Path, str | None, str | None], Source | None], ...] = (
    _saved,
    _kaldi,
    _common_voice,
    _audiofolder,
    _loose_tables,
    _as_on_the_hub,
)

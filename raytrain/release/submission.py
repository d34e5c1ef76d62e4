"""submission.zip: a model folder in; main.py at the root with the model beside it, in the form the challenge takes."""

import zipfile
from pathlib import Path

from raytrain.release.alone import beside_model, source
from raytrain.release.model_folder import WEIGHTS

SUBMISSION = "submission.zip"
_MAIN = Path(__file__).with_name("submission_main.py")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def write_submission(model: Path, into: Path) -> None:
    """Write the zip, the same bytes for the same model. Weights are stored: compressing takes minutes for nothing."""
    code = {"main.py": source(_MAIN), **beside_model()}
    with zipfile.ZipFile(into, "w") as archive:
        for name, text in code.items():
            archive.writestr(_entry(name), text)
        for path in sorted(model.iterdir()):
            if path.name not in code:
                _add(archive, path, f"model/{path.name}")


def unpacked(archive: Path, into: Path) -> Path:
    """Unpack a submission as the challenge does, into a new folder."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(into)
    return into


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    entry = _entry(name)
    if path.name == WEIGHTS:
        entry.compress_type = zipfile.ZIP_STORED
    with path.open("rb") as file, archive.open(entry, "w", force_zip64=path.stat().st_size >= 2**31) as target:
        while block := file.read(2**22):
            target.write(block)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _LONG_AGO)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry

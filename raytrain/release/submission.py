"""submission.zip: a model folder in; main.py at the root with the model beside it, in the form the challenge takes."""

import zipfile
from pathlib import Path

from raytrain.release.model_folder import WEIGHTS

_MAIN = Path(__file__).with_name("submission_main.py")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def write_submission(model: Path, into: Path) -> None:
    """Write the zip, the same bytes for the same model. Weights are stored: compressing takes minutes for nothing."""
    with zipfile.ZipFile(into, "w") as archive:
        _add(archive, _MAIN, "main.py")
        for path in sorted(model.iterdir()):
            _add(archive, path, f"model/{path.name}")


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    entry = zipfile.ZipInfo(name, _LONG_AGO)
    entry.compress_type = zipfile.ZIP_STORED if path.name == WEIGHTS else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    with path.open("rb") as source, archive.open(entry, "w", force_zip64=path.stat().st_size >= 2**31) as target:
        while block := source.read(2**22):
            target.write(block)

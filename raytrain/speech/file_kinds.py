"""What a file is by its first bytes: the kinds that people mistake for a manifest, or for sound that can be read."""

from typing import NamedTuple


class FileKind(NamedTuple):
    """A kind of file."""

    name: str
    """In words, with its article."""
    is_sound: bool
    """Whether there may be sound in it."""


def kind_of_file(start: bytes) -> FileKind | None:
    """The kind of a file that starts with these bytes (12 or more, where there are); None where unknown."""
    if start[4:8] == b"ftyp":
        return FileKind("an MP4, M4A or 3GP file", True)
    if start[:4] == b"RIFF":
        return FileKind({b"WAVE": "a WAV file", b"AVI ": "an AVI film"}.get(start[8:12], "a RIFF file"), True)
    for kinds, is_sound in ((_SOUND, True), (_OTHERS, False)):
        name = next((name for magic, name in kinds.items() if start.startswith(magic)), None)
        if name is not None:
            return FileKind(name, is_sound)
    return None


_SOUND = {
    b"\x1aE\xdf\xa3": "a WebM or Matroska file",
    b"fLaC": "a FLAC file",
    b"OggS": "an OGG file",
    b"ID3": "an MP3 file",
    b"#!AMR": "an AMR file",
    b"caff": "a CAF file",
    b"FORM": "an AIFF file",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "a WMA file",
    b"NIST_1A": "a NIST SPHERE file",
    b"ADIF": "an AAC file",
    b"\xff\xf1": "an AAC file",
    b"\xff\xf9": "an AAC file",
}
_OTHERS = {
    b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip file, as Excel's workbooks are",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"version https://git-lfs": "a pointer of Git LFS (`git lfs pull` fetches what it points to)",
    b"<": "HTML or XML",
}

"""What a file is by its first bytes: the kinds that people mistake for a manifest, or for sound that can be read."""


def kind_of_file(start: bytes) -> str | None:
    """The kind of a file that starts with these bytes (12 or more, where there are), in words; None where unknown."""
    if start[4:8] == b"ftyp":
        return "an MP4, M4A or 3GP file"
    if start[:4] == b"RIFF":
        return {b"WAVE": "a WAV file", b"AVI ": "an AVI film"}.get(start[8:12])
    return next((kind for magic, kind in _KINDS.items() if start.startswith(magic)), None)


_KINDS = {
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
    b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip file, as Excel's workbooks are",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"version https://git-lfs": "a pointer of Git LFS, whose file was not fetched: `git lfs pull`",
    b"<": "HTML or XML",
}

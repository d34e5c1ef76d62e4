"""Which of a run's files go to S3, and whether what lies there is what was sent."""

from pathlib import Path

from raytrain.archive.checksums import Manifest
from raytrain.archive.s3 import RemoteFolder
from raytrain.archive.tree import Tree, printable

_WEIGHTS = {".safetensors", ".pt", ".pth", ".bin", ".ckpt"}
_READ_HERE = {".json", ".jsonl", ".yaml", ".md", ".txt", ".html"}
_LARGE_BYTES = 2**20


def for_s3(tree: Tree) -> set[str]:
    """Weights, and any other large file that nobody reads here as it is: TensorBoard logs and texts stay.

    So does a file whose name is no UTF-8: S3 has no other names.
    """
    return {
        path for path, status in tree.files.items() if printable(path) == path and _is_for_s3(Path(path), status.size)
    }


def remote_faults(manifest: Manifest) -> list[str]:
    """Where S3 differs from the manifest, every byte read; none where nothing lies there."""
    if manifest.remote is None:
        return []
    remote = RemoteFolder(manifest.remote)
    sizes, found = remote.sizes(), []
    for path, file in manifest.remote_files.items():
        if path not in sizes:
            found.append(f"{manifest.remote}/{path}: missing")
        elif sizes[path] != file.size:
            found.append(f"{manifest.remote}/{path}: {sizes[path]} bytes, {file.size} were archived")
        elif remote.sha256_of(path) != file.sha256:
            found.append(f"{manifest.remote}/{path}: its bytes are not those that were archived")
    extra = sorted(set(sizes) - set(manifest.remote_files))
    return found + [f"{manifest.remote}/{path}: not archived with the run" for path in extra]


def _is_for_s3(path: Path, size_bytes: int) -> bool:
    if path.name == "training_args.bin" or "events.out.tfevents" in path.name or path.suffix in _READ_HERE:
        return False
    return path.suffix in _WEIGHTS or size_bytes >= _LARGE_BYTES

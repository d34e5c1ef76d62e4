"""Which versions are at hand: what provenance keeps, and what a report of a fault should name. Imports none of them."""

import platform
from importlib import metadata

_PACKAGES = (
    "raytrain", "ray", "torch", "transformers", "datasets", "optuna", "wandb", "jiwer", "numpy", "pyarrow",
    "soundfile", "soxr", "tokenizers", "safetensors", "pydantic", "peft", "bitsandbytes",
)  # fmt: skip


def package_versions() -> dict[str, str | None]:
    """Of each package that a result may depend on; None where it is not installed."""
    return {package: _version(package) for package in _PACKAGES}


def version_lines() -> list[str]:
    """A line each: this raytrain, the Python that runs it, and what is installed beside it."""
    told = {"python": f"{platform.python_version()}, {platform.system()} {platform.machine()}", **package_versions()}
    return [f"{name:<13} {version}" for name, version in sorted(told.items(), key=_ours_first) if version]


def _ours_first(told: tuple[str, str | None]) -> bool:
    return told[0] not in ("raytrain", "python")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None

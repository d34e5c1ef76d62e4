"""A run that was begun in; its inputs, where they are still those it was begun with, or what differs, out."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from raytrain.errors import InputError
from raytrain.files import as_kind, at_home, sha256_of
from raytrain.results.description import Description
from raytrain.speech.apart import counted
from raytrain.speech.listing import difference
from raytrain.speech.noises import noise_files
from raytrain.trial.inputs import DATA_FILE, Inputs, inputs_of

_Counts = int | dict[str, int]


@dataclass(frozen=True)
class _Recorded:
    """What a description has of the data that can be compared; all but the last is in runs of any age."""

    train_children: list[str] = field(default_factory=list)
    validation_children: list[str] = field(default_factory=list)
    train_utterances: _Counts = 0
    validation_utterances: _Counts = 0
    data_sha256: str | None = None

    @classmethod
    def of(cls, description: Description, folder: Path) -> "_Recorded":
        place = f"{folder / description.file_name}: data"
        return as_kind(description.data, cls, place=place, way_out="restore the file from a copy")

    @property
    def children(self) -> set[str]:
        return {*self.train_children, *self.validation_children}

    @property
    def num_utterances(self) -> int:
        halves = (self.train_utterances, self.validation_utterances)
        return sum(half if isinstance(half, int) else sum(half.values()) for half in halves)


def inputs_again(description: Description, folder: Path) -> tuple[Description, Inputs]:
    """The inputs of a run to be gone on with, and its description; InputError where the data are others by now.

    Of a run that was begun before data were recorded, what there is is compared, and the rest recorded from now on.
    """
    another = f"begin another {'fit' if description.space is None else 'study'}"
    _require_manifests(description, folder, another=another)
    if description.baseline.augmentation.noise_folder is not None:
        noise_files(description.baseline.augmentation.noise_folder)
    inputs = inputs_of(description.baseline, may_share=True)
    now = replace(description, data=inputs.described())
    before, after = (_Recorded.of(one, folder) for one in (description, now))
    _require_the_same_sets(description, now, folder, another=another)
    if before.data_sha256 == after.data_sha256:
        return description, inputs
    if before.data_sha256 is None and all(
        value == asdict(after)[name] for name, value in asdict(before).items() if name in description.data
    ):
        return replace(now, data={**description.data, **now.data, "first_recorded_on_resume": True}), inputs
    raise InputError(
        f"{folder}: was begun with other data than there are now: {_difference(before, after, inputs, folder)}; "
        f"put back {_manifests(description)} and the sound as they were, or {another}"
    )


def _require_the_same_sets(then: Description, now: Description, folder: Path, *, another: str) -> None:
    before, after = then.data.get("also") or {}, now.data.get("also") or {}
    for name, told in before.items():
        if told != after.get(name):
            manifest = then.baseline.evaluation.also[name]
            raise InputError(
                f"{folder}: was begun with another {manifest} (evaluation.also.{name}: {told['utterances']} utterances "
                f"then, {after[name]['utterances']} now); put it and its sound back as they were, or {another}"
            )


def _require_manifests(description: Description, folder: Path, *, another: str) -> None:
    for manifest in [*description.baseline.data.manifests(), *description.baseline.evaluation.also.values()]:
        if manifest == "demo" or at_home(manifest).is_file():
            continue
        is_whole = at_home(manifest).is_absolute()
        way_out = "put it back at that path" if is_whole else "go on in the folder that this path starts from"
        raise InputError(f"{manifest}: no such manifest, and {folder} was begun with it; {way_out}, or {another}")


def _difference(before: _Recorded, after: _Recorded, inputs: Inputs, folder: Path) -> str:
    listed = folder / DATA_FILE
    if listed.is_file() and sha256_of(listed) == before.data_sha256:
        two_corpora = inputs.validation_corpus is not None
        return difference(listed.read_text(encoding="utf-8"), inputs.listing, two_corpora=two_corpora)
    parts = [
        (sorted(before.children - after.children), "child is gone", "children are gone"),
        (sorted(after.children - before.children), "child more", "children more"),
    ]
    told = [counted(names, one, many) for names, one, many in parts if names]
    told.append(f"{before.num_utterances} utterances then, {after.num_utterances} now")
    return f"{', '.join(told)}; no more can be told without {listed} as it was written"


def _manifests(description: Description) -> str:
    return " and ".join(description.baseline.data.manifests())

"""A source and what was asked for in; what will be imported and how out, before anything is written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from raytrain.speech.ages import RULE, bucket_of
from raytrain.speech.imports.columns import ROLES, Found, as_dict, chosen_columns, in_months
from raytrain.speech.imports.sounds import Finder, sound_in
from raytrain.speech.imports.source import Row, Source
from raytrain.speech.imports.utterances import as_text
from raytrain.speech.problems import UnusableError

_EXAMPLES = 64
_AGES_SHOWN = 8
CAVEAT = "Who speaks is not known: each utterance is taken for a child of its own, so a child may be in both halves."
_FALLBACKS = {
    "speaker": "each utterance its own (--each-its-own-speaker)",
    "age": "none: every age bucket is unknown",
    "session": "none",
    "id": "the sound file's name, else the row's number",
}


@dataclass(frozen=True)
class Plan:
    """What an import will do."""

    source: Source
    roles: Mapping[str, Found]
    finder: Finder
    each_its_own_speaker: bool
    num_rows: int | None
    """None where only reading shows it."""
    refers: bool
    """Whether the manifest will refer to the source's own files."""
    ages: Mapping[str, str]
    """Some of the ages that were met, and their buckets."""

    def lines(self) -> Iterator[str]:
        """For the person: kind, split, rows, columns, ages."""
        split = f", split {self.source.split}" if self.source.split is not None else ""
        rows = "an unknown number of" if self.num_rows is None else f"{self.num_rows:,}"
        yield f"{self.source.place}: {self.source.kind}{split}; {rows} rows"
        for role in ROLES:
            found = self.roles.get(role)
            yield f"  {role:8} {_FALLBACKS.get(role) if found is None else f'{found.column} ({found.how})'}"
        sound = f"referred to, {self.finder.told}" if self.refers else "written as 16 kHz mono FLAC"
        yield f"  sound    {sound}"
        if "age" in self.roles:
            yield f"  buckets  {RULE}"
            if self.ages:
                yield f"  such as  {', '.join(f'{age!r} is {bucket}' for age, bucket in self.ages.items())}"
        if self.each_its_own_speaker:
            yield f"caveat: {CAVEAT}"

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON has it."""
        return {
            "source": self.source.place,
            "kind": self.source.kind,
            "split": self.source.split,
            "rows": self.num_rows,
            "columns": as_dict(self.roles),
            "each_its_own_speaker": self.each_its_own_speaker,
            "sound": "referred to" if self.refers else "written",
            "ages": {"rule": RULE, "examples": dict(self.ages)} if "age" in self.roles else None,
            "caveats": [CAVEAT] if self.each_its_own_speaker else [],
        }


def planned(source: Source, named: Mapping[str, str], *, each_its_own_speaker: bool = False) -> Plan:
    """Look at the first rows; InputError where sound, text or speaker have no column."""
    roles = chosen_columns(source.columns, named, place=source.place, each_its_own_speaker=each_its_own_speaker)
    examples = list(islice(source.rows(), _EXAMPLES))
    roles = _without_what_is_no_id(roles, examples)
    if "speaker" in roles and _says_nothing(roles, examples):
        each_its_own_speaker = True
        roles["speaker"] = replace(roles["speaker"], how=f"{roles['speaker'].how}: each utterance's is its own")
    sounds = list(_sounds(roles, examples))
    finder = Finder((name, row.base) for name, row in sounds if isinstance(name, str))
    return Plan(
        source=source,
        roles=roles,
        finder=finder,
        each_its_own_speaker=each_its_own_speaker,
        num_rows=source.num_rows(),
        refers=any(isinstance(name, str) and row.part is None for name, row in sounds),
        ages=_ages(roles, examples),
    )


def _without_what_is_no_id(roles: dict[str, Found], examples: list[Row]) -> dict[str, Found]:
    """A column that was guessed to hold ids, and repeats itself or has gaps, holds something else."""
    if "id" not in roles or roles["id"].how != "by its name":
        return roles
    ids = [as_text(row.values.get(roles["id"].column)) for row in examples if row.fault is None]
    is_id = None not in ids and len(set(ids)) == len(ids)
    return roles if is_id else {role: found for role, found in roles.items() if role != "id"}


def _says_nothing(roles: Mapping[str, Found], examples: list[Row]) -> bool:
    """Whether every row's speaker is the utterance's own id, as tools fill in what they do not know."""
    if "id" not in roles or len(examples) < 2:
        return False
    pairs = [(row.values.get(roles["speaker"].column), row.values.get(roles["id"].column)) for row in examples]
    return all(speaker == utterance for speaker, utterance in pairs)


def _sounds(roles: Mapping[str, Found], examples: list[Row]) -> Iterator[tuple[Any, Row]]:
    for row in examples:
        try:
            yield sound_in(row.values.get(roles["audio"].column)), row
        except UnusableError:
            continue


def _ages(roles: Mapping[str, Found], examples: list[Row]) -> dict[str, str]:
    if "age" not in roles:
        return {}
    found = (as_text(row.values.get(roles["age"].column)) for row in examples)
    ages = islice(dict.fromkeys(age for age in found if age), _AGES_SHOWN)
    return {age: bucket_of(age, in_months=in_months(roles)) or "unknown" for age in ages}

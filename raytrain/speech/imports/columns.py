"""Which column holds what: a source's columns in; the column of each role, and how it was found, out.

Names are those that speech data sets use; what was named by hand is never guessed over.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from raytrain.errors import InputError
from raytrain.speech.imports.json_table import KEY_COLUMN
from raytrain.speech.imports.source import Columns

ROLES = ("audio", "text", "speaker", "age", "session", "id")
_NAMES = {
    "audio": "audio path file_name filename audio_path audio_file audio_filepath audio_filename file filepath file_path"
    " wav wav_path wav_file wav_filename clip clip_path sound recording recording_path flac mp3 speech fname"
    " relative_path location url",
    "text": "sentence transcription text transcript orthographic_text orthographic_transcription raw_transcription"
    " raw_text normalized_text words utterance_text transcript_text transcripts label_text caption",
    "speaker": "child_id child client_id speaker_id speaker spk_id spk speaker_name participant_id participant"
    " subject_id subject student_id student pupil_id pupil reader_id user_id talker talker_id",
    "age": "age_bucket age age_years age_in_years age_group age_range speaker_age child_age age_months age_in_months",
    "session": "session_id session visit recording_session chapter_id",
    "id": f"utterance_id utterance utt_id utt segment_id sample_id clip_id uid key id {KEY_COLUMN}",
}
_PATTERNS = {role: [re.sub(r"[^a-z0-9]", "", name) for name in names.split()] for role, names in _NAMES.items()}


@dataclass(frozen=True, slots=True)
class Found:
    """A column, and how it was found."""

    column: str
    how: str
    """`by its name`, `named by you`, ..."""


def chosen_columns(
    columns: Columns, named: Mapping[str, str], *, place: str, each_its_own_speaker: bool = False
) -> dict[str, Found]:
    """The column of each role that has one; InputError where sound, text or speaker has none, with the ways out."""
    there = ", ".join(columns.names)
    for role, column in named.items():
        if column not in columns.names:
            raise InputError(f"--{role} {column}: {place} has no such column; there are {there}")
    roles = guessed(columns, named)
    if each_its_own_speaker and "speaker" in named:
        raise InputError("--each-its-own-speaker: with --speaker the speakers are known; leave one of the two out")
    if each_its_own_speaker:
        roles.pop("speaker", None)
    for role, what in (("audio", "sound"), ("text", "transcripts")):
        if role not in roles:
            raise InputError(f"{place}: no column is known for {what}; name it, `--{role} COLUMN`, of {there}")
    if "speaker" not in roles and not each_its_own_speaker:
        first = "give it an utt2spk" if columns.fixed else f"name it, `--speaker COLUMN`, of {there}"
        raise InputError(
            f"{place}: {'nothing' if columns.fixed else 'no column'} says who speaks, and no child may be in both "
            f"halves; {first}; or take each utterance for a speaker of its own, `--each-its-own-speaker`, and every "
            "output says that a child may be in both halves"
        )
    return roles


def guessed(columns: Columns, named: Mapping[str, str] | None = None) -> dict[str, Found]:
    """The column of each role, as named, as the form has it, by what it holds, or by its name."""
    named = named or {}
    roles = {role: Found(column, "named by you") for role, column in named.items()}
    for role, (column, what) in columns.fixed.items():
        roles.setdefault(role, Found(column, what))
    if columns.fixed:
        return roles
    for role in ROLES:
        if role in roles:
            continue
        taken = {found.column for found in roles.values()}
        free = [name for name in columns.names if name not in taken]
        sound = [name for name in free if name in columns.holds_sound]
        by_name = _best(_PATTERNS[role], sound if role == "audio" and sound else free)
        if role == "audio" and len(sound) == 1:
            roles[role] = Found(sound[0], "by the sound in it")
        elif by_name is not None and (role == "audio" or by_name not in columns.holds_sound):
            roles[role] = Found(by_name, "by its name")
    return roles


def _best(patterns: list[str], names: list[str]) -> str | None:
    """The column whose name comes first among the usual ones, whatever its case and signs."""
    known = {re.sub(r"[^a-z0-9]", "", name.casefold()): name for name in reversed(names)}
    return next((known[pattern] for pattern in patterns if pattern in known), None)


def in_months(roles: Mapping[str, Found]) -> bool:
    """Whether the column of ages counts months, by its name."""
    return "age" in roles and "month" in roles["age"].column.casefold()


def as_dict(roles: Mapping[str, Found]) -> dict[str, Any]:
    """The columns as JSON has them; null for a role without one."""
    return {role: {"column": roles[role].column, "how": roles[role].how} if role in roles else None for role in ROLES}

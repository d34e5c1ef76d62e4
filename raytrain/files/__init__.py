"""Files that survive a kill, a power cut and a second process: whole writes, appended lines, locks, disk faults."""

from raytrain.files.appended import START, AppendedLines, Mark
from raytrain.files.cache import cache_folder
from raytrain.files.faults import is_disk_fault, is_full, is_in_the_way
from raytrain.files.hashed import sha256_of
from raytrain.files.home import at_home
from raytrain.files.lock import ProcessLock
from raytrain.files.sums import SUMS, read_sums, sum_faults, take_out, write_sums
from raytrain.files.typed import as_kind, parse_json, read_as, read_value, require_file
from raytrain.files.values import finite
from raytrain.files.whole import (
    make_folder,
    move,
    sync_file,
    sync_folder,
    sync_tree,
    whole_folder,
    write_json,
    write_text,
)

__all__ = [
    "START",
    "SUMS",
    "AppendedLines",
    "Mark",
    "ProcessLock",
    "as_kind",
    "at_home",
    "cache_folder",
    "finite",
    "is_disk_fault",
    "is_full",
    "is_in_the_way",
    "make_folder",
    "move",
    "parse_json",
    "read_as",
    "read_sums",
    "read_value",
    "require_file",
    "sha256_of",
    "sum_faults",
    "sync_file",
    "sync_folder",
    "sync_tree",
    "take_out",
    "whole_folder",
    "write_json",
    "write_sums",
    "write_text",
]

"""Files that survive a kill, a power cut and a second process: whole writes, appended lines, locks, disk faults."""

from raytrain.files.appended import AppendedLines
from raytrain.files.cache import cache_folder
from raytrain.files.faults import is_disk_fault, is_full
from raytrain.files.lock import ProcessLock
from raytrain.files.values import finite, read_json, read_json_or_nothing
from raytrain.files.whole import move, sync_file, sync_folder, sync_tree, whole_folder, write_json, write_text

__all__ = [
    "AppendedLines",
    "ProcessLock",
    "cache_folder",
    "finite",
    "is_disk_fault",
    "is_full",
    "move",
    "read_json",
    "read_json_or_nothing",
    "sync_file",
    "sync_folder",
    "sync_tree",
    "whole_folder",
    "write_json",
    "write_text",
]

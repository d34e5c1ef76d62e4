"""An OSError in; whether a disk caused it, and whether it is full, out. By number: texts depend on the locale."""

import errno

_FULL = {errno.ENOSPC, errno.EDQUOT}
_OF_A_DISK = _FULL | {errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM}
_IN_THE_WAY = {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY}


def is_disk_fault(error: OSError) -> bool:
    """Whether a disk is full, broken or not to be written to, so that the same work can go on once it is mended."""
    return error.errno in _OF_A_DISK


def is_in_the_way(error: OSError) -> bool:
    """Whether what lies in a file's place, a folder say, keeps it from being written."""
    return error.errno in _IN_THE_WAY


def is_full(error: OSError) -> bool:
    """Whether the disk, or the person's share of it, has no room left."""
    return error.errno in _FULL

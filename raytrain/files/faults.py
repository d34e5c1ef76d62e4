"""An OSError in; whether a disk caused it, and whether it is full, out. By number: texts depend on the locale."""

import errno

_FULL = {errno.ENOSPC, errno.EDQUOT}
_OF_A_DISK = _FULL | {errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM}


def is_disk_fault(error: OSError) -> bool:
    """Whether a disk is full, broken or not to be written to, so that the same work can go on once it is mended."""
    return error.errno in _OF_A_DISK


def is_full(error: OSError) -> bool:
    """Whether the disk, or the person's share of it, has no room left."""
    return error.errno in _FULL

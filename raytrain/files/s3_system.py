"""S3 as pyarrow sees it: settings in; a file system that tries again, wherever it is unpickled, out."""

import os
from typing import Any

from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem


class PatientS3(S3FileSystem):
    """Tries as often as it was made to, with growing waits; pyarrow's own forgets that on its way to another process.

    Keys are none of its settings: each process looks for its own, as all tools on AWS do.
    """

    def __init__(self, *, attempts: int, **settings: Any) -> None:
        if "AWS_ACCESS_KEY_ID" in os.environ:  # else AWS's library asks for the role of a machine on EC2, for seconds
            os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
        super().__init__(retry_strategy=AwsStandardS3RetryStrategy(max_attempts=attempts), **settings)
        self._made_with = {"attempts": attempts, **settings}

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self._made_with,)


def _made(settings: dict[str, Any]) -> PatientS3:
    return PatientS3(**settings)

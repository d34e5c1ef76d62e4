"""What a run needs is checked before anything is started."""

import pytest

from raytrain.config.reader import load_baseline
from raytrain.errors import InputError
from raytrain.trial.inputs import inputs_of


def test_a_bucket_is_no_storage_and_the_refusal_names_the_way_out() -> None:
    with pytest.raises(InputError, match=r"^storage: s3://bucket/runs: runs are kept in folders; name one that every"):
        inputs_of(load_baseline("small", ["storage=s3://bucket/runs"]))

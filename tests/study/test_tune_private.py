"""What Tune hands on to trials: no key of the person's, and still all that Ray Train needs."""

import pytest
from ray.train.v2._internal.constants import ENV_VARS_TO_PROPAGATE as OF_TRAIN
from ray.tune.execution import class_cache

from raytrain.study.tune_private import keep_secrets_out_of_logs


def test_tune_hands_no_aws_key_on_to_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        class_cache, "ENV_VARS_TO_PROPAGATE", set(class_cache.ENV_VARS_TO_PROPAGATE) | {"AWS_SESSION_TOKEN"}
    )
    monkeypatch.setenv("AWS_SESSION_TOKEN", "planted")
    keep_secrets_out_of_logs()

    class Trainable:
        pass

    made = class_cache._ActorClassCache().get(Trainable)
    assert "AWS_SESSION_TOKEN" not in made._default_options["runtime_env"]["env_vars"]
    assert class_cache.ENV_VARS_TO_PROPAGATE >= OF_TRAIN

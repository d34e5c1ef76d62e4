"""What Tune hands on to trials: no key of the person's, and all that Ray Train needs. And whose drivers it keeps."""

from types import SimpleNamespace

import pytest
from ray.train.v2._internal.constants import ENV_VARS_TO_PROPAGATE as OF_TRAIN
from ray.tune.execution import class_cache
from ray.tune.execution.tune_controller import TuneController

from raytrain.study import tune_private
from raytrain.study.tune_private import keep_drivers_whose_trial_has_ended, keep_secrets_out_of_logs


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


@pytest.mark.parametrize(
    ("row", "is_kept"),
    [({"outcome": "completed"}, True), ({"outcome": None}, False), ({"outcome": "failed"}, False), ({}, False)],
)
def test_the_driver_of_a_trial_that_ended_by_itself_is_kept_and_no_other(
    row: dict[str, str | None], is_kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TuneController, "_maybe_cache_trial_actor", TuneController._maybe_cache_trial_actor)
    monkeypatch.setattr(tune_private, "_keep_driver", lambda controller, trial: True)
    keep_drivers_whose_trial_has_ended()
    controller = SimpleNamespace()
    assert TuneController._maybe_cache_trial_actor(controller, SimpleNamespace(last_result=row)) is is_kept

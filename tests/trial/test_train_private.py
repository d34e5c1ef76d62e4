"""What raytrain takes out of Ray Train for a single worker: still there to be taken out, and nothing is missed."""

import inspect
import sys
import time
from pathlib import Path
from typing import Any

import pytest

RUN = {"CPU": 0.5, "GPU": 0.6}
"""Of the cluster's only card, more than half: two such runs wait for each other."""


def trainer(folder: Path, train: Any, *, asks_for_machines: bool = False) -> Any:
    from ray.train import RunConfig, ScalingConfig

    from raytrain.trial.train_private import LoneTrainer

    return LoneTrainer(
        train,
        asks_for_machines=asks_for_machines,
        train_loop_config={},
        scaling_config=ScalingConfig(num_workers=1, use_gpu=True, resources_per_worker=RUN),
        run_config=RunConfig(name="run", storage_path=str(folder)),
    )


def reports_once(asked: dict[str, Any]) -> None:
    import tempfile

    import ray.train

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "weights").write_text("1")
        checkpoint = ray.train.Checkpoint.from_directory(folder)
        ray.train.report({"row": 1}, checkpoint=checkpoint, checkpoint_dir_name="step-1")


def fails(asked: dict[str, Any]) -> None:
    raise ValueError("no such thing")


def never_ends(asked: dict[str, Any]) -> None:
    while True:
        time.sleep(0.1)


def driver() -> Any:
    """An actor in which runs are driven, as Tune's are."""
    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # Ray's processes cannot import a test

    class Driver:
        def fit(self, folder: Path, train: Any) -> tuple[str, str]:
            result = trainer(folder, train).fit()
            return Path(result.path).name, Path(result.checkpoint.path).name

    return ray.remote(num_cpus=0, max_concurrency=2)(Driver).remote()


def actors() -> set[str]:
    from ray.util.state import list_actors

    return {actor.class_name for actor in list_actors(limit=1000)}


def test_ray_train_has_all_that_is_replaced() -> None:
    from ray.train.v2._internal.execution.controller import TrainController
    from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy
    from ray.train.v2._internal.execution.worker_group import WorkerGroup
    from ray.train.v2._internal.execution.worker_group import state as group_state
    from ray.train.v2._internal.execution.worker_group import worker_group as group_module
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    assert TrainController.worker_group_cls is WorkerGroup
    assert "SynchronizationActor.options(" in inspect.getsource(WorkerGroup._start_impl)
    assert "self._get_worker_runtime_env(" in inspect.getsource(WorkerGroup._create_workers)
    assert "self._create_placement_group(" in inspect.getsource(WorkerGroup._start_impl)
    assert "_shutdown_sync_actor(" in inspect.getsource(group_state.WorkerGroupState.shutdown)
    assert hasattr(group_module, "SynchronizationActor")
    assert "scaling_policy=create_scaling_policy(" in inspect.getsource(DataParallelTrainer.fit)
    assert {"after_controller_start", "_maybe_send_resource_request"} <= set(dir(FixedScalingPolicy))
    assert "self._initialize_and_run_controller(" in inspect.getsource(DataParallelTrainer.fit)


def test_of_the_callbacks_of_a_run_two_are_left_out_that_start_processes(tmp_path: Path) -> None:
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    lone = trainer(tmp_path, reports_once)
    ours = [type(one).__name__ for one in lone._create_default_callbacks()]
    theirs = [type(one).__name__ for one in DataParallelTrainer._create_default_callbacks(lone)]
    assert set(theirs) - set(ours) == {"DatasetsCallback", "PlacementGroupCleanerCallback"}
    assert set(ours) < set(theirs)


@pytest.mark.usefixtures("ray_cluster")
def test_a_run_in_an_actor_starts_its_worker_and_no_process_besides(tmp_path: Path) -> None:
    import ray

    before = actors()
    assert ray.get(driver().fit.remote(tmp_path, reports_once)) == ("run", "step-1")
    assert (tmp_path / "run" / "step-1" / "weights").read_text() == "1"
    begun = actors() - before
    assert not begun & {"TrainController", "SynchronizationActor", "PlacementGroupCleaner", "DatasetManager"}
    assert "_AutoscalingCoordinatorActor" not in begun
    assert "RayTrainWorker" in begun | before


@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize("asks", [False, True])
def test_an_autoscaler_is_asked_for_machines_where_somebody_may_have_one(
    asks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    monkeypatch.setattr(DataParallelTrainer, "_initialize_and_run_controller", lambda self, **parts: parts)
    lone = trainer(tmp_path, reports_once, asks_for_machines=asks)
    theirs = FixedScalingPolicy(lone.scaling_config)
    used = lone._initialize_and_run_controller(scaling_policy=theirs)["scaling_policy"]
    assert (used is theirs) is asks
    assert isinstance(used, FixedScalingPolicy)


@pytest.mark.usefixtures("ray_cluster")
def test_what_the_worker_raises_reaches_the_driver(tmp_path: Path) -> None:
    import ray

    with pytest.raises(ray.exceptions.RayTaskError, match="no such thing"):
        ray.get(driver().fit.remote(tmp_path, fails))


@pytest.mark.usefixtures("ray_cluster")
def test_a_run_that_waits_frees_what_a_killed_one_still_holds(tmp_path: Path) -> None:
    import ray

    def held() -> bool:
        return ray.available_resources().get("GPU", 0.0) < 0.5

    first = driver()
    running = first.fit.remote(tmp_path / "first", never_ends)
    ends_s = time.monotonic() + 60
    while not held() and time.monotonic() < ends_s and not ray.wait([running], timeout=0)[0]:
        time.sleep(0.05)
    assert held(), ray.get(running, timeout=1)
    second = driver().fit.remote(tmp_path / "second", reports_once)
    ready, _ = ray.wait([second], timeout=3)
    assert not ready
    ray.kill(first)
    assert ray.get(second, timeout=60) == ("run", "step-1")

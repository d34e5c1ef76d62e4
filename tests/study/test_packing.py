"""What runs at once: never more than the cards hold, and never fewer than they could for want of order."""

from dataclasses import asdict
from typing import Any

from raytrain.study.packing import Room
from raytrain.study.searcher import StudySearcher
from raytrain.trial.cluster import Hardware
from raytrain.trial.job import Share

ONE_CARD = Hardware(cpus=16, gpus=1)


def started(room: Room, *fractions: float, num_workers: int = 1) -> list[bool]:
    return [
        room.take(number, Share(use_gpu=True, gpu_fraction=fraction, cpus=1, threads=1), num_workers=num_workers)
        for number, fraction in enumerate(fractions)
    ]


def test_four_quarters_run_at_once_and_of_three_at_0_4_only_two() -> None:
    assert started(Room(ONE_CARD), 0.25, 0.25, 0.25, 0.25, 0.25) == [True] * 4 + [False]
    assert started(Room(ONE_CARD), 0.4, 0.4, 0.4) == [True, True, False]


def test_thirds_are_counted_as_ray_counts_them() -> None:
    assert started(Room(ONE_CARD), 0.3333, 0.3333, 0.3333) == [True] * 3
    assert started(Room(ONE_CARD), 0.34, 0.34, 0.34) == [True, True, False]


def test_shares_of_two_cards_do_not_add_up_to_one() -> None:
    assert started(Room(Hardware(cpus=16, gpus=2)), 0.6, 0.6, 0.5, 0.4, 0.4) == [True, True, False, True, True]


def test_small_trials_leave_a_card_free_for_a_large_one() -> None:
    assert started(Room(Hardware(cpus=16, gpus=2)), 0.3, 0.3, 0.3, 1.0) == [True] * 4


def test_each_worker_takes_its_own_share() -> None:
    assert started(Room(Hardware(cpus=16, gpus=4)), 1.0, 1.0, 1.0, num_workers=2) == [True, True, False]


def test_cpus_run_out_too() -> None:
    assert started(Room(Hardware(cpus=2, gpus=1)), 0.1, 0.1, 0.1) == [True, True, False]


def test_what_has_ended_leaves_its_room_to_the_next() -> None:
    room = Room(ONE_CARD)
    assert started(room, 0.5, 0.4, 0.9) == [True, True, False]
    room.give_back(0)
    room.give_back(1)
    room.give_back(7)  # never took any
    assert started(room, 0.9, 0.2) == [True, False]


def test_a_large_trial_that_waits_is_not_passed_by_small_ones() -> None:
    room, asked = Room(ONE_CARD), iter([trial(0, 0.3), trial(1, 0.9), trial(2, 0.1)])
    searcher = StudySearcher(lambda: next(asked, None), has_room=room.take_for)
    assert [searcher.suggest("a"), searcher.suggest("b"), searcher.suggest("c")] == [trial(0, 0.3), None, None]
    room.give_back(0)
    assert [searcher.suggest("d"), searcher.suggest("e")] == [trial(1, 0.9), trial(2, 0.1)]
    assert searcher.suggest("f") == StudySearcher.FINISHED


def test_what_no_cluster_could_hold_does_not_wait_for_ever() -> None:
    assert Room(Hardware(cpus=1, gpus=0)).take_for(trial(0, 1.0))


def trial(number: int, fraction: float) -> dict[str, Any]:
    share = Share(use_gpu=True, gpu_fraction=fraction, cpus=1, threads=1)
    return {"number": number, "job": {"share": asdict(share), "config": {"scaling": {"num_workers": 1}}}}

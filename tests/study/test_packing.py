"""What runs at once: never more than the cards hold, and never fewer than they could for want of order."""

from dataclasses import replace
from typing import Any

from asked_trials import asked
from hypothesis import given
from hypothesis import strategies as st

from raytrain.config.baseline import Baseline
from raytrain.config.reader import load_baseline
from raytrain.study.packing import Room
from raytrain.study.searcher import StudySearcher
from raytrain.trial.hardware import Hardware, Node
from raytrain.trial.job import Share, Trial

SHARE = Share(use_gpu=True, gpu_fraction=1.0, cpus=1, threads=1)


def machine(cpus: int = 16, gpus: int = 1, *, name: str = "here", card_gib: float | None = None) -> Node:
    return Node(id=name, cpus=cpus, gpus=gpus, smallest_card_gib=card_gib)


def of(fraction: float, *, num_workers: int = 1) -> Baseline:
    return load_baseline("tiny", [f"scaling.gpu_fraction={fraction}", f"scaling.num_workers={num_workers}"])


def as_said(config: Baseline, card_gib: float | None) -> float:
    return float(config.scaling.gpu_fraction)


def four_gib(config: Baseline, card_gib: float | None) -> float | None:
    """A trial that takes 4 GiB."""
    return 4 / card_gib if card_gib is not None and card_gib >= 4 else None


def started(room: Room, *fractions: float, num_workers: int = 1) -> list[bool]:
    return [
        room.take(number, SHARE, of(fraction, num_workers=num_workers)) is not None
        for number, fraction in enumerate(fractions)
    ]


def room_of(*nodes: Node) -> Room:
    return Room(Hardware(nodes), part=as_said)


def test_four_quarters_run_at_once_and_of_three_at_0_4_only_two() -> None:
    assert started(room_of(machine()), 0.25, 0.25, 0.25, 0.25, 0.25) == [True] * 4 + [False]
    assert started(room_of(machine()), 0.4, 0.4, 0.4) == [True, True, False]


def test_thirds_are_counted_as_ray_counts_them() -> None:
    assert started(room_of(machine()), 0.3333, 0.3333, 0.3333) == [True] * 3
    assert started(room_of(machine()), 0.34, 0.34, 0.34) == [True, True, False]


def test_shares_of_two_cards_do_not_add_up_to_one() -> None:
    assert started(room_of(machine(gpus=2)), 0.6, 0.6, 0.5, 0.4, 0.4) == [True, True, False, True, True]


def test_small_trials_leave_a_card_free_for_a_large_one() -> None:
    assert started(room_of(machine(gpus=2)), 0.3, 0.3, 0.3, 1.0) == [True] * 4


def test_each_worker_takes_its_own_share() -> None:
    assert started(room_of(machine(gpus=4)), 1.0, 1.0, 1.0, num_workers=2) == [True, True, False]


def test_cpus_run_out_too_and_a_machine_does_not_lend_its_own() -> None:
    assert started(room_of(machine(cpus=2)), 0.1, 0.1, 0.1) == [True, True, False]
    assert started(room_of(machine(1, name="a"), machine(9, 0, name="b")), 0.1, 0.1) == [True, False]


def test_what_is_taken_of_each_card_is_told() -> None:
    room = room_of(machine(name="a", gpus=2), machine(name="b"))
    assert started(room, 0.75, 0.5, 0.25, 1.0) == [True] * 4
    assert room.taken() == [1.0, 0.5, 1.0]
    room.give_back(0)
    assert room.taken() == [0.25, 0.5, 1.0]


def test_a_trial_on_the_cpu_takes_no_card() -> None:
    on_cpu = Share(use_gpu=False, gpu_fraction=1.0, cpus=1, threads=1)
    room = room_of(machine(cpus=2, gpus=0))
    assert [room.take(number, on_cpu, of(1.0)) for number in range(3)] == [on_cpu, on_cpu, None]


def test_what_has_ended_leaves_its_room_to_the_next() -> None:
    room = room_of(machine())
    assert started(room, 0.5, 0.4, 0.9) == [True, True, False]
    room.give_back(0)
    room.give_back(1)
    room.give_back(7)  # never took any
    assert started(room, 0.9, 0.2) == [True, False]


@given(
    fractions=st.lists(st.sampled_from([0.1, 0.25, 0.3333, 0.4, 0.5, 0.9, 1.0]), max_size=30), gpus=st.integers(1, 3)
)
def test_what_runs_at_once_never_adds_up_to_more_than_the_cards(fractions: list[float], gpus: int) -> None:
    running = started(room_of(machine(cpus=99, gpus=gpus)), *fractions)
    assert sum(fraction for fraction, runs in zip(fractions, running, strict=True) if runs) <= gpus + 1e-9


def test_on_unlike_cards_a_trial_has_the_part_it_needs_of_its_own_card() -> None:
    room = Room(Hardware((machine(name="a", card_gib=8), machine(name="b", card_gib=16))), part=four_gib)
    first, second, third = (room.take(number, SHARE, of(1.0)) for number in range(3))
    assert first == second == replace(SHARE, gpu_fraction=0.5, gpu_share_gib=4, node_ids=("a",))
    assert third == replace(SHARE, gpu_fraction=0.25, gpu_share_gib=4, node_ids=("b",))


def test_a_card_that_is_too_small_stays_out_of_it() -> None:
    nodes = machine(name="a", card_gib=2), machine(name="b", card_gib=8), machine(name="c", card_gib=8)
    share = Room(Hardware(nodes), part=four_gib).take(0, SHARE, of(1.0))
    assert share is not None
    assert (share.gpu_fraction, share.node_ids) == (0.5, ("b", "c"))


def test_on_cards_that_are_alike_any_machine_will_do() -> None:
    nodes = machine(name="a", card_gib=8), machine(name="b", card_gib=8), machine(gpus=0, name="head")
    share = Room(Hardware(nodes), part=four_gib).take(0, SHARE, of(1.0))
    assert share is not None
    assert (share.gpu_fraction, share.node_ids) == (0.5, ())


def test_a_large_trial_that_waits_is_not_passed_by_small_ones() -> None:
    room, asked = room_of(machine()), iter([trial(0, 0.3), trial(1, 0.9), trial(2, 0.1)])
    searcher = StudySearcher(lambda: next(asked, None), place=room.place)
    assert [number(searcher.suggest("a")), searcher.suggest("b"), searcher.suggest("c")] == [0, None, None]
    room.give_back(0)
    assert [number(searcher.suggest("d")), number(searcher.suggest("e"))] == [1, 2]
    assert searcher.suggest("f") == StudySearcher.FINISHED


def test_what_no_cluster_could_hold_does_not_wait_for_ever() -> None:
    assert room_of(machine(cpus=1, gpus=0)).place(trial(0, 1.0)) == trial(0, 1.0)


def trial(number: int, fraction: float) -> Trial:
    return asked(number, of(fraction), share=SHARE)


def number(suggested: dict[str, Any] | str | None) -> int:
    assert isinstance(suggested, dict)
    return int(suggested["trial"].number)


def test_a_machine_that_is_gone_takes_no_more_and_one_that_came_does() -> None:
    room = room_of(machine(name="stays"), machine(name="goes"))
    assert started(room, 1.0, 1.0, 1.0) == [True, True, False]
    room.follow(Hardware((machine(name="stays"), machine(name="new"))))
    assert room.taken() == [1.0, 0.0]
    room.give_back(0)
    room.give_back(1)
    assert [room.take(number, SHARE, of(1.0)) is not None for number in (3, 4, 5)] == [True, True, False]
    assert room.taken() == [1.0, 1.0]

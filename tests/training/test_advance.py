"""What is made ahead of time is what would have been made in time."""

import threading

import pytest

from raytrain.training.advance import in_advance


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_items_come_in_order_with_what_was_made_of_each(depth: int) -> None:
    assert [(item, made()) for item, made in in_advance(str, range(7), depth=depth)] == [(n, str(n)) for n in range(7)]


def test_the_next_is_being_made_while_one_is_worked_on() -> None:
    begun = [threading.Event() for _ in range(3)]

    def make(item: int) -> int:
        begun[item].set()
        return item

    prepared = in_advance(make, range(3), depth=1)
    next(prepared)
    assert begun[1].wait(timeout=10)
    assert not begun[2].is_set()
    prepared.close()


def test_what_a_making_raised_is_raised_where_it_is_asked_for_and_not_before() -> None:
    prepared = in_advance(lambda divisor: 1 // divisor, [1, 0, 1], depth=2)
    assert next(prepared)[1]() == 1
    item, made = next(prepared)
    assert item == 0
    with pytest.raises(ZeroDivisionError):
        made()
    prepared.close()

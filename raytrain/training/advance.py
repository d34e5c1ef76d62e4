"""Work that is done before it is asked for: what to make of which items in; what was made, in order, out."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def in_advance(
    make: Callable[[Item], Made], items: Iterable[Item], *, depth: int
) -> Generator[tuple[Item, Callable[[], Made]]]:
    """Each item in order with what gives what was made of it, or raises what its making raised. A thread is `depth`
    items ahead, so that no GPU waits for a CPU. At depth 0 each is made when it is asked for, as suits a CPU that has
    no core to spare. What is made is the same."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as thread:
        waiting: deque[tuple[Item, Future[Made]]] = deque()
        for item in items:
            waiting.append((item, thread.submit(make, item)))
            if len(waiting) > depth:
                first, made = waiting.popleft()
                yield first, made.result
        while waiting:
            first, made = waiting.popleft()
            yield first, made.result

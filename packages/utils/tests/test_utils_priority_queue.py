# SPDX-License-Identifier: BSD-3-Clause
"""PriorityQueue against a sorted list, and its errors."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from byhand.utils.priority_queue import PriorityQueue

PRIORITIES = st.one_of(st.integers(-3, 3), st.floats(allow_nan=False), st.integers(-(2**70), 2**70))


class AgainstSortedList(RuleBasedStateMachine):
    """The oracle is a list of [priority, arrival, item], sorted whenever it is looked at."""

    @initialize(
        order=st.sampled_from(["min", "max"]), capacity=st.one_of(st.none(), st.integers(1, 6))
    )
    def start(self, order: str, capacity: int | None) -> None:
        self.queue: PriorityQueue[int] = PriorityQueue(order, capacity)
        self.model: list[list[float]] = []
        self.sign = 1 if order == "min" else -1
        self.arrival = 0

    def ordered(self) -> list[list[float]]:
        return sorted(self.model, key=lambda row: (self.sign * row[0], row[1]))

    @rule(priority=PRIORITIES)
    def push(self, priority: float) -> None:
        self.model.append([priority, self.arrival, self.arrival])
        dropped = self.queue.push(self.arrival, priority)
        self.arrival += 1
        if self.queue.capacity is not None and len(self.model) > self.queue.capacity:
            last = self.ordered()[-1]
            self.model.remove(last)
            assert dropped == (last[2], last[0])
        else:
            assert dropped is None

    @precondition(lambda self: self.model)
    @rule()
    def pop(self) -> None:
        first = self.ordered()[0]
        assert self.queue.peek() == (first[2], first[0])
        assert self.queue.pop() == (first[2], first[0])
        self.model.remove(first)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), priority=PRIORITIES)
    def update(self, data: st.DataObject, priority: float) -> None:
        row = data.draw(st.sampled_from(self.model))
        row[0] = priority
        self.queue.update(int(row[2]), priority)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self.model))
        self.model.remove(row)
        assert self.queue.remove(int(row[2])) == (row[2], row[0])

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "queue"):
            return
        assert list(self.queue) == [row[2] for row in self.ordered()]
        assert len(self.queue) == len(self.model)
        assert all(self.queue[int(row[2])] == row[0] for row in self.model)
        assert -1 not in self.queue


TestAgainstSortedList = AgainstSortedList.TestCase
TestAgainstSortedList.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("order", ["min", "max"])
def test_equal_priorities_leave_in_the_order_of_arrival(order: str) -> None:
    queue: PriorityQueue[str] = PriorityQueue(order)
    for item in "byhand":
        queue.push(item, 1.0)
    queue.update("h", 2)
    queue.update("h", 1)  # back among its equals, at its old place
    assert "".join(queue.pop().item for _ in range(6)) == "byhand"


def test_full_queue_keeps_the_best_and_says_what_it_dropped() -> None:
    queue: PriorityQueue[str] = PriorityQueue("max", capacity=2)
    assert queue.push("a", 1) is None
    assert queue.push("b", 2) is None
    assert queue.push("c", 3) == ("a", 1)
    assert queue.push("d", 0) == ("d", 0)
    assert queue.push("e", 2) == ("e", 2)  # the newest of equals would leave last
    assert list(queue) == ["c", "b"]


def test_items_need_no_order_among_themselves() -> None:
    queue: PriorityQueue[object] = PriorityQueue()
    for item in (1j, "text", None, (1, 2)):
        queue.push(item, 0)
    queue.update("text", 0)
    assert [queue.pop().item for _ in range(4)] == [1j, "text", None, (1, 2)]


def test_small_numpy_integers_do_not_wrap_in_max_order() -> None:
    queue: PriorityQueue[str] = PriorityQueue("max")
    queue.push("low", np.int8(-128))  # type: ignore[arg-type]
    queue.push("high", np.uint8(200))  # type: ignore[arg-type]
    assert list(queue) == ["high", "low"]
    assert queue.pop().priority == 200


def test_many_updates_do_not_let_the_heap_grow() -> None:
    queue: PriorityQueue[int] = PriorityQueue(capacity=10)
    for item in range(10):
        queue.push(item, item)
    for i in range(5000):
        queue.update(i % 10, -i)
    assert max(len(queue._first), len(queue._last)) <= 64


def test_copies_and_pickles_are_independent_and_equal() -> None:
    queue: PriorityQueue[str] = PriorityQueue("max", capacity=3)
    for i, item in enumerate("abcd"):
        queue.push(item, i)
    for other in (copy.deepcopy(queue), pickle.loads(pickle.dumps(queue))):
        assert other.pop() == ("d", 3)
        other.push("z", 9)
        assert list(other) == ["z", "c", "b"]
    assert list(queue) == ["d", "c", "b"]


def test_errors_say_what_is_wrong() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    for method in (queue.pop, queue.peek):
        with pytest.raises(IndexError, match="the queue is empty"):
            method()
    queue.push("a", 1)
    with pytest.raises(ValueError, match="item 'a' is in the queue already"):
        queue.push("a", 2)
    for act in (lambda: queue.update("b", 1), lambda: queue.remove("b"), lambda: queue["b"]):
        with pytest.raises(KeyError, match="item 'b' is not in the queue"):
            act()
    with pytest.raises(ValueError, match="priority"):
        queue.push("c", float("nan"))
    with pytest.raises(ValueError, match="priority"):
        queue.update("a", float("nan"))
    with pytest.raises(TypeError, match="priority"):
        queue.push("c", "high")  # type: ignore[arg-type]
    assert list(queue) == ["a"]  # refused calls changed nothing
    assert queue["a"] == 1
    with pytest.raises(ValueError, match=r"order.*'min'"):
        PriorityQueue("largest")
    with pytest.raises(ValueError, match="capacity"):
        PriorityQueue(capacity=0)
    with pytest.raises(TypeError, match="capacity"):
        PriorityQueue(capacity=2.5)  # type: ignore[arg-type]
    assert repr(queue) == "PriorityQueue(order='min', capacity=None, n_items=1)"

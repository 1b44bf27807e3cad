# SPDX-License-Identifier: BSD-3-Clause
"""Priority queue: always hands out the item of lowest (or highest) priority next.

Source:  Williams (1964), the binary heap, as Python's heapq has it.
Differs: changing or removing an item leaves its old entry in the heap, to be skipped when it
         surfaces (lazy deletion), and the heap is built anew when most of it is such entries.
         Equal priorities leave in the order in which their items came.
Cost:    O(log n) amortised for push, pop, update and remove; O(1) for len and in; O(n) memory.
Checked: a sorted list, over random sequences of operations.
"""
# entry (key, number, serial, item): key = priority, or its negative for "max"; number counts
# items as they come; serial differs for every entry, so that items are never compared

from __future__ import annotations

import heapq
import operator
from collections.abc import Hashable, Iterator
from typing import Generic, NamedTuple, TypeVar, cast

from .validation import check_choice, check_scalar

__all__ = ["PriorityQueue", "QueueEntry"]

Item = TypeVar("Item", bound=Hashable)
_HeapEntry = tuple[float, int, int, Item]


class QueueEntry(NamedTuple, Generic[Item]):
    """What leaves the queue."""

    item: Item
    priority: float  # int or float, as pushed


class PriorityQueue(Generic[Item]):
    """Queue ordered by priority, in which priorities can be changed and items removed.

    Parameters
    ----------
    order : {"min", "max"}, default "min"
        Whether the lowest or the highest priority leaves first.
    capacity : int or None, default None
        Keep at most this many: of a full queue the item that would leave last is dropped.

    Notes
    -----
    Items are hashable and distinct. ``item in queue``, ``len(queue)`` and ``queue[item]`` (its
    priority) work as with a dict; iterating gives the items in the order in which they would leave.

    Examples
    --------
    >>> from byhand.utils.priority_queue import PriorityQueue
    >>> queue = PriorityQueue(order="max")
    >>> queue.push("wash", 1), queue.push("eat", 3), queue.push("sleep", 2)
    (None, None, None)
    >>> queue.update("wash", 2.5)
    >>> queue.pop(), list(queue)
    (QueueEntry(item='eat', priority=3), ['wash', 'sleep'])
    """

    def __init__(self, order: str = "min", capacity: int | None = None) -> None:
        self.order: str = check_choice(order, "order", ("min", "max"))
        if capacity is not None:
            check_scalar(capacity, "capacity", integer=True, low=1)
        self.capacity = capacity
        self._live: dict[Item, _HeapEntry[Item]] = {}  # the valid entry of each item
        self._first: list[_HeapEntry[Item]] = []  # heap whose top leaves next
        self._last: list[_HeapEntry[Item]] = []  # the reverse, needed to drop the last only
        self._pushed = self._entered = 0  # the next number, the next serial

    def push(self, item: Item, priority: float) -> QueueEntry[Item] | None:
        """Add an item.

        Parameters
        ----------
        item : hashable
            Not yet in the queue.
        priority : int or float
            Any number but NaN.

        Returns
        -------
        QueueEntry or None
            What a full queue dropped to make room, possibly this very item.

        Raises
        ------
        ValueError
            If the item is in the queue, or the priority is NaN.
        """
        if item in self._live:
            raise ValueError(f"item {item!r} is in the queue already: use update")
        self._enter(item, self._key(priority), self._pushed)
        self._pushed += 1
        if self.capacity is None or len(self._live) <= self.capacity:
            return None
        return self._leave(self._top(self._last))

    def pop(self) -> QueueEntry[Item]:
        """Take out the item that is next; IndexError if there is none."""
        return self._leave(self._top(self._first))

    def peek(self) -> QueueEntry[Item]:
        """Look at the item that is next; IndexError if there is none."""
        item = self._top(self._first)
        return QueueEntry(item, self[item])

    def update(self, item: Item, priority: float) -> None:
        """Change an item's priority, not its age among equals; KeyError if it is absent."""
        number = self._entry(item)[1]
        self._enter(item, self._key(priority), number)
        self._sweep()

    def remove(self, item: Item) -> QueueEntry[Item]:
        """Take out an item wherever it stands; KeyError if absent."""
        self._entry(item)
        return self._leave(item)

    def __getitem__(self, item: Item) -> float:
        key = self._entry(item)[0]
        return key if self.order == "min" else -key

    def __contains__(self, item: object) -> bool:
        return item in self._live

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[Item]:
        return (entry[3] for entry in sorted(self._live.values(), key=operator.itemgetter(0, 1)))

    def __repr__(self) -> str:
        return f"PriorityQueue(order={self.order!r}, capacity={self.capacity}, n_items={len(self)})"

    # ---- entries

    def _key(self, priority: float) -> float:
        check_scalar(priority, "priority")
        # NumPy's small integers would wrap when negated; Python's compare exactly with floats
        whole = hasattr(type(priority), "__index__")
        number: float = operator.index(cast(int, priority)) if whole else float(priority)
        return number if self.order == "min" else -number

    def _entry(self, item: Item) -> _HeapEntry[Item]:
        if item not in self._live:
            raise KeyError(f"item {item!r} is not in the queue")
        return self._live[item]

    def _enter(self, item: Item, key: float, number: int) -> None:
        entry = (key, number, self._entered, item)
        self._entered += 1
        self._live[item] = entry
        heapq.heappush(self._first, entry)
        if self.capacity is not None:
            heapq.heappush(self._last, _reverse(entry))

    def _leave(self, item: Item) -> QueueEntry[Item]:
        gone = QueueEntry(item, self[item])
        del self._live[item]
        self._sweep()
        return gone

    def _top(self, heap: list[_HeapEntry[Item]]) -> Item:
        """Return the item on top, throwing out old entries: only the newest has the serial."""
        while heap:
            _, _, serial, item = heap[0]
            live = self._live.get(item)
            if live is not None and live[2] == serial:
                return item
            heapq.heappop(heap)
        raise IndexError("the queue is empty")

    def _sweep(self) -> None:
        """Build a heap anew if most of its entries are old: amortised, O(1) per operation."""
        if len(self._first) > 2 * len(self._live) + 32:
            self._first = list(self._live.values())
            heapq.heapify(self._first)
        if len(self._last) > 2 * len(self._live) + 32:
            self._last = [_reverse(entry) for entry in self._live.values()]
            heapq.heapify(self._last)


def _reverse(entry: _HeapEntry[Item]) -> _HeapEntry[Item]:
    return -entry[0], -entry[1], entry[2], entry[3]

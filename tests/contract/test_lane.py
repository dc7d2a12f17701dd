"""A lane never lets a call that hangs hold anything else."""

from __future__ import annotations

import asyncio
import threading
import weakref

import pytest

from backends.errors import DeadlineError
from backends.hypervisor.lane import Lane


async def test_answers_come_back_in_order() -> None:
    lane = Lane("test")
    numbers = iter(range(10))
    answers = await asyncio.gather(*(lane.call(lambda: next(numbers), deadline_s=5) for _ in range(10)))
    assert answers == list(range(10))
    lane.abandon()


async def test_errors_come_back_as_they_are() -> None:
    lane = Lane("test")

    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await lane.call(fail, deadline_s=5)
    assert await lane.call(lambda: 1, deadline_s=5) == 1
    lane.abandon()


async def test_a_call_that_hangs_misses_its_deadline_and_closes_the_lane() -> None:
    release, ended = threading.Event(), threading.Event()
    lane = Lane("test", farewell=ended.set)
    with pytest.raises(DeadlineError, match=r"no answer within 0\.05 s"):
        await lane.call(release.wait, deadline_s=0.05)
    with pytest.raises(DeadlineError, match="never returned"):
        await lane.call(lambda: 1, deadline_s=5)
    assert not ended.is_set()
    release.set()
    assert await asyncio.to_thread(ended.wait, 5)


async def test_a_cancelled_caller_leaves_the_lane_usable() -> None:
    release = threading.Event()
    lane = Lane("test")
    waiting = asyncio.create_task(lane.call(release.wait, deadline_s=5))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()
    assert await lane.call(lambda: "alive", deadline_s=5) == "alive"
    lane.abandon()


async def test_a_call_that_was_given_up_in_the_queue_is_never_carried_out() -> None:
    release = threading.Event()
    done: list[str] = []
    lane = Lane("test")
    first = asyncio.create_task(lane.call(release.wait, deadline_s=5))
    second = asyncio.create_task(lane.call(lambda: done.append("force off"), deadline_s=5))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    release.set()
    await first
    await lane.call(lambda: done.append("after"), deadline_s=5)
    assert done == ["after"]
    lane.abandon()


async def test_a_deadline_runs_from_the_beginning_of_the_call() -> None:
    release = threading.Event()
    lane = Lane("test")
    first = asyncio.create_task(lane.call(release.wait, deadline_s=5))
    second = asyncio.create_task(lane.call(lambda: "in time", deadline_s=0.05))
    await asyncio.sleep(0.2)
    assert not second.done()
    release.set()
    await first
    assert await second == "in time"
    lane.abandon()


async def test_calls_that_wait_behind_a_hanging_one_are_told_at_once() -> None:
    release = threading.Event()
    done: list[str] = []
    lane = Lane("test")
    first = asyncio.create_task(lane.call(release.wait, deadline_s=0.05))
    second = asyncio.create_task(lane.call(lambda: done.append("late"), deadline_s=5))
    for call in (first, second):
        with pytest.raises(DeadlineError):
            await call
    release.set()
    assert not done


async def test_an_error_brings_no_objects_of_its_frames_along() -> None:
    """A libvirt object in them would be freed on the event loop's thread, and say good-bye over its own socket."""

    class Precious:
        pass

    alive: list[weakref.ref[Precious]] = []

    def fail() -> None:
        precious = Precious()
        alive.append(weakref.ref(precious))
        raise KeyError(id(precious))

    lane = Lane("test")
    with pytest.raises(KeyError) as caught:
        await lane.call(fail, deadline_s=5)
    assert caught.value is not None
    assert alive[0]() is None
    lane.abandon()

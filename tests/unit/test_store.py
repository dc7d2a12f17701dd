"""What is known of the fleet follows from the events, whatever their order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from backends.fleet.mailbox import Board
from backends.fleet.store import reduce
from backends.model.fleet import (
    FleetState,
    GuestGone,
    GuestsChanged,
    HostView,
    LinkChanged,
    Sampled,
    Snapshot,
    Topic,
)
from backends.model.guest import Guest, GuestKey, GuestSample, GuestState
from backends.model.host import HostFacts, HostName, HostSpec, Link, LinkStatus, Reach

NOW = datetime(2026, 11, 24, tzinfo=UTC)
H1 = HostName("h1")
FACTS = HostFacts("h1", "", "x86_64", "", 2, 2**30)
KEY = GuestKey(H1, "qemu", "u-1")
WEB = Guest(KEY, "web-01", GuestState.RUNNING, "booted", 1, 2**27)


def fleet() -> FleetState:
    connecting = LinkStatus(Link.CONNECTING, NOW)
    return FleetState(hosts={H1: HostView(HostSpec(H1, Reach.SSH, "root@h1"), connecting)})


def after_snapshot(epoch: int = 1) -> FleetState:
    return reduce(fleet(), Snapshot(H1, epoch, FACTS, (WEB,), NOW))[0]


def test_a_snapshot_brings_the_guests() -> None:
    state, dirty = reduce(fleet(), Snapshot(H1, 1, FACTS, (WEB,), NOW))
    assert state.guest(KEY) == WEB
    assert (Topic.GUEST, KEY) in dirty


def test_a_guest_that_did_not_change_is_no_news() -> None:
    state = after_snapshot()
    same, dirty = reduce(state, GuestsChanged(H1, 1, (WEB,), NOW))
    assert same is state
    assert not dirty


def test_news_of_an_older_connection_is_dropped() -> None:
    state = after_snapshot(epoch=2)
    off = replace(WEB, state=GuestState.OFF)
    for late in (
        GuestsChanged(H1, 1, (off,), NOW),
        GuestGone(H1, 1, KEY, NOW),
        Snapshot(H1, 1, FACTS, (), NOW),
    ):
        assert reduce(state, late)[0].guest(KEY) == WEB


def test_a_lost_link_keeps_the_last_known_guests() -> None:
    stale = LinkStatus(Link.STALE, NOW, "no answer")
    state, dirty = reduce(after_snapshot(), LinkChanged(H1, stale))
    assert state.guest(KEY) == WEB
    assert not state.hosts[H1].link.answers
    assert dirty == {(Topic.LINK, H1)}


def test_a_guest_that_is_gone_takes_its_sample_along() -> None:
    sampled = reduce(after_snapshot(), Sampled(H1, 1, None, {KEY: GuestSample(cpu=0.5)}, NOW))[0]
    state, _ = reduce(sampled, GuestGone(H1, 1, KEY, NOW))
    assert state.guest(KEY) is None
    assert state.sample(KEY) is None


def test_only_samples_that_differ_are_news() -> None:
    sample = GuestSample(cpu=0.5)
    state, first = reduce(after_snapshot(), Sampled(H1, 1, None, {KEY: sample}, NOW))
    _, second = reduce(state, Sampled(H1, 1, None, {KEY: sample}, NOW))
    assert first == {(Topic.SAMPLE, KEY)}
    assert not second


def test_an_event_of_a_host_outside_the_fleet_changes_nothing() -> None:
    state = fleet()
    assert reduce(state, LinkChanged(HostName("elsewhere"), LinkStatus(Link.UP, NOW)))[0] is state


async def test_a_slow_reader_gets_all_transitions_but_one_state_for_many_samples() -> None:
    board = Board(fleet())
    changes = board.watch()
    await anext(changes)
    board.publish(Snapshot(H1, 1, FACTS, (WEB,), NOW))
    for number in range(1000):
        board.publish(Sampled(H1, 1, None, {KEY: GuestSample(cpu=float(number))}, NOW))
    board.publish(GuestsChanged(H1, 1, (replace(WEB, state=GuestState.PAUSED),), NOW))
    news = await anext(changes)
    assert [type(event) for event in news.transitions] == [Snapshot, GuestsChanged]
    assert news.state.sample(KEY) == GuestSample(cpu=999.0)
    await changes.aclose()  # type: ignore[attr-defined]


async def test_readers_do_not_take_each_others_news() -> None:
    board = Board(fleet())
    one, two = board.watch(), board.watch()
    await anext(one)
    await anext(two)
    board.publish(LinkChanged(H1, LinkStatus(Link.UP, NOW)))
    assert (await anext(one)).state is (await anext(two)).state

"""The heartbeat as the benchmark receives and judges it."""

from __future__ import annotations

import socket

import pytest

from tests.heartbeat import Beat, Heartbeats, judge


def test_the_gap_is_the_longest_time_between_two_heartbeats() -> None:
    pulse = judge((Beat(7, 1.00), Beat(8, 1.02), Beat(9, 1.10), Beat(10, 1.12)))
    assert pulse.gap_ms == pytest.approx(80)
    assert (pulse.lost, pulse.repeated) == (0, 0)


def test_lost_and_repeated_heartbeats_are_counted() -> None:
    pulse = judge((Beat(7, 1.0), Beat(9, 1.1), Beat(9, 1.2), Beat(8, 1.3), Beat(9, 1.4)))
    assert (pulse.lost, pulse.repeated) == (1, 2)


def test_no_heartbeat_is_no_gap() -> None:
    assert judge(()).gap_ms == 0


def test_heartbeats_are_taken_from_the_place_that_the_guest_is_told() -> None:
    with Heartbeats("127.0.0.1") as heartbeats, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as guest:
        address, _, port = heartbeats.argument.removeprefix("hb=").partition(":")
        for datagram in (b"hb 1 20", b"something else", b"hb 2 40", b"hb 4 80"):
            guest.sendto(datagram, (address, int(port)))
        heartbeats.wait_for(3)
        assert heartbeats.pulse().lost == 1
        heartbeats.forget()
        assert heartbeats.pulse().gap_ms == 0

"""Echoes to this very machine, whose kernel answers them."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import FerryError, UnsupportedError
from backends.remote.echo import EchoWatch, first_to_answer, internet_checksum, number_of_reply, request

TOKEN = b"8 bytes!"
NOBODY = 65534
ANY = "0.0.0.0"  # noqa: S104 - to be refused
HERE = ("127.0.0.1", *(["::1"] if Path("/proc/net/if_inet6").exists() else []))


def may_ask() -> bool:
    """May this user send an echo?"""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except OSError:
            continue
        return True
    return False


asking = pytest.mark.skipif(
    not may_ask(), reason="this user may not send an echo: see net.ipv4.ping_group_range"
)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@asking
async def test_of_many_addresses_the_first_that_answers_is_found() -> None:
    assert await first_to_answer(["nonsense", "127.0.0.1"], 2) == "127.0.0.1"
    assert await first_to_answer([], 2) == ""


async def test_that_none_of_many_addresses_can_be_asked_is_told() -> None:
    with pytest.raises(FerryError):
        await first_to_answer(["nonsense", "10.1"], 2)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@asking
@pytest.mark.parametrize("address", HERE)
async def test_this_machine_answers_every_twenty_milliseconds(address: str) -> None:
    async with EchoWatch(address) as watch:
        assert await watch.answers(2)
        for _ in range(5):
            assert await watch.answers_again(2)
    gap = watch.gap()
    assert gap is not None
    assert gap.how == f"echo to {address}"
    assert gap.interval_ms >= 20
    assert gap.milliseconds <= gap.interval_ms + 20


@asking
async def test_a_watch_begins_at_once_and_tells_nothing_before_the_second_answer() -> None:
    began_s = time.monotonic()
    async with EchoWatch("127.0.0.1") as watch:
        assert time.monotonic() - began_s < 0.05
        assert watch.gap() is None


@asking
async def test_two_watches_of_one_address_do_not_hear_each_other() -> None:
    async with EchoWatch("127.0.0.1") as steady, EchoWatch("127.0.0.1", interval_s=30) as rare:
        assert await rare.answers(2)
        for _ in range(3):
            assert await steady.answers_again(2)
        assert rare.gap() is None, "it has asked once, and was answered once"


@asking
async def test_a_busy_event_loop_does_not_make_a_guest_seem_slow() -> None:
    async with EchoWatch("127.0.0.1") as watch:
        assert await watch.answers(2)
        time.sleep(0.3)  # noqa: ASYNC251 - this is the event loop being busy
        assert await watch.answers_again(2)
        assert await watch.answers_again(2)
    gap = watch.gap()
    assert gap is not None
    assert gap.milliseconds - gap.interval_ms <= 20


@asking
async def test_a_watch_that_is_over_holds_no_file_open() -> None:
    before = open_files()
    async with EchoWatch("127.0.0.1") as watch:
        await watch.answers(2)
    await first_to_answer(["127.0.0.1", "127.0.0.2"], 2)
    await asyncio.sleep(0.05)  # a question still to come would fail loudly on the closed socket
    assert open_files() == before


@pytest.mark.parametrize(
    "address", ["", "web-01", "10.1", "10.77.0.1/24", "224.0.0.1", ANY, "::", "a\x1b[2J"]
)
async def test_what_is_no_address_of_a_machine_is_told_with_the_next_step(address: str) -> None:
    with pytest.raises(FerryError) as caught:
        async with EchoWatch(address):
            pass
    assert "10.77.0.101" in caught.value.hint
    assert "\x1b" not in str(caught.value)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's rights inside."""
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@as_root
async def test_a_user_who_may_not_ask_is_told_what_would_allow_it() -> None:
    with as_nobody():
        if may_ask():
            pytest.skip("this machine lets everybody send an echo")
        with pytest.raises(UnsupportedError) as caught:
            async with EchoWatch("127.0.0.1"):
                pass
    assert "net.ipv4.ping_group_range" in caught.value.hint


ASK = """
import asyncio, socket
from backends.remote.echo import EchoWatch
async def ask():
    async with EchoWatch("127.0.0.1") as one, EchoWatch("::1") as other:
        assert await one.answers(2) and await one.answers_again(2)
        assert await other.answers(2) and await other.answers_again(2)
        print(one.gap() is not None, other.gap() is not None)
try:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
except PermissionError:
    asyncio.run(ask())
"""


@as_root
@pytest.mark.skipif(len(HERE) < 2, reason="this machine has no IPv6")
def test_the_hint_is_right_who_has_no_privilege_may_ask_once_that_is_set() -> None:
    allow = "ip link set lo up && echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range"
    without_privilege = "setpriv --bounding-set=-all --inh-caps=-all"
    done = subprocess.run(
        [
            "unshare",
            "--net",
            "sh",
            "-c",
            f'{allow} && exec {without_privilege} "$0" "$@"',
            sys.executable,
            "-c",
            ASK,
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.split() == ["True", "True"], done.stderr


@given(st.binary(max_size=40))
def test_a_sum_over_data_and_its_checksum_is_all_ones(data: bytes) -> None:
    padded = data + b"\0" * (len(data) % 2)
    checksum = internet_checksum(data).to_bytes(2, "big")
    assert internet_checksum(padded + checksum) == 0


@given(st.integers(0, 2**40), st.integers(0, 0xFFFF))
def test_an_answer_is_known_by_its_token_with_and_without_an_ip_header(number: int, identifier: int) -> None:
    answer = b"\0" + request(socket.AF_INET, identifier, number, TOKEN)[1:]
    header = b"\x46" + bytes(23)  # with one word of options
    assert number_of_reply(socket.AF_INET, answer, TOKEN) == number
    assert number_of_reply(socket.AF_INET, header + answer, TOKEN) == number
    assert number_of_reply(socket.AF_INET, answer, b"another!") is None


def test_our_own_question_is_no_answer() -> None:
    question = request(socket.AF_INET, 1, 1, TOKEN)
    assert number_of_reply(socket.AF_INET, question, TOKEN) is None


@given(st.sampled_from([socket.AF_INET, socket.AF_INET6]), st.binary(max_size=64))
def test_whatever_comes_is_read_without_an_error(family: socket.AddressFamily, packet: bytes) -> None:
    number_of_reply(family, packet, TOKEN)

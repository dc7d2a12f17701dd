"""Logging in to a host over SSH: strict host keys, ~/.ssh/config, agent, keys, and questions only where needed.

The first attempt asks nothing: known hosts, the agent and keys without a passphrase. Only when the host refuses that
are passphrases and passwords asked for, so that a working agent is never preceded by a question.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import socket
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh

from backends.errors import DeadlineError, HostKeyError, LinkError, LoginError
from backends.model.host import HostName, HostSpec
from backends.model.question import Asker, Question, QuestionKind
from backends.remote import known_keys
from backends.remote.known_keys import OfferedKey
from backends.untrusted import clean

CONNECT_DEADLINE_S = 8.0
"""For all of the handshake, not counting the time a user takes to answer."""
KEEPALIVE_INTERVAL_S = 3
KEEPALIVE_COUNT = 2
"""A silent host is given up after interval x (count + 1)."""

MAX_JUMPS = 5

_TARGET = re.compile(r"^(?:(?P<user>[^@]+)@)?(?P<host>\[[^\]]+\]|[^:]+)(?::(?P<port>\d+))?$")


class Client(asyncssh.SSHClient):
    """Hears what happens to one connection, and answers for the user."""

    def __init__(self, name: HostName, ask: Asker | None) -> None:
        self.offered: OfferedKey | None = None
        self.lost = asyncio.Event()
        self.lost_reason = ""
        self._name = name
        self._ask = ask
        self._asked_password = False

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Never here: the key is noted, and decided on after the handshake has ended."""
        self.offered = OfferedKey(host, addr, port, key)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who use the connection."""
        self.lost_reason = _words(exc) if exc else "the connection was closed"
        self.lost.set()

    async def password_auth_requested(self) -> str | None:
        """Ask once; a wrong password is not tried again by itself."""
        if self._ask is None or self._asked_password:
            return None
        self._asked_password = True
        return await self._ask(
            Question(QuestionKind.PASSWORD, self._name, f"Password for {self._name}", "it is not stored")
        )

    async def kbdint_auth_requested(self) -> str | None:
        """Keyboard-interactive is how many hosts ask for a password or a one-time code."""
        return "" if self._ask is not None and not self._asked_password else None

    async def kbdint_challenge_received(
        self, _name: str, _instructions: str, _lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        """Each prompt is a question of its own, in the host's words."""
        self._asked_password = True
        answers = []
        for prompt, _echo in prompts:
            text = clean(prompt.strip() or "Answer", limit=120)
            answer = await self._ask(Question(QuestionKind.PASSWORD, self._name, text)) if self._ask else None
            if answer is None:
                return None
            answers.append(answer)
        return answers


class _Patience:
    """A deadline that stands still while the user is thinking, or while another deadline runs."""

    def __init__(self, seconds: float, ask: Asker | None) -> None:
        self._seconds = seconds
        self._ask = ask
        self._pauses = 0
        self.limit = asyncio.timeout(seconds)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock; it starts anew afterwards."""
        self._pauses += 1
        self.limit.reschedule(None)
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses and not self.limit.expired():
                self.limit.reschedule(asyncio.get_running_loop().time() + self._seconds)

    @property
    def asker(self) -> Asker | None:
        """Whom to ask where another clock runs."""
        return self._ask

    async def ask(self, question: Question) -> str | None:
        """Put the question with the clock stopped."""
        if self._ask is None:
            return None
        with self.paused():
            return await self._ask(question)


async def login(spec: HostSpec, ask: Asker | None) -> tuple[asyncssh.SSHClientConnection, Client]:
    """Connect and log in. Raises HostKeyError, LoginError, LinkError or DeadlineError."""
    try:
        return await _attempt(spec, ask, interactive=False)
    except LoginError:
        if ask is None:
            raise
    return await _attempt(spec, ask, interactive=True)


async def _attempt(
    spec: HostSpec, ask: Asker | None, *, interactive: bool, hops: str | None = None, depth: int = 0
) -> tuple[asyncssh.SSHClientConnection, Client]:
    """One handshake, through `hops` in the place of ProxyJump if given; asyncssh's errors become ours."""
    patience = _Patience(CONNECT_DEADLINE_S, ask)
    try:
        async with patience.limit:
            return await _handshake(spec, patience, interactive=interactive, hops=hops, depth=depth)
    except TimeoutError:
        raise DeadlineError(
            f"no answer within {CONNECT_DEADLINE_S:g} s", host=spec.name, operation="ssh"
        ) from None
    except asyncssh.PermissionDenied as error:
        raise LoginError(
            "the host refused every key and password",
            host=spec.name,
            operation="ssh login",
            hint=f"try: {spec.ssh_command}",
        ) from error
    except (OSError, asyncssh.Error, ValueError) as error:
        raise LinkError(
            _words(error), host=spec.name, operation="ssh", hint=f"try: {spec.ssh_command}"
        ) from error


async def _handshake(
    spec: HostSpec, patience: _Patience, *, interactive: bool, hops: str | None, depth: int
) -> tuple[asyncssh.SSHClientConnection, Client]:
    options = await _options(spec, patience if interactive else None)
    files = known_keys.files_of(options)
    async with AsyncExitStack() as stack:
        with patience.paused():  # each jump host has a deadline of its own
            route = hops or options.tunnel
            tunnel = await _jump(spec, route, patience, interactive=interactive, depth=depth)
        if tunnel is not None:
            stack.callback(tunnel.close)
        while True:
            known = known_keys.load(files)
            client = Client(spec.name, patience.ask if interactive else None)
            try:
                connection, _ = await asyncssh.create_connection(
                    lambda client=client: client,  # type: ignore[misc]
                    options=options,
                    known_hosts=known,
                    tunnel=tunnel,
                    **_address(spec),
                )
            except asyncssh.HostKeyNotVerifiable as error:
                await _decide(spec, client.offered, known, files[0], patience.ask, error)
            else:
                stack.pop_all()
                connection.set_tunnel(tunnel)  # so that it is closed together with the connection
                return connection, client


async def _jump(
    spec: HostSpec, hops: object, patience: _Patience, *, interactive: bool, depth: int
) -> asyncssh.SSHClientConnection | None:
    """Log in to the jump hosts of ProxyJump as strictly as to the host itself; None where there are none."""
    if not isinstance(hops, str) or hops == "none":
        return None
    if depth >= MAX_JUMPS:
        raise LinkError(
            "ProxyJump leads in a circle", host=spec.name, operation="ssh", hint="see ~/.ssh/config"
        )
    before, _, last = hops.rpartition(",")
    hop = replace(spec, target=last.removeprefix("ssh://"))
    connection, _ = await _attempt(
        hop, patience.asker, interactive=interactive, hops=before or None, depth=depth + 1
    )
    return connection


def _address(spec: HostSpec) -> dict[str, Any]:
    match = _TARGET.match(spec.target)
    if match is None:
        raise LinkError(f"not an SSH target: {clean(spec.target)}", host=spec.name)
    address: dict[str, Any] = {"host": match["host"].strip("[]")}
    if match["user"]:
        address["username"] = match["user"]
    if match["port"]:
        address["port"] = int(match["port"])
    return address


async def _options(spec: HostSpec, patience: _Patience | None) -> asyncssh.SSHClientConnectionOptions:
    settings = _address(spec)
    if spec.ssh_config:
        settings["config"] = [spec.ssh_config]

    async def passphrase(file: str) -> str | None:
        assert patience is not None
        question = Question(QuestionKind.PASSPHRASE, spec.name, f"Passphrase for {clean(file)}", clean(file))
        return await patience.ask(question)

    if patience is not None:
        settings["passphrase"] = passphrase
    options: asyncssh.SSHClientConnectionOptions = await asyncssh.SSHClientConnectionOptions.construct(
        keepalive_interval=KEEPALIVE_INTERVAL_S,
        keepalive_count_max=KEEPALIVE_COUNT,
        **settings,
    )
    return options


async def _decide(
    spec: HostSpec,
    offered: OfferedKey | None,
    known: bytes,
    file: Path,
    ask: Asker,
    error: asyncssh.HostKeyNotVerifiable,
) -> None:
    """Ask about an unknown key, refuse a changed one. Returns only when the key is trusted now."""
    if offered is None:
        raise HostKeyError(_words(error), host=spec.name, operation="ssh host key") from error
    trusted = known_keys.trusted_fingerprints(known, offered)
    if trusted:
        raise HostKeyError(
            f"the host key has CHANGED: known {', '.join(trusted)}; offered {offered.kind} {offered.fingerprint}",
            host=spec.name,
            operation="ssh host key",
            hint=(
                f"if the host was set up anew: ssh-keygen -R {shlex.quote(offered.lookup_name)};"
                " otherwise someone may be in between"
            ),
        ) from error
    shown = f"{offered.kind} {offered.fingerprint}"
    question = Question(
        QuestionKind.HOST_KEY,
        spec.name,
        f"The host key of {_place(offered)} is not known. Trust it from now on?",
        shown,
    )
    if await ask(question) != "yes":
        raise HostKeyError(
            f"the host key is unknown and was not accepted: {shown}",
            host=spec.name,
            operation="ssh host key",
            hint="compare it with what ssh-keygen -lf shows on the host's own console, then connect again",
        ) from error
    known_keys.remember(file, offered)


def _place(offered: OfferedKey) -> str:
    """`h1 (10.0.0.1)`, or the address alone where that is all there is."""
    host, address = clean(offered.host), clean(offered.address)
    return host if host == address else f"{host} ({address})"


def _words(error: BaseException) -> str:
    """An error of asyncssh or the system in words for the user."""
    if isinstance(error, socket.gaierror):
        return f"the name cannot be resolved: {error.strerror}"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)  # asyncio's own words show a tuple
    return clean(str(error) or type(error).__name__, limit=300)

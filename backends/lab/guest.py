"""A guest of the lab: made, started, talked to, watched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backends.lab.errors import LabError
from backends.lab.guest_xml import MIB, Format, GuestSpec, domain_xml
from backends.lab.host import Host
from backends.lab.layout import Layout
from backends.lab.lock import exclusive
from backends.lab.process import wait_until
from backends.lab.ticks import TickWatch

READY = b"LAB-GUEST READY"
READY_TIMEOUT_S = 60
"""An emulated guest boots in 2.5 s alone; many at once on a busy machine take their turns."""
MOST_GUESTS = 99
# QEMU looks only once a second whether somebody opened the terminal: stay on it until the guest has answered.
CONVERSATION = """
exec 3<>"$1"
printf '%s\\n' "$2" >&3
while read -r line <&3; do case $line in "ok "*) echo "$line"; exit ;; esac; done
exit 1
"""


# The same for words that are not answered: QEMU has looked by then.
LAST_WORDS = """
exec 3<>"$1"
printf '%s\\n' "$2" >&3
sleep 1.2
"""


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest by name, on whichever host it is."""

    layout: Layout
    name: str

    @property
    def console(self) -> Path:
        return self.layout.console(self.name)

    def wait_ready(self, *, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return once the guest's /init said that it runs.

        Raises:
            LabError: it did not within `timeout_s`.
        """
        wait_until(
            lambda: self.console.exists() and READY in self.console.read_bytes(),
            timeout_s=timeout_s,
            what=f"{self.name} to boot",
        )

    def watch(self) -> TickWatch:
        """Watch the guest's ticks: `with guest.watch() as ticks: ...`."""
        return TickWatch(self.console)

    def type(self, host: Host, command: str) -> str:
        """Type a line on the guest's serial console, such as `dirty 20`; returns the guest's answer.

        Raises:
            LabError: the guest does not run on `host`, or did not answer.
        """
        terminal = host.virsh("ttyconsole", self.name)
        return host.exec("timeout", "10", "sh", "-c", CONVERSATION, "type", terminal, command).stdout.strip()

    def tell(self, host: Host, command: str) -> None:
        """Type a line that the guest does not live to answer, such as `poweroff`, `reboot` or `panic`.

        Raises:
            LabError: the guest does not run on `host`.
        """
        terminal = host.virsh("ttyconsole", self.name)
        host.exec("sh", "-c", LAST_WORDS, "tell", terminal, command, check=False)


def define(spec: GuestSpec, host: Host, *, transient: bool = False, start: bool = True) -> Guest:
    """Create a guest on `host` with its disk, and start it unless told otherwise.

    Persistent guests are what an administrator has: a move then also moves the definition.

    Raises:
        LabError: libvirt refused.
    """
    layout = host.layout
    guest = Guest(layout, spec.name)
    guest.console.unlink(missing_ok=True)
    if spec.disk_file:
        host.exec("rm", "-f", spec.disk_file)
        size = str(spec.disk_mib * MIB)
        if spec.disk_format is Format.RAW:
            host.exec("truncate", "-s", size, spec.disk_file)
        else:
            host.exec("qemu-img", "create", "-q", "-f", spec.disk_format, spec.disk_file, size)
    xml = domain_xml(spec, layout, _number(layout, spec.name))
    if transient:
        host.virsh("create /dev/stdin", stdin=xml)
    else:
        host.virsh("define /dev/stdin" + (f"; start {spec.name}" if start else ""), stdin=xml)
    return guest


def _number(layout: Layout, name: str) -> int:
    """A number of its own for every guest name of this lab: its line in a list."""
    book = layout.root / "guests"
    with exclusive(layout.root / "guests.lock"):
        names = book.read_text().splitlines() if book.exists() else []
        if name not in names:
            names.append(name)
            if len(names) > MOST_GUESTS:
                raise LabError(
                    f"a lab has addresses for {MOST_GUESTS} guests", hint="Start afresh: lab down, lab up"
                )
            replacement = book.with_suffix(".new")
            replacement.write_text("\n".join(names) + "\n")
            replacement.replace(book)
        return names.index(name) + 1

"""`virt-ferry prove`: do these hosts see one storage? Tried, not believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.model.fleet import FleetState
from backends.model.host import HostName
from backends.model.storage import HostProof, Sharing, SharingProof
from tui.headless.exits import Exit, UsageError
from tui.headless.output import Ink, Output
from tui.headless.paragraphs import Entry, tell, tell_entries
from tui.headless.session import HostOptions, settled_fleet
from tui.headless.storage_lines import ProvingLine, host_proof_line, proof_line

WRITTEN = (
    "a small marker file is written there through one host, read and locked through the others, and removed;"
    " a LUN or a device is only read"
)
_INK = {
    Sharing.PROVED: Ink.GOOD,
    Sharing.SAME_IDENTITY: Ink.GOOD,
    Sharing.SAME_PATH: Ink.ALARM,
    Sharing.DIFFERENT: Ink.ALARM,
    Sharing.UNKNOWN: Ink.DOUBT,
}
_SHARED = (Sharing.PROVED, Sharing.SAME_IDENTITY)
_APART = (Sharing.SAME_PATH, Sharing.DIFFERENT)
_LOCKS = {True: ", locks hold", False: ", but locks do not hold", None: ""}


async def prove(options: HostOptions, subject: str, *, json: bool) -> Exit:
    """SUCCEEDED: shared by all hosts; FAILED: not by one; INDETERMINATE: of one it is not known."""
    out = Output()
    async with settled_fleet(options) as (fleet, state):
        if len(state.hosts) < 2:
            raise UsageError("one host alone shares nothing", f"virt-ferry prove {subject} HOST HOST ...")
        if json:
            out.json(ProvingLine(subject, tuple(state.hosts), WRITTEN))
        else:
            tell(out, f"trying {subject} on {', '.join(state.hosts)}: {WRITTEN}", Ink.DIM)
        proof = await fleet.prove(subject)
    untried = hosts_untried(proof, state)
    status = exit_of(proof, untried)
    if json:
        for other in proof.others:
            out.json(host_proof_line(proof, other))
        out.json(proof_line(proof, untried, status))
    else:
        tell_proof(out, proof, untried)
    return status


def hosts_untried(proof: SharingProof, state: FleetState) -> list[HostName]:
    """Hosts that are meant and of which the proof says nothing."""
    tried = {proof.host, *(other.host for other in proof.others)}
    return [host for host in state.hosts if host not in tried]


def exit_of(proof: SharingProof, untried: Sequence[HostName]) -> Exit:
    """A certain no weighs more than what is not known."""
    found = [other.sharing for other in proof.others]
    if any(sharing in _APART for sharing in found):
        return Exit.FAILED
    is_known = bool(found) and not untried and all(sharing in _SHARED for sharing in found)
    return Exit.SUCCEEDED if is_known else Exit.INDETERMINATE


def tell_proof(out: Output, proof: SharingProof, untried: Sequence[HostName]) -> None:
    """Host by host: what was found, on what evidence, and whether locks hold."""
    out.line(out.ink(f"{proof.subject}, compared with {proof.host}", Ink.BOLD))
    entries = [entry for other in proof.others for entry in _entries(other)]
    entries += [(host, "not tried: it does not answer", Ink.DOUBT) for host in untried]
    tell_entries(out, entries)


def _entries(other: HostProof) -> Iterator[Entry]:
    ink = Ink.ALARM if other.locks is False else _INK[other.sharing]
    yield (other.host, f"{other.sharing.value}{_LOCKS[other.locks]}", ink)
    if other.evidence:
        yield ("", other.evidence, Ink.PLAIN)

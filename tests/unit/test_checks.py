"""What the checks make of what they were told: a refusal is certain, a yes is proved, the rest is a doubt."""

from __future__ import annotations

import pytest

from backends.migration.checks.disks import Place, file_finding, worst_of
from backends.migration.checks.findings import Finding
from backends.migration.checks.peer import Reached, Trial, account_of, compare, uuid_of
from backends.migration.checks.peer import judge as judge_peer
from backends.model.guest import Disk, DiskKind, Layer
from backends.model.move import Verdict
from backends.model.storage import Sharing
from backends.probes.markers import Proof, RealPath, judge
from backends.remote.shell import Answer

SECRET = "0123456789abcdef"
FILE = Layer(DiskKind.FILE, "/srv/a.img", "/srv/a.img")
SAME = Place(RealPath("/srv/a.img"), RealPath("/srv/a.img"))


@pytest.mark.parametrize(
    ("answer", "sharing"),
    [
        (Answer(0, SECRET, ""), Sharing.PROVED),
        (Answer(0, "something else", ""), Sharing.DIFFERENT),
        (Answer(0, "", ""), Sharing.DIFFERENT),
        (Answer(1, "", "cat: /srv/m: No such file or directory\n"), Sharing.DIFFERENT),
        (Answer(1, "", "cat: can't open '/srv/m': No such file or directory\n"), Sharing.DIFFERENT),
        (Answer(1, "", "cat: /srv/m: Not a directory\n"), Sharing.DIFFERENT),
        (Answer(1, "", "cat: /srv/m: Permission denied\n"), Sharing.UNKNOWN),
        (Answer(1, "", "cat: /srv/m: Stale file handle\n"), Sharing.UNKNOWN),
        (Answer(1, "", "cat: /srv/m: Input/output error\n"), Sharing.UNKNOWN),
        (Answer(127, "", "env: 'cat': No such file or directory\n"), Sharing.UNKNOWN),
        (Answer(127, "", "sh: cat: not found\n"), Sharing.UNKNOWN),
        (Answer(-1, "", ""), Sharing.UNKNOWN),
    ],
)
def test_only_a_marker_that_is_certainly_not_there_refuses_a_move(answer: Answer, sharing: Sharing) -> None:
    assert judge(answer, SECRET) is sharing


@pytest.mark.parametrize(
    ("place", "sharing", "verdict", "word"),
    [
        (SAME, Sharing.PROVED, Verdict.OK, "proof"),
        (SAME, Sharing.DIFFERENT, Verdict.REFUSE, "proof"),
        (SAME, Sharing.UNKNOWN, Verdict.UNKNOWN, "not proved"),
        (Place(RealPath("/x/1.img"), RealPath("/y/1.img")), Sharing.PROVED, Verdict.OK, "proof"),
        (Place(RealPath("/x/1.img"), RealPath("/x/2.img")), Sharing.PROVED, Verdict.REFUSE, "2.img on h2"),
        (Place(RealPath("/srv/a.img", "denied"), SAME.destination), Sharing.PROVED, Verdict.UNKNOWN, "h1"),
        (Place(SAME.source, RealPath("/srv/a.img", "denied")), Sharing.DIFFERENT, Verdict.UNKNOWN, "h2"),
    ],
)
def test_a_file_is_shared_only_if_both_hosts_follow_its_path_to_the_same_file(
    place: Place, sharing: Sharing, verdict: Verdict, word: str
) -> None:
    finding = file_finding(FILE, place, Proof(sharing, "proof"), "h1", "h2")
    assert finding.verdict is verdict
    assert word in finding.evidence


FINE, DOUBTFUL, BAD = (
    Finding(verdict, verdict.value) for verdict in (Verdict.OK, Verdict.UNKNOWN, Verdict.REFUSE)
)


def test_a_disk_is_as_good_as_the_worst_of_its_layers() -> None:
    disk = Disk("vda", DiskKind.FILE, "/srv/a", format="qcow2", path="/srv/a")
    assert worst_of(disk, [FINE, FINE]).verdict is Verdict.OK
    assert worst_of(disk, [FINE, DOUBTFUL]) == DOUBTFUL
    assert worst_of(disk, [DOUBTFUL, BAD]) == BAD


def test_a_disk_whose_layers_are_not_all_known_is_at_most_a_note() -> None:
    disk = Disk("vda", DiskKind.FILE, "/srv/a", format="qcow2", path="/srv/a", chain_known=False)
    found = worst_of(disk, [FINE])
    assert found.verdict is Verdict.NOTE
    assert "qemu-img info" in found.mend
    assert worst_of(disk, [BAD]) == BAD


# The way between the hosts -----------------------------------------------------------------------

NAME, ADDRESS = "qemu+ssh://root@h2/system", "qemu+ssh://root@10.0.0.2/system"


@pytest.mark.parametrize(
    ("reached", "account", "verdict", "uri"),
    [
        ([Reached.DESTINATION], "", Verdict.OK, NAME),
        ([Reached.NOBODY, Reached.DESTINATION], "", Verdict.OK, ADDRESS),
        ([Reached.ANOTHER, Reached.DESTINATION], "", Verdict.OK, ADDRESS),
        ([Reached.ANOTHER, Reached.NOBODY], "", Verdict.REFUSE, ""),
        ([Reached.ANOTHER, Reached.SOMEBODY], "", Verdict.REFUSE, ""),
        ([Reached.ANOTHER], "ops", Verdict.REFUSE, ""),
        ([Reached.SOMEBODY], "", Verdict.UNKNOWN, NAME),
        ([Reached.NOT_TRIED], "", Verdict.UNKNOWN, NAME),
        ([Reached.NOBODY, Reached.NOBODY], "", Verdict.WARNING, NAME),
        ([Reached.NOBODY, Reached.NOBODY], "ops", Verdict.UNKNOWN, NAME),
        ([Reached.DESTINATION], "ops", Verdict.UNKNOWN, NAME),
    ],
)
def test_a_move_goes_only_to_a_host_that_proved_to_be_the_destination(
    reached: list[Reached], account: str, verdict: Verdict, uri: str
) -> None:
    trials = [Trial(*pair, words="seen") for pair in zip((NAME, ADDRESS), reached, strict=False)]
    peer = judge_peer(trials, account, "h1", "h2")
    assert (peer.check.verdict, peer.uri) == (verdict, uri)


def test_an_account_does_not_matter_where_no_ssh_is_used() -> None:
    trial = Trial("qemu+tcp://h2/system", Reached.DESTINATION)
    assert judge_peer([trial], "ops", "h1", "h2").check.verdict is Verdict.OK


def test_a_host_is_known_by_its_uuid_however_it_is_written() -> None:
    assert compare(NAME, "ABC", "abc", "host UUID").reached is Reached.DESTINATION
    other = compare(NAME, "abd", "abc", "host UUID")
    assert other.reached is Reached.ANOTHER
    assert "abd" in other.words and "abc" in other.words


@pytest.mark.parametrize(
    ("answer", "uuid"),
    [
        (Answer(0, "<capabilities><host><uuid>u-1</uuid></host></capabilities>\n\n", ""), "u-1"),
        (Answer(0, "<capabilities/>", ""), ""),
        (Answer(0, "Welcome to h2!", ""), ""),
        (Answer(1, "", "error: unsupported"), ""),
    ],
)
def test_a_uuid_is_read_from_capabilities_or_is_not_known(answer: Answer, uuid: str) -> None:
    assert uuid_of(answer) == uuid


@pytest.mark.parametrize(
    ("out", "account"),
    [
        ("uid=0(root) gid=0(root) groups=0(root)", ""),
        ("uid=0(toor) gid=0(root)", ""),
        ("uid=1000(ops) gid=1000(ops)", "ops"),
        ("uid=1000 gid=1000", "uid 1000"),
        ("", "an account that is not known"),
    ],
)
def test_root_is_told_from_other_accounts(out: str, account: str) -> None:
    assert account_of(Answer(0, out, "")) == account

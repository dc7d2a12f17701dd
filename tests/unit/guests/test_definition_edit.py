"""One piece of a definition is changed, and all the rest stays as it was, to the letter."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import ActionError
from backends.hypervisor.crash_settings import crash_definition
from backends.hypervisor.definition_edit import (
    PANIC,
    same_but_for,
    with_action,
    with_panic,
    without_panic,
)

# What libvirt 9.0 writes of a guest with all that is easily lost: namespaces, metadata with a comment and devices of
# its own, a password, a command line.
XML = """\
<domain type='kvm' id='7' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web</name>
  <metadata>
    <app:note xmlns:app="http://example.org/app"><!-- keep me --> <on_crash>x</on_crash>
      <app:devices/></app:note>
    <inventory xmlns="http://example.org/inventory"><devices><panic model="none"/></devices></inventory>
  </metadata>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
  </os>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <graphics type='vnc' port='-1' passwd='s3cret &amp; more'/>
    <memballoon model='virtio'/>
  </devices>
  <qemu:commandline>
    <qemu:arg value='&lt;devices&gt;'/>
  </qemu:commandline>
</domain>
"""


def test_a_panic_device_is_the_only_thing_that_comes() -> None:
    after = with_panic(XML, "isa")
    assert after.replace("    <panic model='isa'/>\n", "") == XML
    assert crash_definition(after).panic_devices == ("isa",)


def test_taking_it_away_again_leaves_what_was_there_before() -> None:
    assert without_panic(with_panic(XML, "isa")) == XML


def test_all_panic_devices_go_with_their_addresses_and_no_namesake_of_theirs() -> None:
    two = XML.replace(
        "  </devices>\n  <qemu",
        """\
    <panic model='isa'>
      <address type='isa' iobase='0x505'/>
    </panic>
    <panic model='hyperv'/>
  </devices>
  <qemu""",
    )
    assert crash_definition(two).panic_devices == ("isa", "hyperv")
    assert without_panic(two) == XML


def test_an_action_is_changed_where_libvirt_reads_it() -> None:
    after = with_action(XML, "on_crash", "coredump-destroy")
    assert after == XML.replace("  <on_crash>destroy</on_crash>", "  <on_crash>coredump-destroy</on_crash>")


def test_an_action_that_is_not_written_down_is_added() -> None:
    bare = XML.replace("  <on_reboot>restart</on_reboot>\n", "")
    assert crash_definition(with_action(bare, "on_reboot", "destroy")).on_reboot == "destroy"


def test_a_definition_that_cannot_be_changed_safely_is_left_alone() -> None:
    """Here the last of what looks like on_crash is not libvirt's."""
    odd = XML.replace(
        "  <qemu:commandline>", "  <x:y xmlns:x='x'><on_crash>x</on_crash></x:y>\n  <qemu:commandline>"
    )
    with pytest.raises(ActionError, match="cannot be changed safely"):
        with_action(odd, "on_crash", "restart")
    edits: tuple[Callable[[], str], ...] = (
        lambda: with_panic("<domain/>", "isa"),
        lambda: without_panic("<domain/>"),
    )
    for edit in edits:
        with pytest.raises(ActionError, match="cannot be changed safely"):
            edit()


def test_definitions_are_the_same_however_they_are_set_and_not_where_anything_differs() -> None:
    assert same_but_for(XML, XML.replace("\n    <memballoon", "\n\n\n<memballoon"), ())
    assert same_but_for(XML, XML.replace("type='vnc' port='-1'", "port='-1' type='vnc'"), ())
    assert not same_but_for(XML, XML.replace("s3cret", "secret"), (PANIC,))
    assert not same_but_for(XML, with_panic(XML, "isa"), ())
    assert same_but_for(XML, with_panic(XML, "isa"), (PANIC,))


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    edits: tuple[Callable[[], str], ...] = (
        lambda: with_panic(text, "isa"),
        lambda: without_panic(text),
        lambda: with_action(text, "on_crash", "destroy"),
    )
    for edit in edits:
        try:
            edit()
        except ActionError:
            continue


@given(
    st.text(
        st.characters(blacklist_categories=("Cc", "Cs"), blacklist_characters="<>&'\"\ufffe\uffff"),
        max_size=50,
    )
)
def test_whatever_stands_in_metadata_stays(words: str) -> None:
    xml = XML.replace("keep me", words.replace("--", "")).replace("s3cret", words)
    if words.endswith("-"):
        return
    assert without_panic(with_panic(xml, "pvpanic")) == xml

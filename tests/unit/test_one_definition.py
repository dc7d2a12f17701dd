"""A guest whose definition cannot be read is told by name; it hides no other, and no broken connection."""

from __future__ import annotations

from dataclasses import dataclass

import libvirt
import pytest

from backends.hypervisor.definition import Definition, read_definition
from backends.hypervisor.guest_confinement import guest_or_name


@dataclass(frozen=True, slots=True)
class Domain:
    """One of libvirt's, as far as it is asked."""

    answer: str | int
    """The definition, or the code of an error."""

    def XMLDesc(self, _flags: int) -> str:  # noqa: N802 - libvirt's
        if isinstance(self.answer, str):
            return self.answer
        error = libvirt.libvirtError("no")
        error.err = (self.answer, libvirt.VIR_FROM_QEMU, "it may not be read", 2, "", "", "", -1, -1)
        raise error

    def ID(self) -> int:  # noqa: N802 - libvirt's
        return 7

    def name(self) -> str:
        return "we\x9bb"


def test_a_guest_that_this_account_may_not_read_says_so() -> None:
    assert read_definition(Domain(libvirt.VIR_ERR_ACCESS_DENIED)) == Definition(trouble="it may not be read")


def test_a_guest_that_is_gone_meanwhile_is_none() -> None:
    assert read_definition(Domain(libvirt.VIR_ERR_NO_DOMAIN)) is None
    assert guest_or_name(Domain(libvirt.VIR_ERR_NO_DOMAIN)) is None


def test_a_connection_that_breaks_is_not_taken_for_guests_that_are_not_there() -> None:
    with pytest.raises(libvirt.libvirtError):
        read_definition(Domain(libvirt.VIR_ERR_RPC))


@pytest.mark.parametrize("answer", [libvirt.VIR_ERR_ACCESS_DENIED, "<domain"])
def test_a_guest_whose_confinement_cannot_be_read_is_told_by_name(answer: str | int) -> None:
    assert guest_or_name(Domain(answer)) == "we\\x9bb"

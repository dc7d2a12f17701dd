"""Faults in the middle of moves between real hosts, and an oracle that finds the guest without the engine.

The rows of the fault table of the design (S source, D destination), and where they are tried:

    control network cut in pre-copy, stays cut      test_hosts_and_links
    same, heals early                               test_hosts_and_links
    QEMU channel cut in post-copy                   test_postcopy
    libvirt link cut in post-copy                   test_postcopy
    D out of memory at start                        test_hosts_and_links
    D QEMU killed in pre-copy                       test_guests
    D or S QEMU killed in post-copy                 test_postcopy
    D disk full in mirror                           test_disks
    D image smaller                                 test_disks
    client killed, peer-to-peer                     test_client
    client killed, direct                           test_client
    S or D daemon killed in pre-copy                test_hosts_and_links
    guest shuts down, reboots, panics               test_guests
    name or UUID taken on D                         test_refusals
    CPU features missing                            test_refusals, where the machine's QEMU is older than the lab's
    path exists on both, not shared                 test_refusals
    host key changed                                test_hosts_and_links
    half-open TCP, frozen host                      test_hosts_and_links; that others stay live: tests/lab/test_links
    job started by another client                   test_refusals
    running on both                                 test_refusals

Beyond the table: our own link cut for a while, the channel reset in pre-copy, power loss of S and of D.

What the lab cannot make, and why:

    a panic that is told during a move      libvirt 9 takes its job for a panic only after the migration's, so no event
                                            and no state shows it: QEMU stands still, the transfer ends at once, and D
                                            runs the guest in its panic. That it is on one host is tried; a link to the
                                            crash record comes with crash records.
    dead NFS under a call of libvirt        the machine's kernel has no NFS; calls that never end are tried with frozen
                                            hosts instead.
    a lock manager that refuses D           there is no sanlock or virtlockd in the lab.
    Xen and its fewer knobs                 no hypervisor of that kind runs here.
"""

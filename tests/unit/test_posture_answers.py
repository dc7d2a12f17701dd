"""What hosts tell of their exposure is taken apart by pure readers; no password ever gets so far."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib import resources
from ipaddress import ip_address
from pathlib import Path

import pytest

from backends.errors import LinkError
from backends.hypervisor.guest_confinement import GuestConfinement, read_guest, uid_of
from backends.hypervisor.host_capabilities import parse_capabilities
from backends.probes import libvirt_conf, qemu_conf
from backends.probes.exposure.daemons import SystemdSocket, daemons, socket_files, systemd_sockets
from backends.probes.exposure.definitions import definition_files
from backends.probes.exposure.processes import ServedScreen, guest_processes, spice_screen, vnc_screen
from backends.probes.exposure.script import Exposure, exposure
from backends.probes.exposure.tcp_sockets import listening_sockets
from backends.probes.survey import asking as survey
from backends.probes.survey.readings import Gap, Reading, Readings
from backends.remote.shell import Answer

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"


def of(files: dict[str, str | Gap]) -> Readings:
    told = {n: Reading(t) if isinstance(t, str) else Reading(gap=t) for n, t in files.items()}
    return Readings(
        account="root", is_root=True, clock_ahead_s=0.0, clock_exact_to_s=0.0, took_s=0.0, files=told
    )


# Settings --------------------------------------------------------------------------------------

# As in libvirt's src/qemu/qemu.conf.in, with some of its comments taken away.
QEMU_CONF = """\
# Master configuration file for the QEMU driver.
default_tls_x509_verify = 1
#vnc_tls_x509_verify = 1
vnc_password = "XYZ12345"
spice_password = ""
security_driver = [ "selinux", "apparmor" ]
user = "+0"
cgroup_device_acl = [
    "/dev/null", "/dev/full", # not "/dev/kvm"]
    "/dev/random",
]
seccomp_sandbox = 0
namespaces = [ ]
migrate_tls_force = 1   # from now on
"""


def test_settings_are_read_as_libvirt_reads_them() -> None:
    settings = libvirt_conf.parse(QEMU_CONF)
    assert settings.names("cgroup_device_acl") == ("/dev/null", "/dev/full", "/dev/random")
    conf = qemu_conf.parse_text(QEMU_CONF)
    assert conf.security_drivers == ("selinux", "apparmor")
    assert (conf.user, conf.seccomp, conf.namespaces, conf.tls_forced) == ("+0", False, False, True)
    assert conf.vnc_verifies, "by the default of all kinds of TLS"


def test_what_stands_there_twice_counts_the_first_time() -> None:
    assert libvirt_conf.parse('auth_tcp = "none"\nauth_tcp = "sasl"\n').text("auth_tcp") == "none"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("name = 'it \"is\" so'", 'it "is" so'),
        ('name="""over\ntwo"""', "over\ntwo"),
        ("name = +12", "+12"),
        ('  name\t=\t"x" # y', "x"),
        ('#name = "x"', ""),
        ('name = "open', ""),
        ("name = [ 'never closed", ""),
    ],
)
def test_each_form_of_a_value_is_understood_and_what_is_none_is_left_out(line: str, value: str) -> None:
    assert libvirt_conf.parse(f"{line}\n").text("name") == value


def test_a_list_that_never_ends_costs_no_time() -> None:
    assert libvirt_conf.parse("name = [" + "# 'a\n" * 20000).names("name") == ()


@pytest.mark.parametrize("name", ["vnc_password", "spice_password", "rdp_password", "some_secret"])
def test_a_password_is_told_as_set_or_empty_and_never_shown(name: str) -> None:
    settings = libvirt_conf.parse(f'{name} = "hunter2"\n')
    assert settings.text(name) == libvirt_conf.HIDDEN
    assert "hunter2" not in repr(settings)
    assert libvirt_conf.parse(f'{name} = ""\n').text(name) == ""


# Sockets ---------------------------------------------------------------------------------------

# Lines as Linux 6 writes them (Documentation/networking/proc_net_tcp.rst): ssh, libvirt on one address, one that is
# established, and one that waits.
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 623 1 0000000001b71dbf 100 0 0 10 0
   1: 0100540A:407D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4820294 1 00000000bbe7c09c 100 0 0 10 0
   2: FE005B0A:A736 02005B0A:0016 01 00000000:00000000 02:000AFBAB 00000000     0        0 4489068 2 0000000099018a2a 20 4 18 139 -1
   3: FE005A0A:EB7A 01005A0A:407D 06 00000000:00000000 03:000004F6 00000000     0        0 0 3 0000000028e4f724
"""  # noqa: E501 - the kernel's form
TCP6 = """\
   0: 00000000000000000000000000000000:407D 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31 1 0 100 0 0 10 0
   1: 00000000000000000000000001000000:170C 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 32 1 0 100 0 0 10 0
   2: 0000000000000000FFFF00000100007F:170D 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33 1 0 100 0 0 10 0
"""  # noqa: E501 - the kernel's form


def test_listening_sockets_are_told_from_others_with_address_port_and_inode() -> None:
    found = [(str(s.address), s.port, s.inode) for s in listening_sockets(TCP)]
    assert found == [("0.0.0.0", 22, 623), ("10.84.0.1", 16509, 4820294)]  # noqa: S104
    assert [(str(s.address), s.port) for s in listening_sockets(TCP6)] == [
        ("::", 16509),
        ("::1", 5900),
        ("127.0.0.1", 5901),
    ]


def test_a_big_endian_machine_writes_addresses_the_other_way_round() -> None:
    line = TCP.splitlines()[2].replace("0100540A", "0A540001")
    assert [s.address for s in listening_sockets(line, big_endian=True)] == [ip_address("10.84.0.1")]


def test_sockets_that_systemd_holds_are_told_with_their_ports() -> None:
    # The form of `systemctl show` (systemctl(1)); libvirtd-tcp.socket listens on 16509 in libvirt's own unit.
    shown = (
        "Id=libvirtd-tcp.socket\nActiveState=active\nListen=192.0.2.7:16509 (Stream)\nListen=[::]:16510 (Stream)\n\n"
        "Id=libvirtd-tls.socket\nActiveState=inactive\nListen=[::]:16514 (Stream)\n"
    )
    assert list(systemd_sockets(shown)) == [
        SystemdSocket("libvirtd-tcp.socket", True, (16509, 16510)),
        SystemdSocket("libvirtd-tls.socket", False, (16514,)),
    ]
    assert list(systemd_sockets("")) == []


def test_a_socket_that_all_may_write_to_is_open_to_all() -> None:
    listing = "770 libvirt /run/libvirt/libvirt-sock\n666 root /run/libvirt/virtqemud-sock\nstat: no\n"
    assert [(f.path, f.open_to_all) for f in socket_files(listing)] == [
        ("/run/libvirt/libvirt-sock", False),
        ("/run/libvirt/virtqemud-sock", True),
    ]


def test_a_daemon_tells_how_it_was_started_and_what_it_holds() -> None:
    told = of({"daemon 75": "libvirtd\n/usr/sbin/libvirtd\n--listen", "sockets 75": "4820294\n12\nx"})
    (daemon,) = daemons(told)
    assert (daemon.name, daemon.listens, daemon.inodes) == ("libvirtd", True, frozenset({4820294, 12}))


def test_definitions_tell_when_they_were_written() -> None:
    (file,) = definition_files("1795522382.7021258770 web.xml\nxx yy\n1e99 far.xml\n1795522382 autostart\n")
    assert (file.name, file.written.year) == ("web", 2026)


# Processes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "screen"),
    [
        # libvirt's tests/qemuxml2argvdata: graphics-vnc-tls, graphics-vnc-policy
        (
            "127.0.0.1:3,tls-creds=vnc-tls-creds0,sasl=on,audiodev=audio1",
            ServedScreen("VNC", "127.0.0.1", "5903", encrypted=True, sasl=True),
        ),
        ("[::]:59630,share=allow-exclusive,audiodev=audio1", ServedScreen("VNC", "::", "65530")),
        ("192.0.2.7:0,password=on", ServedScreen("VNC", "192.0.2.7", "5900", password=True)),
        (":0,password,tls,x509verify=/etc/pki", ServedScreen("VNC", "", "5900", password=True, encrypted=True)),
        (":1", ServedScreen("VNC", "", "5901")),
        ("192.0.2.7:0,password=off", ServedScreen("VNC", "192.0.2.7", "5900")),
        ("vnc=unix:/var/lib/libvirt/qemu/domain-1/vnc.sock", ServedScreen("VNC", "unix", "", is_socket=True)),
        ("none", None),
    ],
)  # fmt: skip
def test_a_vnc_screen_is_told_by_qemus_argument(argument: str, screen: ServedScreen | None) -> None:
    found = vnc_screen(argument)
    if screen and screen.is_socket:
        assert found and found.is_socket
    else:
        assert found == screen


@pytest.mark.parametrize(
    ("argument", "screen"),
    [
        # libvirt's tests/qemuxmlconfdata: graphics-spice-sasl, graphics-spice
        (
            "port=5903,tls-port=5904,addr=127.0.0.1,sasl=on,x509-dir=/etc/pki/libvirt-spice,tls-channel=default,"
            "seamless-migration=on",
            ServedScreen("SPICE", "127.0.0.1", "5903/5904", password=True, encrypted=True, sasl=True),
        ),
        (
            "port=5903,tls-port=5904,addr=127.0.0.1,x509-dir=/etc/pki/libvirt-spice,tls-channel=default,"
            "tls-channel=main,plaintext-channel=inputs",
            ServedScreen("SPICE", "127.0.0.1", "5903/5904", password=True),
        ),
        ("port=5900,addr=192.0.2.7,disable-ticketing=on", ServedScreen("SPICE", "192.0.2.7", "5900")),
        ("tls-port=5901,addr=::", ServedScreen("SPICE", "::", "5901", password=True, encrypted=True)),
        ("unix=on,addr=/run/s,disable-ticketing=on", ServedScreen("SPICE", "/run/s", "", is_socket=True)),
        ("gl=on", None),
    ],
)  # fmt: skip
def test_a_spice_screen_is_told_by_qemus_argument(argument: str, screen: ServedScreen | None) -> None:
    assert spice_screen(argument) == screen


def test_a_guests_process_is_known_by_its_uuid_with_user_filter_and_mounts() -> None:
    told = of(
        {
            "guest 294": f"-uuid {UUID}\n-vnc 10.84.0.1:0,audiodev=audio1",
            "guest 75": "",
            "label 294": f"libvirt-{UUID} (enforce)",
            "status": "/proc/29/status:Uid:\t0\t0\t0\t0\n/proc/294/status:Uid:\t64055\t64055\t64055\t64055\n"
            "/proc/294/status:Seccomp:\t2\n",
            "namespaces": "/proc/1/ns/mnt -> mnt:[4026531841]\n/proc/294/ns/mnt -> mnt:[4026532255]\n",
        }
    )
    (process,) = guest_processes(told).values()
    assert (process.pid, process.uid, process.seccomp, process.own_mounts) == (294, 64055, 2, True)
    assert process.label == f"libvirt-{UUID} (enforce)"
    assert [screen.address for screen in process.screens] == ["10.84.0.1"]


def test_what_an_account_may_not_see_of_a_process_is_not_known() -> None:
    (process,) = guest_processes(of({"guest 9": f"-uuid {UUID}", "status": "", "namespaces": ""})).values()
    assert (process.uid, process.seccomp, process.own_mounts, process.label) == (None, None, None, None)


# Guests, as libvirt tells them -----------------------------------------------------------------

# libvirt's capabilities on a host with AppArmor (formatcaps.html).
APPARMOR = """<capabilities><host><secmodel><model>apparmor</model><doi>0</doi></secmodel>
<secmodel><model>dac</model><doi>0</doi><baselabel type='kvm'>+487:+486</baselabel>
<baselabel type='qemu'>+487:+486</baselabel></secmodel></host></capabilities>"""
# A live guest's elements (formatdomain.html: seclabel, graphics, launchSecurity).
GUEST = f"""<domain type='kvm' id='1'><name>web</name><uuid>{UUID}</uuid>
<os firmware='efi'><loader secure='yes'/></os><launchSecurity type='sev'/><devices>
<graphics type='vnc' port='5900' autoport='yes' listen='192.0.2.7' passwd='hunter2'><listen type='address' address='192.0.2.7'/></graphics>
<graphics type='spice'><listen type='socket' socket='/run/x'/></graphics><graphics type='sdl'/></devices>
<seclabel type='dynamic' model='apparmor' relabel='yes'><label>libvirt-{UUID}</label>
<imagelabel>libvirt-{UUID}</imagelabel></seclabel>
<seclabel type='dynamic' model='dac' relabel='yes'><label>+64055:+64055</label></seclabel></domain>"""  # noqa: E501


def guest() -> GuestConfinement:
    return read_guest(GUEST, active=True)


def test_a_guest_tells_its_labels_screens_and_protections_and_no_password() -> None:
    found = guest()
    assert (found.name, found.uuid, found.uid) == ("web", UUID, 64055)
    assert [(label.model, label.kind) for label in found.labels] == [
        ("apparmor", "dynamic"),
        ("dac", "dynamic"),
    ]
    assert [(screen.kind, screen.addresses) for screen in found.screens] == [
        ("VNC", ("192.0.2.7",)),
        ("SPICE", ()),
    ]
    assert (found.launch_security, found.secure_boot) == ("sev", True)
    assert "hunter2" not in repr(found)


def test_the_models_of_a_host_tell_the_user_that_guests_get() -> None:
    assert [(model.name, model.default) for model in parse_capabilities(APPARMOR).security] == [
        ("apparmor", ""),
        ("dac", "+487:+486"),
    ]
    assert (uid_of("+0:+0"), uid_of("107:107"), uid_of("root:root"), uid_of("")) == (0, 107, None, None)


# The command -----------------------------------------------------------------------------------

NONCE = "7f3a"
SHELLS = [shell for shell in ("dash", "bash --posix", "busybox sh") if shutil.which(shell.split()[0])]


def told(shell: str, root: Path) -> tuple[subprocess.CompletedProcess[str], Exposure]:
    """The script, run here as on a host whose files of libvirt are in `root`."""
    text = resources.files("backends.probes.exposure").joinpath("exposure.sh").read_text()
    for folder in ("/etc/libvirt", "/run/libvirt", "/etc/pki"):
        text = text.replace(folder, f"{root}{folder}")
    command = ["env", "LC_ALL=C", *shell.split(), "-c", text]
    done = subprocess.run(
        command, input=f"{NONCE}\n", capture_output=True, text=True, timeout=20, check=False
    )
    answer = Answer(done.returncode, done.stdout.replace(str(root), ""), done.stderr.replace(str(root), ""))
    return done, exposure(survey.parse(answer, NONCE, asked_at=0.0, took_s=0.1))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("etc/libvirt/qemu", "run/libvirt/qemu", "etc/pki/qemu"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_brings_the_settings_without_comments_and_without_a_password(
    shell: str, root: Path
) -> None:
    (root / "etc/libvirt/qemu.conf").write_text(
        '# vnc_password = "commented1"\nvnc_password = "sesame12" # sesame34\n  spice_password=\'sesame56\'\n'
        'rdp_password = ""\nsecurity_driver = "none"\nmigrate_tls_x509_verify = 1\n'
    )
    (root / "etc/libvirt/libvirtd.conf").write_text('auth_tcp = "none"\n')
    (root / "etc/libvirt/qemu/web.xml").write_text("<domain><graphics passwd='sesame78'/></domain>")
    (root / "etc/pki/qemu/server-cert.pem").write_text("")
    done, found = told(shell, root)
    assert not done.stderr
    assert "sesame" not in done.stdout and "commented1" not in done.stdout
    assert found.qemu.readable and found.qemu.security_drivers == ("none",)
    settings = found.settings("libvirtd")
    assert settings and settings.text("auth_tcp") == "none"
    assert found.settings("virtproxyd") == libvirt_conf.Settings(), "a file that is not there says nothing"
    assert found.certificates == ("/etc/pki/qemu",)
    assert [file.name for file in found.definitions or ()] in (["web"], []), "busybox may lack -printf"
    assert found.listening is not None


@pytest.mark.parametrize("shell", SHELLS)
def test_a_process_with_a_guests_uuid_is_found_by_its_pid_file_and_its_password_stays_there(
    shell: str, root: Path
) -> None:
    arguments = ["-uuid", UUID, "-vnc", ":0,password=on", "-spice", "port=1,password=ses,,ame9,addr=::"]
    with subprocess.Popen(["sh", "-c", "read -r line", "qemu", *arguments], stdin=subprocess.PIPE) as process:
        try:
            (root / "run/libvirt/qemu/web.pid").write_text(str(process.pid))
            done, found = told(shell, root)
        finally:
            process.kill()
    assert not [word for word in ("ses,", "ame9") if word in done.stdout]
    (guest_process,) = found.guests.values()
    assert guest_process.uid == os.getuid()
    assert [(s.kind, s.password) for s in guest_process.screens] == [("VNC", True), ("SPICE", True)]
    assert guest_process.screens[1].address == "::", "what follows a password is not lost with it"


def test_a_file_that_is_shut_is_not_taken_for_one_that_says_nothing() -> None:
    found = exposure(
        of({"/etc/libvirt/qemu.conf": Gap.DENIED, "/etc/libvirt/libvirtd.conf": Gap.DENIED, "certificates": Gap.DENIED,
            "/etc/libvirt/qemu": Gap.DENIED})
    )  # fmt: skip
    assert not found.qemu.readable
    assert found.settings("libvirtd") is None
    assert found.certificates is None and found.definitions is None and found.listening is None


def test_a_host_that_runs_no_shell_for_us_says_so() -> None:
    with pytest.raises(LinkError, match="not available"):
        survey.parse(Answer(1, "", "This account is not available.\n"), NONCE, asked_at=0.0, took_s=0.1)

# What a host lets in, and how its guests' processes are kept. POSIX sh, as ../survey/survey.sh, and the same form of
# answer: sections that begin with `NONCE text NAME` or `NONCE denied NAME`. The nonce is the first line of the input.
# No password leaves the host: what settings and QEMU's arguments say of one is replaced here.

say() {
    printf '\n%s %s\n' "$nonce" "$*"
}

# A file that is not there, or that a folder hides from this account.
absent() {
    folder=${1%/*}
    if [ -e "$1" ] || { [ -d "$folder" ] && [ ! -x "$folder" ]; }; then
        say denied "$1"
    fi
}

# Without comments. An empty password is told as it is: it means that nobody gets in.
settings() {
    if [ ! -r "$1" ]; then
        absent "$1"
        return 0
    fi
    say text "$1"
    sed -E '/^[[:space:]]*(#|$)/d
        /^[[:space:]]*[A-Za-z0-9_]*(password|passwd|secret)[[:space:]]*=/{
            /=[[:space:]]*(""|'\'\'')[[:space:]]*(#.*)?$/!s/=.*/= "(set)"/
        }' "$1" | head -c 65536
}

setting() {
    sed -n -E "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*[\"']([^\"']+)[\"'].*/\1/p" /etc/libvirt/qemu.conf 2>/dev/null |
        head -n 1
}

listening() {
    [ -r "$1" ] || return 0
    say text "$1"
    sed -n -E '/^ *[0-9]+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:0000 0A /p' "$1" | head -n 4096
}

certificate() {
    if [ -e "$1/server-cert.pem" ]; then echo "$1"; fi
}

# Pid files are root's and cannot be forged; where they may not be read, every process is looked at.
guests() {
    found=
    for file in /run/libvirt/qemu/*.pid; do
        pid=
        if [ -r "$file" ]; then IFS= read -r pid <"$file"; fi
        case $pid in '' | *[!0-9]*) ;; *) found="$found $pid" ;; esac
    done
    if [ -z "$found" ]; then
        found=$(grep -l -e '-uuid' /proc/[0-9]*/cmdline 2>/dev/null | cut -d / -f 3 | head -n 4096)
    fi
    echo "$found"
}

IFS= read -r nonce
say text 'id -u'
id -u
say text 'id -un'
id -un
say text 'byte order'
printf '\1\0' | od -An -tu2

for file in qemu libvirtd virtproxyd virtqemud virtxend virtlxcd; do
    settings "/etc/libvirt/$file.conf"
done

listening /proc/net/tcp
listening /proc/net/tcp6
if command -v systemctl >/dev/null; then
    say text systemctl
    timeout 2 systemctl show -p Id,ActiveState,Listen libvirtd-tcp.socket libvirtd-tls.socket \
        virtproxyd-tcp.socket virtproxyd-tls.socket 2>/dev/null
fi
if command -v stat >/dev/null; then
    say text stat
    stat -c '%a %G %n' /run/libvirt/libvirt-sock /run/libvirt/virtqemud-sock /run/libvirt/virtxend-sock \
        /run/libvirt/virtlxcd-sock 2>/dev/null
fi

for pid in $(grep -lxE 'libvirtd|virtproxyd|auditd' /proc/[0-9]*/comm 2>/dev/null | cut -d / -f 3); do
    say text "daemon $pid"
    cat "/proc/$pid/comm"
    tr '\0' '\n' <"/proc/$pid/cmdline"
    say text "sockets $pid"
    ls -l "/proc/$pid/fd" | sed -n 's/.* -> socket:\[\([0-9]*\)]$/\1/p'
done 2>/dev/null # one may end meanwhile

set --
for pid in $(guests); do
    [ -r "/proc/$pid/cmdline" ] || continue
    say text "guest $pid"
    tr '\0' '\n' <"/proc/$pid/cmdline" | sed -n -E '/^-(uuid|vnc|spice)$/{
        N
        s/\n/ /
        /^-spice/s/(^|[ ,])password=([^,]|,,)*/\1password=(set)/g
        p
    }' | head -c 16384
    say text "label $pid"
    tr -d '\0' <"/proc/$pid/attr/current"
    set -- "$@" "$pid"
done 2>/dev/null
if [ $# -gt 0 ]; then
    say text namespaces
    for pid in 1 "$@"; do echo "/proc/$pid/ns/mnt"; done | xargs ls -l 2>/dev/null | sed -n 's/.* \(\/proc\/.* -> .*\)/\1/p'
    say text status
    for pid in "$@"; do echo "/proc/$pid/status"; done | xargs grep -HE '^(Uid|Seccomp):' 2>/dev/null
fi

say text certificates
migrate=$(setting migrate_tls_x509_cert_dir)
default=$(setting default_tls_x509_cert_dir)
certificate "${migrate:-/etc/pki/libvirt-migrate}"
certificate "${default:-/etc/pki/qemu}"
for folder in "${migrate:-/etc/pki/libvirt-migrate}" "${default:-/etc/pki/qemu}"; do
    [ ! -d "$folder" ] || [ -x "$folder" ] || say denied certificates
done

for folder in /etc/libvirt/qemu /etc/libvirt/libxl /etc/libvirt/lxc; do
    if [ ! -d "$folder" ]; then
        absent "$folder"
    elif [ ! -r "$folder" ] || [ ! -x "$folder" ]; then
        say denied "$folder"
    else
        say text "$folder"
        find "$folder" -maxdepth 1 -name '*.xml' -printf '%T@ %f\n' 2>/dev/null | head -n 4096
    fi
done

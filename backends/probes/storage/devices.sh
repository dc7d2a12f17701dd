# What only storage is asked for, after questions.sh and in its form: block devices and what is behind them, and locks.
# A program is only run where its daemon is there, or something that it could tell of.

# Lines `DEVICE/FILE:TEXT`: the first line of some files of each device of a class. Names of devices may hold a colon.
attributes() {
    [ -d "$1" ] || return 0
    say text "$1"
    folder=$1
    shift
    # shellcheck disable=SC2048,SC2086
    (cd "$folder" && grep -s -H -m 1 "" $*) | head -c 1048576
}

# Lines `NAME -> TARGET`: the links in a folder.
links() {
    [ -d "$1" ] || return 0
    say text "links $1"
    ls -l "$1/" 2>/dev/null | sed -n 's/^l.* \([^ ]* -> .*\)$/\1/p' | head -c 1048576
}

# A file of settings, without its comments.
settings() {
    if [ -r "$1" ]; then
        say text "$1"
        grep -vE '^[[:space:]]*(#|$)' "$1" | head -c 65536
    else
        absent "$1"
    fi
}

# The processes of libvirt's guests, with their names.
guests() {
    for file in /run/libvirt/qemu/*.pid; do
        [ -r "$file" ] || continue
        read -r pid <"$file"
        case $pid in '' | *[!0-9]*) continue ;; esac
        name=${file##*/}
        echo "$pid ${name%.pid}"
    done
}

# QEMU's locks belong to open files, not to processes: which of its files are locked, and where they are.
locks() {
    [ -r /proc/locks ] || return 0
    say text /proc/locks
    grep -E ' (POSIX|OFDLCK) ' /proc/locks | head -c 524288
    running=$(guests)
    [ -n "$running" ] || return 0
    say text guests
    printf '%s\n' "$running"
    patterns=$(printf '%s\n' "$running" | sed 's,^\([0-9]*\) .*,/proc/\1/fdinfo/*,')
    # shellcheck disable=SC2086
    locked=$(grep -s -H '^lock:' $patterns | head -c 524288)
    [ -n "$locked" ] || return 0
    say text fdinfo
    printf '%s\n' "$locked"
    say text fd
    printf '%s\n' "$locked" | sed -n 's,^/proc/\([0-9]*\)/fdinfo/\([0-9]*\):.*,/proc/\1/fd/\2,p' | sort -u |
        xargs ls -l 2>/dev/null | sed -n 's,^l.* \(/proc/[0-9]*/fd/[0-9]*\) -> \(.*\)$,\1 \2,p' | head -c 524288
}

attributes /sys/class/block '*/size' '*/ro' '*/removable' '*/partition' '*/dm/name' '*/dm/uuid' '*/wwid' '*/serial' \
    '*/device/wwid' '*/device/vendor' '*/device/model' '*/device/serial' '*/device/state' '*/loop/backing_file'
links /sys/class/block
for way in id path uuid; do
    links "/dev/disk/by-$way"
done
say text slaves
for below in /sys/class/block/*/slaves/*; do
    [ -e "$below" ] && echo "${below#/sys/class/block/}"
done | head -c 1048576
attributes /sys/class/iscsi_session '*/targetname' '*/initiatorname' '*/state' '*/recovery_tmo' '*/username'
attributes /sys/class/iscsi_connection '*/persistent_address' '*/persistent_port' '*/address' '*/port'
attributes /sys/class/fc_host '*/port_name' '*/port_state' '*/speed'
attributes /sys/class/fc_remote_ports '*/port_name' '*/port_state' '*/roles'
for file in qemu.conf qemu-lockd.conf qemu-sanlock.conf; do
    settings "/etc/libvirt/$file"
done
settings /etc/iscsi/initiatorname.iscsi
if grep -qs '^mpath-' /sys/class/block/*/dm/uuid; then
    if [ -e /run/multipathd.pid ]; then run 4 multipathd show maps json; else run 4 multipath -ll; fi
fi
for session in /sys/class/iscsi_session/session*; do
    [ -e "$session" ] && run 4 iscsiadm -m session -P 3
    break
done
if [ -e /proc/drbd ]; then
    run 4 drbdsetup status --json
    run 4 drbdadm status
fi
[ -S /run/sanlock/sanlock.sock ] && run 4 sanlock client status
[ -S /run/lvm/lvmlockd.socket ] && run 4 lvmlockctl -i
locks

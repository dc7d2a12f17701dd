# What only storage is asked for, after questions.sh and in its form: the table of mounts, and of each file system how
# much room there is. A file system on a dead server or disk hangs whoever asks it: each is asked by a process of its
# own, all at once, and who has not answered in time is not waited for.

# Without what holds no disks, and without the mounts of containers, which can be thousands.
mounts() {
    grep -vE -e ' - (proc|sysfs|cgroup2?|devpts|mqueue|debugfs|tracefs|securityfs|pstore|bpf|configfs|fusectl) ' \
        -e ' - (hugetlbfs|autofs|binfmt_misc|nsfs|rpc_pipefs|efivarfs|selinuxfs|nfsd|fuse\.(lxcfs|portal|gvfsd-fuse)) ' \
        -e ' /(var/lib/(docker|containers|containerd|kubelet|rancher)|run/(containerd|docker|k3s|user/[0-9]*/docker))/[^ ]* .* - (overlay|fuse-overlayfs|aufs|tmpfs|squashfs) ' \
        -e ' /snap/[^ ]* .* - squashfs ' "$1" | head -n 4096
}

# Lines `DEVICE asked`, one for each file system, and of those that answer `DEVICE STATUS BLOCK-SIZE BLOCKS FREE
# AVAILABLE` or `DEVICE STATUS COMPLAINT`.
rooms() {
    known=' '
    asked=0
    while read -r _ _ device _ point rest; do
        case $known in *" $device "*) continue ;; esac
        case "$point $rest" in
        "/run "* | "/run/"* | "/dev "* | "/dev/"* | "/sys/"*) case $rest in *' - tmpfs '*) continue ;; esac ;;
        esac
        known="$known$device "
        asked=$((asked + 1))
        [ "$asked" -gt 128 ] && break
        echo "$device asked"
        room "$device" "$point" </dev/null &
    done
}

# The kernel writes blanks, line ends and backslashes of paths as octal numbers, as printf(1) reads them.
room() {
    path=$2
    case $path in *%*) path=$(printf '%s\n' "$path" | sed 's/%/%%/g') ;; esac
    # shellcheck disable=SC2059
    path=$(printf "$path.")
    told=$(timeout -k 1 4 stat -f -c '%S %b %f %a' "${path%.}" 2>&1)
    printf '%s %s %.300s\n' "$1" "$?" "$told"
}

# Lines `NUMBER STATUS PATH .`: where the asked paths lead to, by the order in which they were asked.
real() {
    told=$(timeout -k 1 4 readlink -f -- "$2" 2>/dev/null)
    printf '%s %s %s .\n' "$1" "$?" "$told"
}

reals() {
    number=0
    while IFS= read -r path; do
        real "$number" "$path" </dev/null &
        number=$((number + 1))
    done
}

if [ -n "$links" ] && command -v timeout >/dev/null && command -v readlink >/dev/null; then
    say text readlink
    printf '%s' "$links" | reals 2>/dev/null | timeout 6 head -c 1048576
fi
if [ -r /proc/self/mountinfo ]; then
    table=$(mounts /proc/self/mountinfo)
    say text /proc/self/mountinfo
    printf '%s\n' "$table"
    if command -v timeout >/dev/null && command -v stat >/dev/null; then
        say text statfs
        printf '%s\n' "$table" | rooms 2>/dev/null | timeout 6 head -c 262144
    fi
else
    absent /proc/self/mountinfo
fi
say text ended
date +%s.%N

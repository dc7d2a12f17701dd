#!/bin/sh
# Process 1 of a lab host. It runs in namespaces of its own (mount, UTS, network, IPC, PID, cgroup): it gives
# the host its own view of the file system, waits for its network, starts its daemons and reaps orphans.
# When it dies, everything in the host dies: that is the host's power switch.
#
# Arguments: NAME LAB BOOT QEMU CONTROLLERS
#   LAB          the lab's folder
#   BOOT         folder with the guests' kernel and initrd
#   QEMU         folder with a usr to lay over /usr, or nothing
#   CONTROLLERS  cgroup version 1 controllers, or nothing for version 2
# Standard input: one line when the network is plugged in. If it ends instead, so does the host.
set -eu
name=$1 lab=$2 boot=$3 qemu=$4 controllers=$5

# The host's folders are put together under /mnt and then laid over the machine's; the lab's own folder,
# wherever it is (/root, /var, /tmp), goes out of sight.
mount --make-rprivate /
mount --bind "$lab/nodes/$name" /mnt
node=/mnt
mount --bind "$boot" "$node/var/lib/libvirt/boot"
mount -o remount,ro,bind "$node/var/lib/libvirt/boot"
mount --bind /var/lib/dpkg "$node/var/lib/dpkg"
mount -o remount,ro,bind "$node/var/lib/dpkg"
# libvirt takes this file system type for shared storage, which it must be for a guest to move safely.
# The comma makes bindfs leave the name of its source to us.
mount --bind "$lab/shared" "$node/shared,gv0"
# Names are never cached: what the others write, or the machine itself, is there at once.
bindfs -o fsname=st:/gv0,subtype=glusterfs,allow_other,default_permissions \
    -o entry_timeout=0,negative_timeout=0,attr_timeout=0 \
    "$node/shared,gv0" "$node/var/lib/libvirt/shared"

# A /dev without kvm: nested virtualisation is not to be relied on, and guests must behave alike everywhere.
dev=$node/dev
mount -t tmpfs -o mode=755 lab-dev "$dev"
device() { mknod -m "$2" "$dev/$1" "$3" "$4" "$5"; }
device null 666 c 1 3
device zero 666 c 1 5
device full 666 c 1 7
device random 666 c 1 8
device urandom 666 c 1 9
device tty 666 c 5 0
device fuse 600 c 10 229
device loop-control 600 c 10 237
mkdir "$dev/pts" "$dev/shm" "$dev/net" "$dev/mapper"
device net/tun 600 c 10 200
for number in 0 1 2 3 4 5 6 7; do device "loop$number" 600 b 7 "$number"; done
if [ -e /dev/userfaultfd ]; then # for post-copy migration
    cp -a /dev/userfaultfd "$dev/userfaultfd"
fi
ln -s /proc/self/fd "$dev/fd"
ln -s fd/0 "$dev/stdin"
ln -s fd/1 "$dev/stdout"
ln -s fd/2 "$dev/stderr"
ln -s pts/ptmx "$dev/ptmx"

mount -t proc proc /proc
umount -R -l /sys # with the machine's cgroup mounts in sight, libvirt would use those
mount -t sysfs sysfs /sys
if [ -n "$controllers" ]; then
    mount -t tmpfs -o mode=755 lab-cgroup /sys/fs/cgroup
    for controller in $controllers; do
        mkdir "/sys/fs/cgroup/$controller"
        mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller"
    done
else
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi

if [ -n "$qemu" ]; then
    mount -t overlay -o "lowerdir=$qemu/usr:/usr" overlay /usr
    # The older modules and firmware must not shine through: a module of QEMU 7.2 makes QEMU 10 abort.
    for folder in lib/x86_64-linux-gnu/qemu share/qemu; do mount --bind "$qemu/usr/$folder" "/usr/$folder"; done
fi
umount -R -l /dev
for folder in etc root var dev; do mount --rbind "$node/$folder" "/$folder"; done
umount -R -l /mnt
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts /dev/pts
mount -t tmpfs -o mode=1777 lab-shm /dev/shm
mount -t tmpfs -o mode=1777 lab-tmp /tmp
mount -t tmpfs -o mode=755 lab-run /run
mkdir -p /run/sshd /run/libvirt /run/lock /run/lvm
mount -o remount,ro,bind / # the machine's own files are safe from this host
hostname "$name"
cd /

read -r _plugged
exec </dev/null

# Restarts a daemon that ends, as a service manager would; not while it is held (see host_faults.py).
keep() {
    while :; do
        if [ ! -e "/run/held/${1##*/}" ]; then "$@" || :; fi
        sleep 0.2
    done
}
keep /usr/sbin/sshd -D -e -f /etc/ssh/sshd_config >>/var/log/sshd.log 2>&1 &
keep /usr/sbin/libvirtd --listen >>/var/log/libvirt/libvirtd.out 2>&1 &
wait

#!/bin/sh
# Process 1 of the lab's storage node, in namespaces of its own: an iSCSI target with a few small disks.
#
# Arguments: NAME LAB ADDRESS TARGET LUN...
#   LAB      the lab's folder; disk N is its file shared/lun/lunN
#   TARGET   the target's IQN
# Standard input: one line when the network is plugged in. If it ends instead, so does the node.
set -eu
name=$1 lab=$2 address=$3 target=$4
shift 4

mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 lab-run /run
hostname "$name"
cd /
read -r _plugged
exec </dev/null

tgtd --foreground --iscsi "portal=$address:3260" &
until tgtadm --lld iscsi --op show --mode sys >/dev/null 2>&1; do sleep 0.02; done
tgtadm --lld iscsi --op new --mode target --tid 1 --targetname "$target"
for lun; do
    disk=$lab/shared/lun/lun$lun
    tgtadm --lld iscsi --op new --mode logicalunit --tid 1 --lun "$lun" --backing-store "$disk"
done
tgtadm --lld iscsi --op bind --mode target --tid 1 --initiator-address ALL
wait

#!/bin/sh
# Process 1 of the lab's storage node, in namespaces of its own: an iSCSI target daemon and nothing else.
# Arguments: NAME LAB ADDRESS
# Standard input: one line when the network is plugged in. If it ends instead, so does the node.
set -eu
name=$1 address=$3
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 lab-run /run
hostname "$name"
read -r _plugged
exec </dev/null
tgtd --foreground --iscsi "portal=$address:3260" &
wait

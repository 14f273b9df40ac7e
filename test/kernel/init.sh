#!/bin/busybox sh
# The first process of the guest: mounts the root that the tests see, and hands over to guest.sh there.
set -e
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /host /disk /root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod "$module"; done
# This machine's files, which the guest can't change: what it writes is on a disk of its own.
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=524288,cache=loose host /host
mount -t ext4 /dev/vda /disk
mkdir /disk/upper /disk/work /disk/tmp
chmod 1777 /disk/tmp
mount -t overlay -o lowerdir=/host,upperdir=/disk/upper,workdir=/disk/work root /root
mount --bind /disk/tmp /root/tmp
mount -t tmpfs tmpfs /root/run
mkdir -p /root/lib/modules
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=524288,cache=loose modules /root/lib/modules
[ -e /root/sbin/modprobe ] || cp /bin/busybox /root/sbin/modprobe
cp /command /guest /root/run
for dir in proc sys dev; do mount --move /$dir /root/$dir; done
exec switch_root /root /bin/sh /run/guest

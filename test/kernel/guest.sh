# The guest's first process once its root is there: sets up what an init does, runs the command, and ends the guest.
export HOME=/root LANG=C.UTF-8
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --make-rshared /
hostname guest
modprobe loop
ip link set lo up
busybox stty -F /dev/ttyS1 -opost
{
  setsid sh /run/command </dev/null 2>&1
  echo "ended with $?"
} | cat >/dev/ttyS1
busybox poweroff -f

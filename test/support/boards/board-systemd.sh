#!/bin/bash
# Process 1 of a virtual board that systemd runs: the same namespaces as board-init.sh, and a root of its own, whose
# system is this machine's with the board's changes over it. Killing this process is a power cut.
#   board-systemd.sh BOARD_DIRECTORY HOST_NAME CGROUP_VERSION
D=$1 NAME=$2 CGROUPS=$3 R=$1/root
set -e
read -r PID _ </proc/self/stat
. "$(dirname "$0")/board-mounts.sh"
mkdir -p "$R" && mount -t tmpfs -o mode=755 tmpfs "$R"
cd "$R"
mkdir -p proc sys run dev tmp root mnt var opt
for link in bin sbin lib lib32 lib64 libx32; do [ ! -L "/$link" ] || cp -P "/$link" .; done
for part in usr etc; do
  mkdir -p "$D/disk/$part" "$D/disk/.$part" "$part"
  mount -t overlay overlay -o "lowerdir=/$part,upperdir=$D/disk/$part,workdir=$D/disk/.$part" "$part"
done
mount --rbind /opt opt && mount -o remount,bind,ro opt
mkdir -p "$D/disk/var" && mount --bind "$D/disk/var" var
mount -t tmpfs tmpfs tmp
mount_kernel "$R" "$CGROUPS"
mount_disk "$R" "$D"
# What is not the board's alone stays as it is: the kernel's settings but those of the network.
mount --bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys
mount --bind proc/sys/net proc/sys/net && mount -o remount,bind,rw proc/sys/net
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do touch "dev/$node" && mount --bind "/dev/$node" "dev/$node"; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts && ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
ln -s /proc/self/fd dev/fd
# At its first boot: nothing of what this machine itself runs.
if [ ! -e "$D/disk/furnished" ]; then
  rm -rf etc/systemd/system/*.wants etc/coracle usr/lib/coracle usr/local/bin/coracle
  for unit in systemd-sysctl systemd-modules-load systemd-binfmt systemd-udevd systemd-timesyncd binfmt-support getty@tty1; do
    ln -sf /dev/null "etc/systemd/system/$unit.service"
  done
  rm -rf usr/lib/systemd/system/{multi-user,timers}.target.wants
  touch "$D/disk/furnished"
fi
rm -f etc/machine-id && cp "$D/disk/machine-id" etc/machine-id
echo "$NAME" >etc/hostname && hostname "$NAME"
pivot_root . mnt
cd /
mount --make-rshared /
echo "$PID" >"/mnt$D/pid.new" && mv "/mnt$D/pid.new" "/mnt$D/pid"
mount --make-private /mnt && umount -l /mnt
exec env -i container=coracle PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=multi-user.target systemd.log_target=console

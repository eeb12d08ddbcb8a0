# Sourced by the two inits of a virtual board: what its kernel and its disk show, below a root that may be / itself.

# mount_kernel ROOT CGROUP_VERSION
mount_kernel() {
  [ -n "$1" ] || umount -R -l /proc 2>/dev/null
  mount -t proc proc "$1/proc"
  [ -n "$1" ] || umount -R -l /sys 2>/dev/null
  mount -t sysfs sysfs "$1/sys"
  if [ "$2" = 2 ]; then
    mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
  else
    mount -t tmpfs -o mode=755 cgroup "$1/sys/fs/cgroup"
    # Every hierarchy of /proc/PID/cgroup must be mounted: without one, statistics and OOM events vanish silently.
    while IFS=: read -r id controllers _; do
      [ "$id" = 0 ] && continue
      mkdir "$1/sys/fs/cgroup/${controllers#name=}"
      case $controllers in name=*) options=none,$controllers ;; *) options=$controllers ;; esac
      mount -t cgroup -o "$options" cgroup "$1/sys/fs/cgroup/${controllers#name=}"
    done </proc/self/cgroup
  fi
  mount -t tmpfs -o mode=755 tmpfs "$1/run"
  mkdir -p "$1/run/lock" "$1/run/netns"
}

# mount_disk ROOT BOARD_DIRECTORY
mount_disk() {
  while read -r path; do
    mkdir -p "$2/disk$path" "$1$path"
    mount --bind "$2/disk$path" "$1$path"
  done <"$2/paths"
  cat /proc/sys/kernel/random/uuid >"$2/boot-id"
  mount --bind "$2/boot-id" "$1/proc/sys/kernel/random/boot_id"
  # How much there is to do on this machine says nothing of a board: it would keep Pods off whichever looks first.
  echo '0.00 0.00 0.00 1/100 1' >"$2/loadavg"
  mount --bind "$2/loadavg" "$1/proc/loadavg"
}

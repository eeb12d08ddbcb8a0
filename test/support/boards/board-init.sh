#!/bin/bash
# Process 1 of a virtual board. Runs in new namespaces (network, mounts, processes, host name, IPC, cgroups), gives the
# board its own /proc, /sys, /run and state directories under their stock paths, then keeps its services running, as a
# real board's init would. bash because it reaps orphans. Killing this process is a power cut.
#   board-init.sh BOARD_DIRECTORY HOST_NAME CGROUP_VERSION
D=$1 NAME=$2 CGROUPS=$3
# The pid as the machine sees it; readable only before /proc becomes the board's own.
read -r PID _ </proc/self/stat
. "$(dirname "$0")/board-mounts.sh"
mount_kernel '' "$CGROUPS"
if [ "$CGROUPS" = 2 ]; then
  # A group that has controllers for its children may hold no processes itself.
  mkdir -p /sys/fs/cgroup/init.scope && echo $$ >/sys/fs/cgroup/init.scope/cgroup.procs
  for c in $(cat /sys/fs/cgroup/cgroup.controllers); do echo "+$c" >/sys/fs/cgroup/cgroup.subtree_control; done
fi
mount_disk '' "$D"
[ -e /etc/machine-id ] && mount --bind "$D/disk/machine-id" /etc/machine-id
mount --make-rshared /
hostname "$NAME"
sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 2>/dev/null

# A service is a script; a file NAME.stopped beside it keeps it down. It comes back half a second after it dies.
keep() {
  local service=$1
  while :; do
    if [ -e "$D/services/$service.stopped" ]; then sleep 0.05; continue; fi
    /bin/sh "$D/services/$service" >>"$D/log/$service.log" 2>&1 </dev/null &
    echo $! >"$D/services/$service.pid"
    wait $!
    echo "--- $service exited with $? ---" >>"$D/log/$service.log"
    rm -f "$D/services/$service.pid"
    sleep 0.5
  done
}
for file in "$D"/services/*; do
  case $file in *.stopped | *.pid) continue ;; esac
  keep "$(basename "$file")" &
done
echo "$PID" >"$D/pid.new" && mv "$D/pid.new" "$D/pid"
while :; do wait -n || sleep 0.05; done

#!/bin/sh
# Brings a Debian or Raspberry Pi OS machine to where Coracle runs (`setup.sh run`) or is tested (`setup.sh test`):
# npm packages, Debian packages, kubectl. Runs before anything is installed, so it needs only sh, Node 20 or newer and npm.
# Says in a line what it installs; quick and silent when all is there. The system's package sources stay as they are.
set -eu

MODE=${1:-run}
case $MODE in run | test) ;; *) echo "usage: setup.sh run|test" >&2 && exit 2 ;; esac
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH DEBIAN_FRONTEND=noninteractive

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2 && exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

case $(uname -m) in
  x86_64) ARCH=amd64 ;;
  aarch64) ARCH=arm64 ;;
  *) fail "this machine is $(uname -m); Coracle runs on x86-64 and arm64" ;;
esac

# --- npm packages -----------------------------------------------------------------------------------------------

# Compares what npm installed with what the lock file wants; packages for other platforms may be absent.
npm_packages_match() {
  [ -f node_modules/.package-lock.json ] && node -e '
    const read = (path) => JSON.parse(require("fs").readFileSync(path)).packages;
    const wanted = read("package-lock.json"), there = read("node_modules/.package-lock.json");
    const same = (path) => there[path] && there[path].version === wanted[path].version;
    const missing = Object.keys(wanted).filter((path) => path && !same(path) && !wanted[path].optional);
    const extra = Object.keys(there).filter((path) => !wanted[path]);
    process.exit(missing.length + extra.length > 0 ? 1 : 0);' 2>/dev/null
}

install_npm_packages() {
  has node && has npm || fail "Node 20 or newer with npm is needed: apt-get install nodejs npm"
  if ! npm_packages_match; then
    say "npm packages, as package-lock.json says"
    # A registry that lacks some other platform's package makes `ci` refuse; `install` takes the same versions.
    npm ci --no-audit --no-fund --loglevel=silent || npm install --no-save --no-audit --no-fund --loglevel=error
  fi
  case $(node_modules/.bin/node --version 2>/dev/null) in
    v24.*) ;;
    *) fail "node_modules/.bin/node is not Node 24; remove node_modules and try again (optional packages are needed)" ;;
  esac
}

# --- Debian packages --------------------------------------------------------------------------------------------

# What is missing, by what a package brings: containerd may well come from another vendor's package.
missing_debian_packages() {
  has containerd && has ctr || echo containerd
  has crun || has runc || echo crun
  [ -e /usr/lib/cni/bridge ] || [ -e /opt/cni/bin/bridge ] || echo containernetworking-plugins
  has ip || echo iproute2
  has modprobe || echo kmod
  has nft || echo nftables
  has conntrack || echo conntrack # UDP clients of an endpoint that is gone are led to another at once
  has iptables || echo iptables # the bridge plug-in's masquerading
  has sysctl || echo procps
  has haproxy || echo haproxy # the agent starts it where there are Ingresses
  has mosquitto || echo mosquitto # the server starts it for the boards' health on MQTT
  has openssl || [ "$MODE" = run ] || echo openssl
  # The images that every board needs are compiled from our sources.
  [ -e "dist/images/$ARCH/pause.tar" ] && [ "$MODE" = run ] || has gcc || echo gcc
  [ "$MODE" = test ] || return 0
  if [ $ARCH = amd64 ]; then has aarch64-linux-gnu-gcc || echo gcc-aarch64-linux-gnu; fi
  [ -n "$(dpkg-query -W -f '${Version}' busybox-static 2>/dev/null)" ] || echo busybox-static
  [ -x /lib/systemd/systemd ] || echo systemd # runs the boards that a release is installed on
  # What puts a disk image together.
  has mcopy || echo mtools
  has mkfs.vfat || echo dosfstools
  has sfdisk || echo fdisk
  has mosquitto_sub || echo mosquitto-clients
  has faketime || echo faketime # stories of boards whose clocks begin in 1970
  has prometheus && has promtool || echo prometheus
  has prometheus-mqtt-exporter || echo prometheus-mqtt-exporter # one of the recipes for what is on MQTT
  has go || echo golang-go
  # What `npm run bench -- ingress` loads Ingresses with, and what they are measured by.
  has wrk || echo wrk
  has h2load || echo nghttp2-client
  has nginx || echo nginx-light
}

# Debian starts a service as it installs it, unless this file says no. Ours starts containerd by itself.
hold_services() {
  [ -e /usr/sbin/policy-rc.d ] && return
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT INT TERM
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
}

install_debian_packages() {
  PACKAGES=$(missing_debian_packages | tr '\n' ' ')
  [ -n "$PACKAGES" ] || return 0
  if ! has apt-get; then
    say "not a Debian machine; please install what stands for: $PACKAGES"
    return 0
  fi
  if [ "$(id -u)" != 0 ]; then
    say "not root; please run: sudo apt-get install --no-install-recommends $PACKAGES"
    return 0
  fi
  say "Debian packages: $PACKAGES"
  hold_services
  # A source that is not in reach is not our concern unless a package is missing then.
  apt-get -qq update || true
  case " $PACKAGES" in *" crun "*) apt-cache show crun >/dev/null 2>&1 || PACKAGES=$(echo "$PACKAGES" | sed 's/crun/runc/') ;; esac
  # shellcheck disable=SC2086
  apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install -y --no-install-recommends $PACKAGES >/dev/null
  # Debian's own services would take the ports at the next boot of the machine; those that were there before are left alone.
  for PACKAGE in mosquitto haproxy nginx-light; do
    case " $PACKAGES" in
      *" $PACKAGE "*) if has systemctl; then systemctl --quiet disable "${PACKAGE%-light}" 2>/dev/null || true; fi ;;
    esac
  done
}

# --- kubectl ----------------------------------------------------------------------------------------------------

# Debian 12 has kubectl 1.20; the next release has one that is new enough. Its package is unpacked into .cache
# with a package state of its own: the system's sources and packages are not touched.
SUITE=trixie
KUBECTL=.cache/kubectl/$ARCH/kubectl

kubectl_on_path_is_recent() {
  has kubectl || return 1
  MINOR=$(kubectl version --client -o json 2>/dev/null | sed -n 's/.*"minor": "\([0-9]*\).*/\1/p')
  [ "${MINOR:-0}" -ge 32 ]
}

# The Debian archive that this system already uses, in its own words.
debian_archive() {
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
    sed -n 's/^Debian|Debian|//p' | head -n 1
}

fetch_kubectl() {
  STATE=$PWD/.cache/apt
  ARCHIVE=$(debian_archive)
  if [ -z "$ARCHIVE" ] && [ "$(id -u)" = 0 ]; then
    apt-get -qq update || true
    ARCHIVE=$(debian_archive)
  fi
  [ -n "$ARCHIVE" ] || return 1
  KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
  SIGNED=
  [ ! -e $KEYRING ] || SIGNED="[signed-by=$KEYRING] "
  mkdir -p "$STATE/lists/partial" "$STATE/archives/partial" "$(dirname "$KUBECTL")"
  echo "deb $SIGNED$ARCHIVE $SUITE main" >"$STATE/sources.list"
  set -- -qq -o "Dir::Etc::SourceList=$STATE/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o "Dir::State::Lists=$STATE/lists" -o "Dir::Cache=$STATE" -o Dir::State::status=/dev/null \
    -o Acquire::Languages=none -o APT::Sandbox::User=root -o APT::Update::Post-Invoke-Success::=
  apt-get "$@" update || return 1
  rm -f "$STATE"/kubectl_*.deb
  (cd "$STATE" && apt-get "$@" download kubectl) || return 1
  dpkg-deb --fsys-tarfile "$STATE"/kubectl_*.deb | tar -xO ./usr/bin/kubectl >"$KUBECTL.new" || return 1
  chmod 755 "$KUBECTL.new"
  mv "$KUBECTL.new" "$KUBECTL"
  rm -rf "$STATE"
}

install_kubectl() {
  [ -x "$KUBECTL" ] && return 0
  if [ "$MODE" = run ] && kubectl_on_path_is_recent; then return 0; fi
  if has apt-get && has dpkg-deb; then
    say "kubectl 1.32 or newer, into .cache/kubectl"
    fetch_kubectl && return 0
  fi
  if kubectl_on_path_is_recent; then return 0; fi
  [ "$MODE" = test ] && fail "no kubectl 1.32 or newer: put one on the PATH"
  say "no kubectl 1.32 or newer found; the cluster runs without, and any machine's kubectl can use it"
}

install_npm_packages
if [ "$(uname -s)" = Linux ]; then
  install_debian_packages
  install_kubectl
else
  say "not Linux: the server runs here, an agent cannot"
fi

#!/bin/sh
# Installs Coracle on Debian or Raspberry Pi OS, as root:
#
#   sh install.sh server
#   sh install.sh agent --server https://SERVER:6443 --token TOKEN
#
# The release lies beside this script, or under the URL in CORACLE_FROM. Whatever stands behind the role goes to
# "coracle install": its --help lists it. Needs no registry: the images that a cluster needs are in the release.
set -eu

ROLE=${1:-}
case $ROLE in
  server | agent) shift ;;
  *) sed -n 's/^# \{0,1\}//; 2,8p' "$0" && exit 2 ;;
esac
say() { echo "coracle: $*"; }
fail() { echo "coracle: $*" >&2 && exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
[ "$(id -u)" = 0 ] || fail "root is needed: sudo sh install.sh $ROLE …"
case $(uname -m) in
  x86_64) ARCH=amd64 ;;
  aarch64) ARCH=arm64 ;;
  *) fail "this machine is $(uname -m); Coracle runs on 64-bit ARM and x86 (Node has no 32-bit ARM any more)" ;;
esac

# --- The release, checked ---------------------------------------------------------------------------------------

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT INT TERM
FROM=${CORACLE_FROM:-$(cd "$(dirname "$0")" && pwd)}
take() {
  case $FROM in
    http://* | https://*)
      if has curl; then curl -fsSL -o "$WORK/$1" "$FROM/$1"; else wget -qO "$WORK/$1" "$FROM/$1"; fi ||
        fail "$FROM/$1 can't be had" ;;
    *) [ -e "$FROM/$1" ] || fail "$FROM has no $1"; ln -sf "$FROM/$1" "$WORK/$1" ;;
  esac
}
take SHA256SUMS
ARCHIVE=$(sed -n "s/^[0-9a-f]*  \(coracle-.*-linux-$ARCH\.tar\.gz\)$/\1/p" "$WORK/SHA256SUMS")
[ -n "$ARCHIVE" ] || fail "this release has no archive for $ARCH"
# A key that was put on the machine before is the one to believe; the one that comes along proves only that all is of one piece.
take manifest.json && take manifest.json.sig
KEY=/etc/coracle/release-key.pem
[ -e $KEY ] || { take release-key.pem && KEY=$WORK/release-key.pem; }
if has openssl; then
  openssl pkeyutl -verify -pubin -inkey "$KEY" -rawin -in "$WORK/manifest.json" -sigfile "$WORK/manifest.json.sig" \
    >/dev/null 2>&1 || fail "the manifest is not signed with $KEY"
fi
take "$ARCHIVE"
SUM=$(sha256sum "$WORK/$ARCHIVE" | cut -d ' ' -f 1)
grep -q "\"sha256\": \"$SUM\"" "$WORK/manifest.json" || fail "$ARCHIVE is damaged: it is not what the manifest says"
say "$ARCHIVE is whole"

# --- Debian's packages ------------------------------------------------------------------------------------------

MISSING=
need() { has "$1" || [ -e "$1" ] || MISSING="$MISSING $2"; }
need containerd containerd
has crun || has runc || MISSING="$MISSING crun"
[ -e /opt/cni/bin/bridge ] || need /usr/lib/cni/bridge containernetworking-plugins
need ip iproute2
need modprobe kmod
need nft nftables
need conntrack conntrack
need iptables iptables
need haproxy haproxy
[ "$ROLE" = agent ] || need mosquitto mosquitto
if [ -n "$MISSING" ]; then
  has apt-get || fail "please install what stands for:$MISSING"
  say "Debian packages:$MISSING"
  # Coracle starts these itself, with settings of its own.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'rm -rf "$WORK" /usr/sbin/policy-rc.d' EXIT INT TERM
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
  fi
  apt-get -qq update || true
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends $MISSING >/dev/null
  for UNIT in containerd mosquitto haproxy; do
    case " $MISSING " in *" $UNIT "*) systemctl --quiet disable "$UNIT" 2>/dev/null || true ;; esac
  done
fi

# --- And Coracle's own installer --------------------------------------------------------------------------------

tar -C "$WORK" -xzf "$WORK/$ARCHIVE"
set -- "$ROLE" "$@"
DIR=$(echo "$WORK"/coracle-*/)
"${DIR}bin/node" "${DIR}coracle.mjs" install "$@"

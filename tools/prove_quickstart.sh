#!/usr/bin/env bash
# Proves the two commands in a fresh Debian 12: debootstraps a chroot, copies the committed tree into it, runs
# scripts/quickstart --no-serve twice (the second must take < 5 s), and with --test also scripts/test.
#   tools/prove_quickstart.sh DIR [--test]      as root; DIR is created and kept; the log is DIR/prove.log
set -euo pipefail
[ "$(id -u)" -eq 0 ] || { echo "must be root" >&2; exit 2; }
command -v debootstrap >/dev/null || apt-get install -y --no-install-recommends debootstrap
root=$(cd "$(dirname "$0")/.." && pwd)
dir=$1
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
chroot=$dir/debian12
log=$dir/prove.log
: >"$log"
mirror=$(grep -rhoE --include='*.list' --include='*.sources' '^(URIs: *|deb +)https?://[^ ]+/debian/?$' /etc/apt | grep -oE 'https?://[^ ]+' | head -n 1)
cleanup() { for m in proc sys dev; do mountpoint -q "$chroot/$m" && umount -l "$chroot/$m"; done; return 0; }
trap cleanup EXIT
if [ ! -x "$chroot/bin/bash" ]; then
  echo "== debootstrap" | tee -a "$log"
  debootstrap --variant=minbase --include=ca-certificates,git bookworm "$chroot" "$mirror" >>"$log" 2>&1
fi
# The machine's package sources and client settings, so that the same mirrors are used inside.
rm -f "$chroot/etc/apt/sources.list"
cp -r /etc/apt/sources.list* /etc/apt/apt.conf.d "$chroot/etc/apt/" 2>/dev/null || true
cp -r /usr/share/keyrings/. "$chroot/usr/share/keyrings/"
cp /etc/ssl/certs/ca-certificates.crt "$chroot/etc/ssl/certs/"
if [ -f /etc/pip.conf ]; then cp /etc/pip.conf "$chroot/etc/"; fi
cp /etc/resolv.conf /etc/hosts "$chroot/etc/" 2>/dev/null || true
for m in proc sys dev; do mountpoint -q "$chroot/$m" || mount --rbind "/$m" "$chroot/$m"; done
rm -rf "$chroot/root/strata"
git clone -q "$root" "$chroot/root/strata"
inside() { chroot "$chroot" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
  $(env | grep -iE '^(https?_proxy|no_proxy|pip_[a-z_]+|npm_config_[a-z_]+|ssl_cert_file|node_extra_ca_certs|requests_ca_bundle)=' || true) \
  bash -c "cd /root/strata && $1"; }
timed() {
  echo "== $1" | tee -a "$log"
  local begin=$SECONDS
  inside "$1" 2>&1 | tee -a "$log" | tail -n 15
  echo "== took $((SECONDS - begin)) s" | tee -a "$log"
}
timed "scripts/quickstart --no-serve"
grep -q Paris "$log" || { echo "the answer does not name Paris" >&2; exit 1; }
begin=$SECONDS
timed "scripts/quickstart --no-serve"
[ $((SECONDS - begin)) -lt 5 ] || { echo "the second run took $((SECONDS - begin)) s, not < 5" >&2; exit 1; }
[ "${2:-}" = --test ] && timed "scripts/test"
echo "proved" | tee -a "$log"

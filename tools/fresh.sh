#!/bin/sh
# Why this exists: `make demo` and `make test` do all their set-up on a stranger's machine, and only a machine with
# nothing on it can say so. This one is a Debian made for the purpose, with the distribution's own Python.
#
# Each thing that the README asks for is left out first: make must then end with status 2 and one line that names the
# apt command. The tree goes in as git has it, less what git ignores. How this machine reaches Debian's and Python's
# packages (mirror, proxies, certificates, indexes) goes in with it; nothing of that is written down here.
#
#   sh tools/fresh.sh            PYSEC_FRESH_KEEP=1 leaves the chroot, PYSEC_FRESH_TESTS=quick runs the fast tests only
#
# Exit status 77: it cannot be done here, and the last line says why.
set -u
cd "$(dirname "$0")/.." || exit 2
suite=bookworm

skip() {
    echo "pysec: skipped: make fresh $1"
    exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root, to make a chroot"
command -v debootstrap >/dev/null 2>&1 || skip "needs debootstrap: apt-get install -y debootstrap"

jail=$(mktemp -d "${TMPDIR:-/tmp}/pysec-fresh.XXXXXX") || exit 2
log=$jail.log
mounts=""

cleanup() {
    for place in $mounts; do
        umount "$place" 2>/dev/null || umount -l "$place"
    done
    if [ -n "${PYSEC_FRESH_KEEP:-}" ]; then
        echo "pysec: the chroot stays in $jail"
    elif grep -q " $jail/" /proc/self/mountinfo; then
        echo "pysec: $jail is left: something in it is still mounted" >&2
    else
        rm -rf "$jail" "$log"
    fi
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# bind FROM [OPTIONS]: the same path inside as outside.
bind() {
    mkdir -p "$jail$1"
    mount --bind "$1" "$jail$1" || return 1
    mounts="$jail$1 $mounts"
    [ -z "${2:-}" ] || mount -o "remount,bind,$2" "$jail$1"
}

copy() {
    [ -e "$1" ] || return 0
    mkdir -p "$jail$(dirname "$1")"
    cp -aL "$1" "$jail$(dirname "$1")/" 2>/dev/null
}

wrong() {
    echo "pysec: fresh: FAILED: $1" >&2
    exit 1
}

failed() {
    tail -30 "$log" >&2
    wrong "$1"
}

inside() {
    chroot "$jail" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$HOME" LANG=C.UTF-8 TERM=dumb \
        DEBIAN_FRONTEND=noninteractive $carried "$@"
}

step() { printf 'pysec: fresh: %s\n' "$1"; }
seconds() { date +%s; }
started=$(seconds)

# ---- The machine

# The first Debian mirror that apt here knows, in either of its two formats.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | awk '
    /^URIs:.*debian\/?( |$)/ { print $2; exit }
    /^deb .*debian\/? / { for (i = 2; i <= NF; i++) if ($i ~ /^[a-z]+:\/\//) { print $i; exit } }')
[ -n "$mirror" ] || skip "found no Debian mirror in /etc/apt"
step "debootstrap $suite"
debootstrap --variant=minbase "$suite" "$jail" "$mirror" >"$log" 2>&1 || failed "debootstrap did not succeed"

# What pip and apt obey, by file and by environment.
carried=""
for name in $(env | sed -n 's/^\(PIP_[A-Z_]*\|[a-zA-Z]*_[pP][rR][oO][xX][yY]\)=.*/\1/p'); do
    value=$(printenv "$name")
    case "$value" in *" "*) ;; *) carried="$carried $name=$value" ;; esac
done
for file in /etc/apt/apt.conf /etc/apt/apt.conf.d /etc/apt/auth.conf.d /etc/apt/trusted.gpg.d /etc/apt/keyrings \
    /etc/hosts /etc/resolv.conf /etc/ssl/certs /etc/pip.conf "$HOME/.config/pip" "$HOME/.pip"; do
    copy "$file"
done
# The authorities that this machine trusts, in a file that no package in there will write anew.
trust=${PIP_CERT:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}
if [ -f "$trust" ]; then
    cp -L "$trust" "$jail/etc/trusted-here.crt"
    for name in PIP_CERT SSL_CERT_FILE REQUESTS_CA_BUNDLE; do
        carried="$carried $name=/etc/trusted-here.crt"
    done
fi
# Folders of this machine that those files point at: a folder of wheels, or an index with its files beside it.
for folder in $(cat /etc/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.pip/pip.conf" 2>/dev/null | tr ' ' '\n' |
    sed -n 's|^.*file://\(/[^ ]*\)|\1|p; s|^\(/[^ ]*\)$|\1|p') ${PIP_FIND_LINKS:-}; do
    [ "${folder##*/}" = simple ] && folder=${folder%/simple}
    [ -d "$folder" ] && bind "$folder" ro
done
cp /etc/apt/sources.list.d/debian.sources "$jail/etc/apt/sources.list.d/" 2>/dev/null && : >"$jail/etc/apt/sources.list"
for place in /proc /sys /dev /dev/pts; do
    bind "$place" || failed "cannot mount $place"
done
inside apt-get update >>"$log" 2>&1 || failed "apt-get update did not succeed"

sh tools/copytree.sh "$jail/src/pysec" || failed "the tree could not be copied"

install() {
    step "apt-get install $*"
    inside apt-get install -y --no-install-recommends "$@" >>"$log" 2>&1 || failed "apt-get install $* did not succeed"
}

in_tree() { inside sh -c 'cd /src/pysec && "$@"' sh "$@"; }

# ---- What is missing is named

# expect PACKAGE: make demo and make test end with status 2, and one line that names this package.
expect() {
    for target in demo test; do
        said=$(in_tree make $target 2>&1)
        code=$?
        [ "$code" = 2 ] || wrong "without $1, make $target ends with status $code: $said"
        [ "$(echo "$said" | wc -l)" = 1 ] || wrong "without $1, make $target says more than one line: $said"
        case "$said" in *"apt-get install -y"*" $1"*) ;; *) wrong "without $1, make $target says: $said" ;; esac
    done
    step "without $1: $said"
}

install make
expect python3
install python3
expect python3-venv
install python3-venv
expect python3-dev
expect gcc
install gcc
expect python3-dev
install python3-dev

# ---- And with everything, it works

step "make demo, after $(($(seconds) - started)) s"
begun=$(seconds)
in_tree make demo || wrong "make demo did not succeed"
demo=$(($(seconds) - begun))
step "make demo took $demo s, its set-up included"

begun=$(seconds)
if [ "${PYSEC_FRESH_TESTS:-all}" = quick ]; then
    in_tree make test ARGS="-m 'not slow and not soak and not target'" || wrong "make test did not succeed"
else
    in_tree make test || wrong "make test did not succeed"
fi
test=$(($(seconds) - begun))
step "make test took $test s, its set-up included"
step "$suite from nothing in $(($(seconds) - started)) s: make demo $demo s, make test $test s"

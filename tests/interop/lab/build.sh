#!/bin/bash
# Why this exists: the peers of the interoperability tests are Linux's macsec and wpa_supplicant, and they come in a
# guest of their own: a Debian kernel and an initramfs of Debian's binaries, made here once and then found again.
#
#   build.sh            bring the image up to date; a minute and a half the first time, a moment afterwards
#   build.sh --check    say whether an image is there that these files would make
#
#   PYSEC_LAB_CACHE=build/interop         where the image and what it is made of lie
#   PYSEC_LAB_KERNEL=linux-image-6.12-amd64     Debian's meta package of the kernel, or the next best
#   PYSEC_LAB_FROM_SOURCE=1               0: leave out what is compiled from Debian's source package (see src_build)
#
# Packages come by this machine's own apt. Exit status 77: it cannot be done here, and the last line says why.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
here=tests/interop/lab
cache=${PYSEC_LAB_CACHE:-build/interop}
meta=${PYSEC_LAB_KERNEL:-linux-image-6.12-amd64}
from_source=${PYSEC_LAB_FROM_SOURCE:-1}

say() { echo "pysec: guest: $*" >&2; }
skip() {
    echo "pysec: skipped: interop $1"
    exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root, for a TAP interface and a namespace"
[ -r /dev/net/tun ] && [ -w /dev/net/tun ] || skip "needs /dev/net/tun"
[ "$(uname -m)" = x86_64 ] || skip "has a guest for x86-64 only, and this machine is $(uname -m)"
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

# Versions do not count: an image that was made stays until these files, or what was asked for, are others. One with
# what is compiled serves those who can do without.
stamp=$(echo "$meta" | cat - $here/build.sh $here/source.sh $here/init | sha256sum | cut -d' ' -f1)
up_to_date() {
    command -v qemu-system-x86_64 >/dev/null && [ -s "$cache/initrd.cpio" ] && [ -s "$cache/kernel.img" ] &&
        grep -qsxE "$stamp (1|$from_source)" "$cache/stamp"
}
if [ "${1:-}" = --check ]; then
    up_to_date || skip "has no guest yet: make interop builds it"
    exit 0
fi
exec 9>"$cache/lock"
flock -w 900 9 || skip "waited 15 minutes for another build in $cache"
up_to_date && exit 0
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || skip "needs apt-get, for the guest's packages"
rm -f "$cache/stamp"

# ---- what this machine needs to build and run a guest

export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -y -q --no-install-recommends -o DPkg::Lock::Timeout=300)
updated=
apt_update() {
    [ -n "$updated" ] || apt-get -q update >"$cache/apt-update.log" 2>&1 || true
    updated=1
}
apt_install() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    say "installing on this machine: ${missing[*]}"
    "${apt[@]}" install "${missing[@]}" >>"$cache/apt-install.log" 2>&1 && return
    apt_update
    "${apt[@]}" install "${missing[@]}" >>"$cache/apt-install.log" 2>&1
}
apt_install qemu-system-x86 cpio kmod xz-utils zstd binutils || skip "cannot install qemu (log: $cache/apt-install.log)"

# ---- what the guest is made of

kernel_package() { apt-cache depends "$1" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9]\)/\1/p' | head -1; }
kernel=$(kernel_package "$meta")
[ -n "$kernel" ] || apt_update
for candidate in "$meta" linux-image-amd64; do
    [ -n "$kernel" ] || kernel=$(kernel_package "$candidate")
done
[ -n "$kernel" ] || skip "finds no package of a kernel in apt's lists"
packages=(
    busybox-static libc6 libssl3 zlib1g
    wpasupplicant libnl-3-200 libnl-genl-3-200 libnl-route-3-200
    libdbus-1-3 libsystemd0 libpcsclite1 libreadline8 libtinfo6 libcap2
    libgcrypt20 libgpg-error0 liblzma5 libzstd1 liblz4-1
    iproute2 libbpf1 libelf1 libmnl0 libbsd0 libmd0
)
# The newest .deb of a package that lies in the cache.
deb_of() { ls -t "$cache/debs/$1"_*.deb 2>/dev/null | head -1; }
fetch() {
    local want=() package
    for package in "$@"; do
        [ -n "$(deb_of "$package")" ] || want+=("$package")
    done
    [ ${#want[@]} = 0 ] && return
    (cd "$cache/debs" && apt-get -q -o APT::Sandbox::User=root download "${want[@]}" >>"$cache/apt-download.log" 2>&1)
}
mkdir -p "$cache/debs"
say "packages: $kernel and ${#packages[@]} others"
fetch "$kernel" "${packages[@]}" || { apt_update && fetch "$kernel" "${packages[@]}"; } ||
    skip "cannot download its packages (log: $cache/apt-download.log)"
rm -rf "$cache/kernel" "$cache/tools" "$cache/root"
mkdir -p "$cache/kernel" "$cache/tools"
dpkg-deb -x "$(deb_of "$kernel")" "$cache/kernel"
for package in "${packages[@]}"; do dpkg-deb -x "$(deb_of "$package")" "$cache/tools"; done
version=$(ls "$cache/kernel/lib/modules")

# What is compiled stays in the cache until source.sh is another.
compiled=
if [ "$from_source" = 1 ]; then
    # shellcheck source=tests/interop/lab/source.sh
    . $here/source.sh
    if ! sha256sum --status -c "$cache/compiled/stamp" 2>/dev/null; then
        say "compiling hostapd, and wpa_supplicant for GCM-AES-256, from Debian's source package"
        if src_build >"$cache/source.log" 2>&1; then
            sha256sum $here/source.sh >"$cache/compiled/stamp"
        else
            say "without them: that failed (log: $cache/source.log); the tests that need them skip"
        fi
    fi
    [ ! -s "$cache/compiled/stamp" ] || compiled=1
fi

# ---- the initramfs

root=$cache/root
tools=$cache/tools
mkdir -p "$root"/{bin,sbin,lib,lib64,etc,proc,sys,dev,run,tmp,out,var/run}
for name in busybox wpa_supplicant wpa_cli ip bridge; do
    cp -L "$(find "$tools"/{bin,sbin,usr/bin,usr/sbin} -name "$name" 2>/dev/null | head -1)" "$root/bin/$name"
done
if [ -n "$compiled" ]; then
    cp "$cache/compiled/"{hostapd,wpa_supplicant-256} "$root/bin/"
fi
# Shared libraries come out of the unpacked packages, never from this machine.
queue=("$root"/bin/*)
while [ ${#queue[@]} -gt 0 ]; do
    file=${queue[0]} queue=("${queue[@]:1}")
    for name in $(readelf -d "$file" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
        [ -e "$root/lib/$name" ] && continue
        library=$(find "$tools/lib" "$tools/usr/lib" -name "$name" | head -1)
        [ -n "$library" ] || { say "library $name of ${file##*/} is in none of the packages" && exit 1; }
        cp -L "$library" "$root/lib/$name"
        queue+=("$root/lib/$name")
    done
done
cp -L "$(find "$tools" -name ld-linux-x86-64.so.2 | head -1)" "$root/lib64/"
# libssl does not start without its legacy provider where it looks for it.
providers=$(find "$tools/usr/lib" -type d -name ossl-modules | head -1)
mkdir -p "$root${providers#"$tools"}"
cp "$providers"/*.so "$root${providers#"$tools"}/"

modules=$root/lib/modules/$version
mkdir -p "$modules"
depmod -b "$cache/kernel" "$version"
for name in macsec gcm ghash_generic ghash_clmulni_intel aesni_intel ctr cmac virtio_net 9pnet_virtio 9p veth bridge; do
    modprobe -d "$cache/kernel" -S "$version" --show-depends "$name" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p' || true
done | sort -u | while read -r file; do
    to=$modules/${file#*/modules/"$version"/}
    mkdir -p "$(dirname "$to")"
    case $file in
    *.xz) xz -dc "$file" >"${to%.xz}" ;;
    *.zst) zstd -qdc "$file" >"${to%.zst}" ;;
    *) cp "$file" "$to" ;;
    esac
done
cp "$cache/kernel/lib/modules/$version"/modules.{builtin,order} "$modules/"
depmod -b "$root" "$version" 2>/dev/null
for name in macsec gcm virtio_net veth bridge 9p; do
    find "$modules" -name "$name.ko" | grep -q . || { say "the kernel's package has no module $name" && exit 1; }
done

cp $here/init "$root/init"
chmod +x "$root/init"
printf 'root:x:0:0:root:/:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\n' >"$root/etc/group"
ln -sf busybox "$root/bin/sh"
mknod -m 600 "$root/dev/console" c 5 1
(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) >"$cache/initrd.new"
mv "$cache/initrd.new" "$cache/initrd.cpio"

# The ELF image inside vmlinuz spares an emulated CPU the decompression, which is half of its way to the first process.
# Where it lies: the x86 boot protocol, fields setup_sects, payload_offset and payload_length.
cp "$(find "$cache/kernel/boot" -name 'vmlinuz-*' | head -1)" "$cache/kernel.img"
field() { od -An "-tu$2" "-j$1" "-N$2" "$cache/kernel.img" | tr -d ' '; }
start=$((($(field 497 1) + 1) * 512 + $(field 584 4)))
length=$(field 588 4)
for unpack in "zstd -qdc" "xz -dc" "gzip -dc"; do
    # Without pipefail: head ends before tail does.
    (set +o pipefail; tail -c +$((start + 1)) "$cache/kernel.img" | head -c $((length - 4)) | $unpack) \
        >"$cache/kernel.new" 2>/dev/null || true
    if [ "$(head -c 4 "$cache/kernel.new" | od -An -tx1 | tr -d ' ')" = 7f454c46 ]; then
        mv "$cache/kernel.new" "$cache/kernel.img"
        break
    fi
done
rm -rf "$cache/kernel.new" "$cache/kernel" "$cache/tools"

{
    echo "kernel $version"
    for package in wpasupplicant iproute2 busybox-static; do
        echo "$package $(dpkg-deb -f "$(deb_of "$package")" Version)"
    done
    echo "from source: ${compiled:+hostapd wpa_supplicant-256}"
} >"$cache/versions.txt"
echo "$stamp $from_source" >"$cache/stamp"
say "ready: $(du -h "$cache/initrd.cpio" | cut -f1) in $cache"

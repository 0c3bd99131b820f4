#!/bin/sh
# Why this exists: on a fresh machine the first thing that a person meets must be one line that says what to type.
#
# Prints nothing and succeeds when everything that a build needs is here. Otherwise it prints that one line, for
# make's $(error), and still succeeds. With the argument `cc` it asks for a compiler only, with `clang` for libFuzzer
# too, with `arm64` for a cross compiler and an emulator too. POSIX sh alone: Python itself may be what is missing.
set -u

python=${PYTHON:-python3}
name=${python##*/}
packages=""

case "${1:-}" in
cc) ;;
clang)
    echo 'int LLVMFuzzerTestOneInput(const char *p, unsigned long n) { return !p && n; }' |
        clang -fsanitize=fuzzer,address,undefined -x c - -o /dev/null >/dev/null 2>&1 ||
        packages="clang libclang-rt-14-dev"
    ;;
arm64)
    command -v aarch64-linux-gnu-gcc >/dev/null 2>&1 || packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
    command -v qemu-aarch64 >/dev/null 2>&1 || packages="$packages qemu-user"
    ;;
esac
if [ $# != 0 ]; then
    :
elif ! command -v "$python" >/dev/null 2>&1; then
    packages="$name $name-venv $name-dev"
else
    found=$("$python" -c '
import sys
if sys.version_info < (3, 11):
    print("old", "%d.%d" % sys.version_info[:2])
    raise SystemExit
import importlib.util, os, sysconfig
if not importlib.util.find_spec("venv") or not importlib.util.find_spec("ensurepip"):
    print("venv")
if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
    print("dev")
' 2>/dev/null) || found=broken
    case "$found" in
    broken)
        echo "pysec: $python does not run; give another one: make PYTHON=python3.11"
        exit 0
        ;;
    old*)
        echo "pysec: $python is ${found#old }, but 3.11 or newer is needed:" \
            "apt-get install -y python3.11 python3.11-venv python3.11-dev, then make PYTHON=python3.11"
        exit 0
        ;;
    esac
    for part in $found; do
        packages="$packages $name-$part"
    done
fi

compiler=${CC:-gcc}
if ! command -v "${compiler%% *}" >/dev/null 2>&1; then
    packages="$packages gcc libc6-dev"
elif ! echo '#include <stdlib.h>' | $compiler -E - >/dev/null 2>&1; then
    packages="$packages libc6-dev"
fi

[ -z "$packages" ] && exit 0
set -- $packages
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo "
echo "pysec: this machine lacks what this needs; type: ${sudo}apt-get install -y $*"

#!/bin/sh
# Why this exists: the tests of the C core, run against a build that stops at the first octet read out of bounds and at
# the first undefined operation. The ordinary module would pass them all the same, so the run refuses any other build.
#
#   sh tools/sanitize.sh run [pytest arguments]    build, then unit and property tests
#   sh tools/sanitize.sh build CSRC FOLDER         build FOLDER/tree/pysec/_native.abi3.so from any csrc tree
#   sh tools/sanitize.sh python FOLDER ARGUMENTS   run Python with that module
#
# The module lies in a copy of the working tree, for tests find pysec, and whatever else they read, beside themselves.
set -u
cd "$(dirname "$0")/.." || exit 2
root=$PWD
python=$root/.venv/bin/python
flags="-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"

build() {
    csrc=$1 out=$2
    mkdir -p "$out"
    sh tools/core.sh "$out/core" core.a C="$csrc" CC=gcc EXTRA="$flags" || return 2
    rm -rf "$out/tree"
    sh tools/copytree.sh "$out/tree" || return 2
    # The same declarations and the same source of the module as in the ordinary build, with other flags.
    (cd "$out" && "$python" -c "
import sys
sys.path.insert(0, '$root')
from build import ffibuilder
ffibuilder.emit_c_code('_native.c')") || return 2
    include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    # shellcheck disable=SC2086
    gcc -std=gnu11 $flags -w -fPIC -shared -pthread -DPy_LIMITED_API=0x030B0000 -I"$csrc" -I"$include" \
        -o "$out/tree/pysec/_native.abi3.so" "$out/_native.c" \
        -Wl,--whole-archive "$out/core/core.a" -Wl,--no-whole-archive || return 2
}

with_python() {
    tree=$1
    shift
    # Leaks are not looked for: the interpreter itself never frees all. Every octet string of Python's gets malloc's
    # own red zones, not a place in a pool.
    preload="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
    (cd "$tree" && env LD_PRELOAD="$preload" ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
        UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc PYTHONPATH="$tree" \
        PYSEC_OBJECTS="${PYSEC_OBJECTS:-$root/build/objects}" \
        PYSEC_VECTORS="${PYSEC_VECTORS:-$root/../shared/vectors}" "$python" "$@")
}

case "${1:-}" in
build)
    build "$2" "$3"
    ;;
python)
    folder=$2
    shift 2
    with_python "$folder/tree" "$@"
    ;;
run)
    shift
    build csrc build/sanitize || exit 2
    # Left out: programs of their own that valgrind runs or that search all of their memory, for what is preloaded here
    # is preloaded into them as well; and the lab, which is about traffic at a rate that this build does not reach. And a
    # process that forks while its threads run: once in a long run under load the child came to no end, perhaps on a
    # lock of the sanitizer's own.
    set -- --ignore=tests/unit/port/test_port_fork.py --ignore=tests/unit/gcm/test_constant_time.py --ignore=tests/unit/memory --ignore=tests/unit/lab "$@"
    with_python "$root/build/sanitize/tree" -m pytest -p no:cacheprovider -n auto --maxprocesses 8 \
        --require-native "$root/build/sanitize/tree" \
        --require-symbol __asan_report_load1 -m "not slow and not soak and not root and not frame" "$@"
    ;;
*)
    sed -n 's/^#   //p' "$0"
    exit 2
    ;;
esac

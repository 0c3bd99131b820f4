#!/bin/sh
# Why this exists: the core on another kind of CPU, without having one: cross-compiled, and run under qemu-aarch64.
#
# The C tests must pass there with each AES-GCM implementation (tests/unit/gcm/test_arm64.py has more), the fuzz corpus
# must break no promise there, and what a SecY makes of every suite and option must be, octet for octet, what it makes
# here.
set -u
cd "$(dirname "$0")/.." || exit 2
out=build/arm64
cross=aarch64-linux-gnu-
flags="-std=gnu11 -O2 -Wall -Wextra -Wno-unused-parameter -Icsrc -pthread"
qemu="qemu-aarch64 -L /usr/aarch64-linux-gnu"

sh tools/core.sh $out/lib lib MACHINE=aarch64 CC=${cross}gcc AR=${cross}ar LD=${cross}ld OBJCOPY=${cross}objcopy || exit 2
sh tools/core.sh $out/lib core.a MACHINE=aarch64 CC=${cross}gcc AR=${cross}ar || exit 2
sh tools/core.sh build/lib lib || exit 2
sh tools/core.sh build/lib core.a || exit 2
"${PYTHON:-python3}" tests/fuzz/make_corpus.py $out/corpus >/dev/null || exit 2

# build NAME SOURCE [arguments]: for there, and for here.
build() {
    name=$1 source=$2
    shift 2
    ${cross}gcc $flags "$@" -o $out/$name $source $out/lib/core.a &&
        gcc $flags "$@" -o $out/$name.here $source build/lib/core.a || exit 2
}

status=0
report() {
    if [ "$1" = 0 ]; then echo "arm64: $2"; else
        echo "arm64: FAILED: $2"
        status=1
    fi
}

for test in gcm_kat gcm_guard; do
    build $test tests/c/$test.c
    $qemu $out/$test >$out/$test.out 2>&1
    report $? "$test: $(grep -v '^cpu' $out/$test.out | paste -sd ';' | sed 's/;/; /g')"
done

build gcm_stack tests/c/gcm_stack.c
for name in portable arm64; do
    $qemu $out/gcm_stack $name >$out/gcm_stack.out 2>&1
    report $? "gcm_stack: $(tail -1 $out/gcm_stack.out)"
done

for target in sectag validate segment; do
    build fuzz_$target tests/fuzz/fuzz_$target.c -DPYSEC_STANDALONE
    find $out/corpus/$target -type f -print0 | xargs -0 $qemu $out/fuzz_$target >$out/fuzz_$target.out 2>&1
    report $? "fuzz corpus of $target: $(tail -1 $out/fuzz_$target.out)"
done

build secy_walk tests/c/secy_walk.c
$out/secy_walk.here >$out/walk.here
for name in portable arm64; do
    PYSEC_GCM=$name $qemu $out/secy_walk >$out/walk.out && cmp $out/walk.out $out/walk.here
    report $? "secy_walk: $(wc -l <$out/walk.out) ways through a SecY, the same octets with $name as here"
done

for kind in libpysec.a libpysec.so; do
    ${cross}gcc $flags -I$out/lib -o $out/burst-$kind examples/c/burst.c $out/lib/$kind -Wl,-rpath,"$PWD/$out/lib" || exit 2
    gcc $flags -Ibuild/lib -o $out/burst.here examples/c/burst.c build/lib/libpysec.a || exit 2
    $qemu $out/burst-$kind >$out/burst.out && $out/burst.here | cmp - $out/burst.out
    report $? "examples/c/burst.c with $kind prints the same as here"
done
exit $status

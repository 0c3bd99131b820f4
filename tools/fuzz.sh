#!/bin/sh
# Why this exists: one command that fuzzes every C target for a stated number of runs and says what came of it.
#
#   sh tools/fuzz.sh RUNS        RUNS executions of each target, all at a time
#
# The corpus that libFuzzer grows stays in build/fuzz/TARGET/corpus and is used again; what it finds lands in
# build/fuzz/TARGET/findings. Exit status 1 if there is a finding, or a target that did not make its runs.
set -u
cd "$(dirname "$0")/.." || exit 2
runs=$1
out=build/fuzz
kinds=address,undefined
flags="-g -O1 -fno-sanitize-recover=all"

sh tools/core.sh $out/core core.a CC=clang EXTRA="$flags -fsanitize=fuzzer-no-link,$kinds" || exit 2
"${PYTHON:-python3}" tests/fuzz/make_corpus.py $out/seeds >/dev/null || exit 2

pids=""
for target in sectag validate segment; do
    here=$out/$target
    rm -rf "$here/findings"
    mkdir -p "$here/corpus" "$here/findings"
    # shellcheck disable=SC2086
    clang $flags -fsanitize=fuzzer,$kinds -std=gnu11 -Wall -Wextra -Icsrc -pthread -o "$here/fuzz" \
        tests/fuzz/fuzz_$target.c $out/core/core.a || exit 2
    echo "pysec: fuzzing $target for $runs runs; watch $here/log"
    ASAN_OPTIONS=quarantine_size_mb=4 PYSEC_FUZZ_VERDICTS=1 "$here/fuzz" -runs="$runs" -max_len=4096 \
        -print_final_stats=1 -artifact_prefix="$here/findings/" "$here/corpus" $out/seeds/$target \
        >"$here/log" 2>&1 &
    pids="$pids $!"
done
trap 'kill $pids 2>/dev/null' INT TERM

status=0
for target in sectag validate segment; do
    here=$out/$target
    pid=${pids# }
    pids=${pid#* }
    pid=${pid%% *}
    wait "$pid"
    code=$?
    done_runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$here/log")
    findings=$(find "$here/findings" -type f | wc -l)
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$here/log" | tail -1)
    echo "$target: ${done_runs:-0} executions, $findings findings, ${edges:-0} edges covered"
    sed -n 's/^verdict /    &/p' "$here/log"
    if [ "$code" != 0 ] || [ "$findings" != 0 ] || [ "${done_runs:-0}" -lt "$runs" ]; then
        grep -m 3 -E 'broken promise|ERROR:|runtime error' "$here/log"
        echo "pysec: $target ended with status $code; see $here/log and $here/findings"
        status=1
    fi
done
exit $status

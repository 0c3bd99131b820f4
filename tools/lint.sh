#!/bin/sh
# Why this exists: everything that a reader should not have to look for: format, lint, types. All of them run at once,
# are reported one after the other, and any that is not content makes the exit status 1.
set -u
cd "$(dirname "$0")/.." || exit 2
bin=.venv/bin
status=0
said=$(mktemp -d) || exit 2
trap 'rm -rf "$said"' EXIT
number=0

# check NAME COMMAND...: begin with it.
check() {
    number=$((number + 1))
    (
        echo "$1" >"$said/$number.name"
        shift
        "$@" >"$said/$number.out" 2>&1
        echo $? >"$said/$number.status"
    ) &
}

# report: wait for all of them.
report() {
    wait
    for i in $(seq "$number"); do
        result=clean
        if [ "$(cat "$said/$i.status")" != 0 ]; then
            cat "$said/$i.out"
            result="NOT CLEAN" status=1
        fi
        echo "$(cat "$said/$i.name"): $result"
    done
}

if [ "${1:-}" = --fix ]; then
    $bin/ruff check -q --fix .
    $bin/ruff format .
    find csrc examples tests bench -name '*.[ch]' -exec "$(command -v clang-format-14 || command -v clang-format)" -i {} +
    exit
fi

# The longest first.
check "mypy --strict" $bin/mypy --strict pysec build.py tools
check "ruff check" $bin/ruff check .
check "ruff format" $bin/ruff format --check .

# Other versions of clang-format lay out some lines differently; the one of Debian 12 decides.
format=""
for name in clang-format-14 clang-format; do
    if command -v $name >/dev/null 2>&1 && $name --version | grep -q 'version 14\.'; then
        format=$name
        break
    fi
done
if [ -n "$format" ]; then
    mkdir -p build
    find csrc examples tests bench -name '*.[ch]' -print0 >build/c-files
    check "clang-format" xargs -0 -a build/c-files $format --dry-run -Werror
    report
else
    report
    echo "clang-format: skipped, version 14 is not installed (apt-get install -y clang-format-14)"
fi
exit $status

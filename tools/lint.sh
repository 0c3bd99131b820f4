#!/bin/sh
# Why this exists: everything that a reader should not have to look for: format, lint, types. Each of them runs, and the
# first that is not content decides the exit status at the end.
set -u
cd "$(dirname "$0")/.." || exit 2
bin=.venv/bin
status=0

check() {
    name=$1
    shift
    if output=$("$@" 2>&1); then
        echo "$name: clean"
    else
        printf '%s\n' "$output"
        echo "$name: NOT CLEAN"
        status=1
    fi
}

if [ "${1:-}" = --fix ]; then
    $bin/ruff check -q --fix .
    $bin/ruff format .
    find csrc examples tests bench -name '*.[ch]' -exec "$(command -v clang-format-14 || command -v clang-format)" -i {} +
    exit
fi

check "ruff check" $bin/ruff check .
check "ruff format" $bin/ruff format --check .
check "mypy --strict" $bin/mypy --strict pysec build.py tools

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
else
    echo "clang-format: skipped, version 14 is not installed (apt-get install -y clang-format-14)"
fi
exit $status

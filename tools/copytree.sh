#!/bin/sh
# Why this exists: what git would track of the working tree, copied to another folder: neither history nor anything
# that was built here.
#
#   sh tools/copytree.sh FOLDER
set -u
cd "$(dirname "$0")/.." || exit 2
mkdir -p "$1" || exit 2
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard
else
    find . -type f ! -path './build/*' ! -path './.venv/*' ! -path '*/__pycache__/*' ! -name '*.so' ! -name '*.o' \
        ! -name '*.a' ! -path './.*_cache/*' ! -path './.hypothesis/*' -print0
fi | tar -c --null --ignore-failed-read -T - 2>/dev/null | tar -x --no-same-owner -C "$1"

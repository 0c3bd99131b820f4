#!/bin/sh
# Why this exists: mk/core.mk in one folder, by one run at a time, with all CPUs and without a word unless it fails.
#
#   sh tools/core.sh FOLDER TARGET [VARIABLE=value ...]
set -u
cd "$(dirname "$0")/.." || exit 2
folder=$1 target=$2
shift 2
mkdir -p "$folder"
exec 9>"$folder/lock"
command -v flock >/dev/null 2>&1 && flock 9
case "$target" in lib) ;; *) target=$folder/$target ;; esac
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
# The flags of a make that runs this are not for the make that this runs: it has its own job server.
unset MAKEFLAGS MFLAGS MAKELEVEL
if ! make -s -j"$jobs" -f mk/core.mk O="$folder" "$@" "$target" >"$folder/log" 2>&1; then
    cat "$folder/log" >&2
    echo "pysec: the C core did not compile in $folder" >&2
    exit 2
fi

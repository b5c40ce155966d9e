#!/usr/bin/env bash
# Runs the tests that call optional programs on a PATH without these programs: they have to skip.
#
#     scripts/test_bare.sh [PYTHON] [PYTEST ARGUMENTS]
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath --no-symlinks "${1:-.venv/bin/python}")
hidden=(fluidsynth espeak-ng espeak flite opusenc opusdec c2enc c2dec ffmpeg lame sox)

bare=$(mktemp -d)
trap 'rm -rf "$bare"' EXIT
IFS=: read -ra folders <<< "$PATH"
for folder in "${folders[@]}"; do
    [ -d "$folder" ] && find "$folder" -maxdepth 1 \( -type f -o -type l \) -perm -u+x \
        -exec ln -s -t "$bare" {} + 2> /dev/null || true  # the first of two names counts
done
(cd "$bare" && rm -f "${hidden[@]}")

mapfile -t tests < <(git grep -lE 'missing_tools|missing_flite|which\(|missing_programs' -- tests docs)
echo "Without ${hidden[*]}: ${#tests[@]} files"
PATH=$bare OMP_NUM_THREADS=1 "$python" -m pytest -q -n "${TEST_JOBS:-2}" --dist loadfile \
    -p no:cacheprovider "${tests[@]}" "${@:2}"

#!/usr/bin/env bash
# Runs the tests of what depends on scikit-learn's inner workings with every minor version that is
# supported. Each is installed into a folder of its own, which only its test run looks into.
#
#     scripts/test_sklearn_versions.sh [PYTHON] [PYTEST ARGUMENTS]
set -uo pipefail
cd "$(dirname "$0")/.."
python=${1:-.venv/bin/python}
tests=(tests/estimators/test_xarray_output.py tests/estimators/test_in_scikit_learn.py)

# UMAP, which has needs of its own, is left out. 1.4 was built for NumPy 1, for which newer pandas are not.
declare -A beside=([1.4.2]="numpy==1.26.4 pandas==2.2.3 pytz")
failed=()
for version in 1.4.2 1.5.2 1.6.1 1.7.2 1.8.0 1.9.1; do
    folder=build/sklearn/$version
    if [ ! -d "$folder/sklearn" ]; then
        # shellcheck disable=SC2086  # several packages
        "$python" -m pip install --quiet --no-deps --target "$folder" \
            "scikit-learn==$version" ${beside[$version]:-} || { failed+=("$version"); continue; }
    fi
    echo "scikit-learn $version"
    PYTHONPATH=$folder OMP_NUM_THREADS=1 "$python" -m pytest -q -p no:cacheprovider \
        -k "not umap" "${tests[@]}" "${@:2}" || failed+=("$version")
done
[ ${#failed[@]} -eq 0 ] || { echo "Failed with scikit-learn ${failed[*]}"; exit 1; }

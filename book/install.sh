#!/bin/sh
# Install the package with the extra $1 into .venv, every version as pinned in constraints.txt.
set -eu
extra=$1
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "make: Python 3.11 or later is needed, and '$python' is not; say which with: make PYTHON=python3.12 ..." >&2; exit 1; }
[ -x .venv/bin/python ] || "$python" -m venv .venv || {
    echo "make: cannot create .venv here; the folder must be writable and Python's venv module installed" >&2; exit 1; }
pip="$PWD/.venv/bin/python -m pip --disable-pip-version-check --quiet"
torch=$(sed -n 's/^torch==//p' constraints.txt)

# Without an NVIDIA card, a CPU build of torch: one that is offered locally, else PyTorch's own. Only where neither
# can be had, the registry's build, which brings CUDA along.
if ! .venv/bin/python -c 'import torch' 2>/dev/null && [ "$(uname -s)" = Linux ] && ! nvidia-smi -L >/dev/null 2>&1; then
    $pip install "torch==$torch+cpu" 2>/dev/null ||
        $pip --timeout 15 --retries 0 install --index-url https://download.pytorch.org/whl/cpu "torch==$torch+cpu" 2>/dev/null ||
        echo "make: no CPU build of torch $torch can be reached; the CUDA build follows (2.7 GB to load, 4.6 GB on disk)" >&2
fi
echo "Installing avlib[$extra] into .venv (a minute or two the first time)" >&2
$pip install --constraint constraints.txt --editable ".[$extra]" || {
    echo "make: the packages could not be installed; check the network and run the same command again" >&2; exit 1; }
touch ".venv/.$extra"

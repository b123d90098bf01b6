#!/bin/sh
# Install the package with the extra $1 into .venv, every version as pinned in constraints.txt.
set -eu
extra=$1
uv=0.13.9
python=${PYTHON:-python3}

stop() {
    echo "make: $1" >&2
    exit 1
}
pip() {
    .venv/bin/python -m pip --disable-pip-version-check --quiet "$@" 2>>.venv/pip.log
}

"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null ||
    stop "Python 3.11 to 3.14 is needed, and '$python' is not; say which with: make PYTHON=python3.12 ..."
.venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear .venv >/dev/null 2>&1 ||
    stop "cannot create .venv here; the folder must be writable and Python's venv module installed"
true >.venv/pip.log || stop "cannot write to .venv; the folder must be writable"

# Without an NVIDIA card, a CPU build of torch: one that is offered locally, else PyTorch's own. Only where neither
# can be had, the registry's build, which brings CUDA along.
torch=$(sed -n 's/^torch==//p' constraints.txt)
if ! .venv/bin/python -c 'import torch' 2>/dev/null && [ "$(uname -s)" = Linux ] && ! nvidia-smi -L >/dev/null 2>&1; then
    pip install "torch==$torch+cpu" ||
        pip --timeout 15 --retries 0 install --index-url https://download.pytorch.org/whl/cpu "torch==$torch+cpu" ||
        echo "make: no CPU build of torch $torch can be reached; the CUDA build follows (2.7 GB to load, 4.6 GB on disk)" >&2
fi
echo "Installing avlib[$extra] into .venv (a minute or two the first time)" >&2
# uv installs in a tenth of pip's time; pip where uv cannot: no uv for this machine, a mirror that only pip is told of.
# Compiled here, once: where Python may not write what it compiles, each process would do it again.
{ pip install "uv==$uv" &&
    .venv/bin/python -m uv pip install --quiet --python .venv/bin/python --system-certs --compile-bytecode \
        --constraint constraints.txt --editable ".[$extra]" 2>>.venv/pip.log; } ||
    pip install --constraint constraints.txt --editable ".[$extra]" ||
    stop "the packages could not be installed; check the network and run the same command again (.venv/pip.log says more)"
touch ".venv/.$extra"

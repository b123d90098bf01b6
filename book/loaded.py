"""``python -m book.loaded``: load what every page imports, then become a kernel in a fork for each line that arrives.

A line holds, as JSON, the arguments of ``python -m ipykernel_launcher``, a folder and an environment; the answer is the
number of the process.  Nothing of avlib or the book is loaded: what a person may change, each kernel reads anew.
"""

import atexit
import gc
import importlib
import json
import os
import signal
import sys

LOADED = ["torch", "scipy.stats", "sklearn.linear_model", "pandas", "seaborn", "h5py", "pydantic", "lightning_fabric"]


def main() -> None:
    """Serve until the other process ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed, here or by a kernel
    del sys.path[0]  # the folder of the checkout: a kernel sees the one that it is started in
    for module in [*LOADED, "ipykernel.kernelapp"]:
        importlib.import_module(module)
    gc.freeze()  # no kernel looks through the libraries for garbage, which took a tenth of a page's time
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no kernel becomes a zombie
    for line in sys.stdin:
        if os.fork() == 0:
            os.setsid()  # an interrupt is for the cells and what they started
            print(os.getpid(), file=answers, flush=True)
            become_kernel(*json.loads(line))


def become_kernel(arguments: list[str], cwd: str, env: dict[str, str]) -> None:
    """Do what ``python -m ipykernel_launcher`` does, and end."""
    from ipykernel import kernelapp

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv[1:] = arguments
    kernelapp.launch_new_instance()
    atexit._run_exitfuncs()
    os._exit(0)  # to take the libraries apart again would cost seconds


if __name__ == "__main__":
    main()

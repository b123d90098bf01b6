"""torchaudio, also on a CPU-only torch: everything else imports it from here.

The wheels of the package index are linked against CUDA, so that their compiled part does not load beside a CPU
build of torch, and importing the package fails with it.  Its Python code works without the compiled part when
`torchaudio._extension` says that there is none: after a failed import that module is replaced and the import repeated.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType


def _without_extension() -> ModuleType:
    """Stand-in for `torchaudio._extension` that reports that no compiled part is available."""

    def fail_if_no_align(function: Callable) -> Callable:
        def unavailable(*_args: object, **_kwargs: object) -> None:
            raise RuntimeError(f"torchaudio.{function.__name__} needs torchaudio's compiled part")

        return unavailable

    stub = ModuleType("torchaudio._extension")
    vars(stub).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=fail_if_no_align,
    )
    return stub


def _import() -> ModuleType:
    try:
        return importlib.import_module("torchaudio")
    except ModuleNotFoundError:
        raise
    except (OSError, ImportError, RuntimeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules["torchaudio._extension"] = _without_extension()
        return importlib.import_module("torchaudio")


torchaudio = _import()

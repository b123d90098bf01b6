"""How papermill runs a page here: the growing page is written now and then, and not twice a cell."""

from typing import Any

from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

NAME = "sparing"
EVERY = 10.0  # seconds; what a killed page may lose


class Sparing(NBClientEngine):
    """papermill's engine, sparing with writing: a page of many figures takes longer to write than most cells to run.

    However a page ends, papermill writes it once more; what is written later is what somebody sees who kills it.
    """

    @classmethod
    def execute_managed_notebook(cls, nb_man: NotebookExecutionManager, kernel_name: str, **kwargs: Any) -> None:
        """Execute the cells, as `NBClientEngine` does."""
        write = nb_man.save

        def save(**_: object) -> None:
            if (nb_man.now() - nb_man.last_save_time).total_seconds() >= EVERY:
                write()

        nb_man.save = save
        try:
            super().execute_managed_notebook(nb_man, kernel_name, **kwargs)
        finally:
            nb_man.save = write


papermill_engines.register(NAME, Sparing)

# make book · make test · make lab · make bench · make clean      (each installs what it needs into .venv)
PROFILE ?= laptop
ifndef JOBS
JOBS := $(shell getconf _NPROCESSORS_ONLN)
endif
# What a person asks for is text: it travels in the environment, and neither make nor a shell reads it.
ASKED := PROFILE ONLY PARAMS DATASET STUDENT JOBS PYTHON
$(foreach name,$(ASKED),$(eval override $(name) := $$(value $(name))))
export $(ASKED)
BIN := .venv/bin
FAST := $(shell grep -v '^\#' book/fast.env)

.PHONY: book test lab bench clean

book: .venv/.book
	@$(BIN)/python -m book --profile="$$PROFILE" --only="$$ONLY" --params="$$PARAMS" --dataset="$$DATASET" --student="$$STUDENT" --jobs="$$JOBS"

# The suite goes in the order of its files: by number of tests, the two that execute whole chapters would come last, and
# one core would wait for the other.
test: .venv/.test
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy
	$(FAST) $(BIN)/pytest --nbval --nbval-current-env --nbval-cell-timeout=300 --nbval-sanitize-with=book/nbval.cfg -n "$$JOBS" --dist loadfile -q notebooks
	$(FAST) $(BIN)/pytest -n "$$JOBS" --dist loadfile --no-loadscope-reorder -q

lab: .venv/.lab
	$(BIN)/jupyter lab notebooks

bench: .venv/.bench
	@$(FAST) $(BIN)/python -m benchmarks

clean:
	rm -rf _build data/cache notebooks/media

.venv/.%: pyproject.toml constraints.txt book/install.sh
	@sh book/install.sh $*

# Each command sets the course up first where that is needed (see utils/commands/bootstrap.py), then is a thin call of
# `python -m utils COMMAND`. Nothing but Python and make is taken for granted; without make, say
# `python3 utils/commands/bootstrap.py COMMAND`.

PYTHON ?= python3
COURSE = @$(PYTHON) utils/commands/bootstrap.py
export GPU

.PHONY: help lab test race doctor data clean
# instructors
.PHONY: course exercises release grade site proof lock
# end instructors
.DEFAULT_GOAL := help

help:        ## list these commands
	@echo "The course's commands:"
	@grep -E '^[a-z]+: .*##' Makefile | sed -e 's/: *## */	/' -e 's/^/  make /'

.DEFAULT:    # a mistyped command is answered before anything is set up
	$(COURSE) $@

lab:         ## open JupyterLab (LAB_ARGS="--no-browser --port 8899" passes options on, GPU=1 adds CUDA)
	$(COURSE) lab $(LAB_ARGS)

test:        ## see that all is well: what is here to test, and every lesson from top to bottom
	$(COURSE) test $(TEST_ARGS)

race:        ## race the lessons' models against PyTorch and Keras (RACE_ARGS="resnet18 --rounds 5")
	$(COURSE) race $(RACE_ARGS)

doctor:      ## look for common problems, and say how to solve each one that is found
	$(COURSE) doctor

data:        ## list the data sets (DATA_ARGS="download mnist" fetches a real one)
	$(COURSE) data $(or $(DATA_ARGS),list)

clean:       ## remove what can be made again: .venv, caches, and all of build but replaced files and the figures of earlier runs
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
	test ! -d build || find build -mindepth 1 -maxdepth 1 ! -name replaced ! -name course-history.json -exec rm -rf {} +
# instructors

course:      ## run all lessons and solutions, print a table, write build/course.json
	$(COURSE) course $(COURSE_ARGS)

exercises:   ## make exercises/ and the notebooks from the text sources again
	$(COURSE) exercises

release:     ## write what students get, as folder and zip (OUT=DIR; RELEASE_ARGS=--replace)
	$(COURSE) release "$(or $(OUT),$(error Say where it goes: make release OUT=DIR))" $(RELEASE_ARGS)

grade:       ## grade a folder of hand-ins (SUBMISSIONS=DIR OUT=DIR; GRADE_ARGS="--jobs 4" passes options on)
	$(COURSE) grade $(if $(SUBMISSIONS),"$(SUBMISSIONS)") $(if $(OUT),"$(OUT)") $(GRADE_ARGS)

site:        ## write the website, lessons with their outputs and exercises, to build/site
	$(COURSE) site

proof:       ## the slow tests: exercises and solutions as notebooks, every size, every known wrong answer, all of grading
	$(COURSE) test exercises proof

lock:        ## make requirements*.txt again from pyproject.toml (LOCK_ARGS=--upgrade raises versions and tests them)
	$(COURSE) lock $(LOCK_ARGS)
# end instructors

# make demo   from nothing to a table and a picture, on generated data
# make demo-category   the same for the kind of shape, where only photos have labels
# make test   everything the tests check
# Makes the virtual environment; without one, python3 or the newest that works.
PYTHON ?=
VENV ?= .venv
TEST_WORKERS ?= 2
DRAWS ?= 20000
# What `make test` runs: everything, or the folders and tests named here.
TESTS ?=
DEMO := ./configs/demo.yaml
DEMO_CATEGORY := ./configs/demo_category.yaml

# Real furniture: where it comes from, which protocol, which table. A table's rows: name:settings.
FURNITURE ?= --sh3f /usr/share/sweethome3d/furniture
PROTOCOL ?= T
TABLE ?= methods
SEEDS ?= 1 2 3
IKEA ?= ikea

# Which kind of shape: where photos and meshes come from; the rows of its table.
KINDS ?= --photos-ikea ikea_photos --photos-caltech caltech101_subset \
    --shapes sweethome3d ikea flightgear_aircraft torcs_cars
KINDS_only := loss.adversarial=0,loss.regulariser=0,loss.centroid=0,loss.consistency=0,loss.contrast=0,loss.orthogonal=0
KINDS_rows ?= source:$(KINDS_only),model.style_transition=false \
    cdane:$(KINDS_only),loss.adversarial=1,model.style_transition=false \
    full:device=auto no_adversarial:loss.adversarial=0 no_regulariser:loss.regulariser=0 \
    no_centroid:loss.centroid=0 no_consistency:loss.consistency=0 no_contrast:loss.contrast=0 \
    no_orthogonal:loss.orthogonal=0 weak_contrast:loss.contrast=0.1
KINDS_runs = $(foreach seed,$(SEEDS),$(foreach row,$(KINDS_rows),$(seed):$(row)))
KINDS_folders = $(foreach row,$(KINDS_rows),$(foreach seed,$(SEEDS),\
    ../runs/kinds_$(firstword $(subst :, ,$(row)))_$(seed)))
FURNITURE_methods := frozen:model.head_start=pca,optim.epochs=0 heads:optim.epochs=0 \
    cmic:model.style_transition=false,loss.contrast=0 scibsr:device=auto
SHORT := optim.max_steps=150
FURNITURE_losses := short:$(SHORT) short_no_instance:$(SHORT),loss.instance=0 \
    short_no_consistency:$(SHORT),loss.consistency=0 short_no_contrast:$(SHORT),loss.contrast=0 \
    short_no_plain:$(SHORT),loss.plain_query=0 short_with_category:$(SHORT),loss.category=0.2
FURNITURE_runs = $(foreach seed,$(SEEDS),$(foreach row,$(FURNITURE_$(TABLE)),$(seed):$(row)))
FURNITURE_folders = $(foreach row,$(FURNITURE_$(TABLE)),$(foreach seed,$(SEEDS),\
    ../runs/$(PROTOCOL)_$(firstword $(subst :, ,$(row)))_$(seed)))

RELEASED_runs = $(foreach seed,$(SEEDS),$(seed):released:device=auto \
    $(seed):released_views:model.view_channels=1,data.views_per_step=4)

# $(call train_furniture,seed:name:settings ...,protocol,config)
# A run that is there goes on where it stopped, if it did.
define train_furniture
	cd Instance-level && for run in $(1); do \
	    seed=$${run%%:*}; row=$${run#*:}; name=$(2)_$${row%%:*}_$$seed; \
	    test -e ../runs/$$name/last.safetensors && again=--resume || again=--overwrite; \
	    $(BIN)/python RetrievalNet_sag_con.py $$again \
	        --config ./configs/furniture_$(3).yaml --set seed=$$seed \
	        --set log.run_name=$$name $$(printf ' --set %s' $$(echo $${row#*:} | tr , ' ')) \
	        || exit 1; \
	done
endef

# Quoted, as a path may hold a space; as the name of a file to make, a space is escaped.
BIN := "$(if $(filter /%,$(VENV)),,$(CURDIR)/)$(VENV)/bin"
empty :=
MADE := $(subst $(empty) $(empty),\ ,$(VENV))
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help venv check demo demo-data demo-category furniture furniture-data furniture-released \
    furniture-unseen kinds kinds-data test fuzz lint bench clean

help:
	@echo "make venv    virtual environment in $(VENV), made with $(or $(PYTHON),python3)"
	@echo "make check   what was found on this machine, and whether Jittor computes"
	@echo "make demo    generate data, train, test; prints a table, leaves a picture"
	@echo "make demo-category   the same for kinds of shapes; only photos have labels"
	@echo "make furniture   train and test on Sweet Home 3D's furniture (an hour)"
	@echo "make furniture-unseen   its networks on line drawings of furniture of IKEA"
	@echo "make furniture-released   the same as the released code would train (an hour)"
	@echo "make kinds   train and test on real photos and shapes of 17 kinds (two hours)"
	@echo "make test    run the tests"
	@echo "make fuzz    read $(DRAWS) damaged files of every kind (hours)"
	@echo "make lint    ruff and mypy"
	@echo "make bench   speed against plain implementations, as ratios"
	@echo "make clean   remove what the tools left; data, runs and $(VENV) stay"

# A stamp is newer than the requirements it was made from, so nothing is installed twice.
$(MADE)/.made:
	python="$$(./choose_python.sh $(if $(PYTHON),"$(PYTHON)"))" && "$$python" -m venv "$(VENV)"
	@touch "$@"

$(MADE)/.requirements: requirements.txt requirements-jittor.txt pyproject.toml | $(MADE)/.made
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements-jittor.txt
	@touch "$@"

$(MADE)/.requirements-dev: requirements-dev.txt requirements-formats.txt requirements-easydl.txt $(MADE)/.requirements
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements-easydl.txt
	@touch "$@"

venv: $(MADE)/.requirements

check: venv
	$(BIN)/python -m crossmodal.runtime --check

demo-data: venv
	$(BIN)/python -m crossmodal.prepare.generate --root data/demo

demo: demo-data
	@echo "== the network as it starts, untrained"
	cd Instance-level && $(BIN)/python RetrievalNet_test.py --config $(DEMO) --untrained
	@echo "== training"
	cd Instance-level && $(BIN)/python RetrievalNet_sag_con.py --config $(DEMO) --overwrite
	@echo "== the trained network, with the best shape in a second library"
	cd Instance-level && $(BIN)/python RetrievalNet_test.py --config $(DEMO) --mode shapenet
	@echo "== the trained network, exact shapes"
	cd Instance-level && $(BIN)/python RetrievalNet_test.py --config $(DEMO) --mode full
	@echo "ranked pictures: runs/demo/test_full/grid.png"

demo-category: demo-data
	$(BIN)/python -m crossmodal.prepare.category_lists --root data/demo
	@echo "== the network as it starts, untrained"
	cd Category-level && $(BIN)/python test.py --config $(DEMO_CATEGORY) --untrained features
	@echo "== training: photos have labels, shapes have none"
	cd Category-level && $(BIN)/python train_image_sag_CO2_con.py --config $(DEMO_CATEGORY) \
	    --overwrite
	@echo "== the trained network, on shapes it has never seen"
	cd Category-level && $(BIN)/python test.py --config $(DEMO_CATEGORY)
	@echo "ranked pictures: runs/demo_category/test/grid.png"

furniture-data: venv
	$(BIN)/python -m crossmodal.prepare.sweethome3d $(FURNITURE) --root data

furniture: furniture-data
	$(call train_furniture,$(FURNITURE_runs),$(PROTOCOL),$(PROTOCOL))
	cd Instance-level && $(BIN)/python RetrievalNet_test.py \
	    --config ./configs/furniture_$(PROTOCOL).yaml --checkpoint $(FURNITURE_folders)

# What the released code's departures from the paper cost, on T at the same budget.
furniture-released: furniture-data
	$(call train_furniture,$(RELEASED_runs),T,T_released)
	cd Instance-level && $(BIN)/python RetrievalNet_test.py \
	    --config ./configs/furniture_T_released.yaml \
	    --checkpoint $(SEEDS:%=../runs/T_released_%)
	cd Instance-level && $(BIN)/python RetrievalNet_test.py --config ./configs/furniture_T.yaml \
	    --checkpoint $(SEEDS:%=../runs/T_released_views_%)

# The same networks on line drawings of other furniture, none of which they were trained on.
furniture-unseen: venv
	$(BIN)/python -m crossmodal.prepare.ikea --prepared $(IKEA) --root data
	$(BIN)/python -m crossmodal.prepare.ikea --prepared $(IKEA) --root data --also data/furniture
	cd Instance-level && for gallery in ikea ikea_and_furniture; do \
	    $(BIN)/python RetrievalNet_test.py --config ./configs/furniture_T.yaml \
	        --set data.name=$$gallery --set data.train_list=$${gallery}_test.json \
	        --set data.test_list=$${gallery}_test.json --checkpoint $(FURNITURE_folders) \
	        --output ../runs/$$gallery || exit 1; \
	done

kinds-data: venv
	$(BIN)/python -m crossmodal.prepare.kinds --root data $(KINDS)

# A run that is there goes on where it stopped, if it did.
kinds: kinds-data
	cd Category-level && for run in $(KINDS_runs); do \
	    seed=$${run%%:*}; row=$${run#*:}; name=kinds_$${row%%:*}_$$seed; \
	    test -e ../runs/$$name/last.safetensors && again=--resume || again=--overwrite; \
	    $(BIN)/python train_image_sag_CO2_con.py $$again --config ./configs/kinds.yaml \
	        --set seed=$$seed --set log.run_name=$$name \
	        $$(printf ' --set %s' $$(echo $${row#*:} | tr , ' ')) || exit 1; \
	done
	cd Category-level && for gallery in target_test target_test_all; do \
	    for baseline in features centroids; do \
	        $(BIN)/python test.py --config ./configs/kinds.yaml --untrained $$baseline \
	            --set data.gallery_list=$$gallery.txt \
	            --output ../runs/kinds/$$gallery/$$baseline || exit 1; \
	    done; \
	    $(BIN)/python test.py --config ./configs/kinds.yaml --checkpoint $(KINDS_folders) \
	        --set data.gallery_list=$$gallery.txt --output ../runs/kinds/$$gallery || exit 1; \
	done

test: $(MADE)/.requirements-dev
	$(BIN)/python -m pytest --numprocesses $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

# Damaged files of every kind, DRAWS of each; what goes wrong is kept in fuzz/.
fuzz: $(MADE)/.requirements-dev
	$(BIN)/python tests/hostile/fuzz.py --draws $(DRAWS) --keep fuzz

lint: $(MADE)/.requirements-dev
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

bench: venv
	$(BIN)/python -m benchmarks

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -not -path "./$(VENV)/*" -prune -exec rm -rf {} +

# Everything a developer or a user types. Each target makes its own environment first; the second time that costs nothing.
.DEFAULT_GOAL := help
BIN := .venv/bin
READY := .venv/.ready
# numerical libraries must not start threads of their own inside Dask's
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help env demo demo-products test check format bench samples lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  \1\t/' | expand -t 12

env: $(READY) ## build only the environment, in .venv, from requirements.lock

$(READY): requirements.lock pyproject.toml .ci/env
	@.ci/env

demo: $(READY) demo-products ## products, a burn, an orbit and its events, simulated Moons to a report under Prefect, an orbit change
	@$(BIN)/etalon inspect demo-products/dimap --quicklook demo-products/dimap.png
	@$(BIN)/etalon inspect demo-products/moon/VE_TEST_VSC_1AVALD_THE_MOON_20190118.HDR
	@$(BIN)/etalon orbit restitute --tracking demo-products/burn/tracking.tdm --initial demo-products/burn/initial.opm --stations demo-products/burn/stations.csv --reference demo-products/burn/truth.oem --output demo-products/orbit
	@$(BIN)/etalon orbit geolocate --orbit data_samples/geolocation/orbit.oem --attitude data_samples/geolocation/attitude.aem --los data_samples/geolocation/los.csv --grid data_samples/geolocation/grid.csv --angles --output demo-products/ground.csv
	@$(BIN)/etalon orbit design --revolutions 29 --days 2 --local-time 10.5 --start 2020-01-01T00:00:00 --duration 3 --output demo-products/design
	@$(BIN)/etalon orbit events --orbit demo-products/design/orbit.oem --stations configs/stations/passes.csv --sites configs/sites/pics20.csv --moon-phase 65 --output demo-products/events
	@$(BIN)/etalon orbit keep venus720 --orbit demo-products/design/orbit.oem --months 3 --output demo-products/plan
	@$(BIN)/etalon orbit conjunction data_samples/conjunction/example.cdm --avoid --output demo-products/conjunction
	@$(BIN)/etalon run configs/requests/demo.yaml --engine prefect --set 'acquisitions=[data_samples/moon/*_MOON_*, demo-products/moon]'
	@$(BIN)/etalon run configs/requests/orbit_change.yaml
	@$(BIN)/etalon orbit change --archive demo-archive --positions data_samples/orbit_change/VENUS_positions.csv --initial data_samples/orbit_change/VENUS_planned.oem --accept-since VM3 --output demo-products/orbit-change

demo-products: $(READY)
	@rm -rf demo-products demo-products.part
	@$(BIN)/etalon simulate product pleiades-dimap --out demo-products.part/dimap
	@$(BIN)/etalon simulate system-product data_samples/moon/VENUS_MOON_20190118T081401 --out demo-products.part/moon
	@$(BIN)/etalon simulate burn tc2a-dv1 --output demo-products.part/burn
	@mv demo-products.part demo-products

test: $(READY) ## run the tests
	@$(BIN)/pytest -q -n 2 --dist worksteal -m "not benchmark"

check: $(READY) ## style, types, shipped files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(READY) ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) ## measure the numbers of docs/measured.md
	@$(BIN)/pytest -q -s -m benchmark tests/benchmarks

samples: $(READY) ## make data_samples anew (same bytes as those committed)
	@$(BIN)/python -m flows.samples data_samples

lock: ## resolve requirements.lock anew (needs uv)
	@uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --no-annotate -o requirements.lock

clean: ## remove the environment and what the demo made
	@rm -rf .venv demo-archive demo-products build

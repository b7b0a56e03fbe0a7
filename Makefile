# Everything is built in one configuration: release. `make help` lists the targets.
SHELL := /bin/bash
BIN := .build/release
ID ?= dev
export MARTLET_CASES ?= ../shared/cases

.PHONY: help setup build run stop demo test conformance bench check lint fuzz

help:
	@echo "make run          start a node of its own (ID=name for a second one); make stop ends it"
	@echo "make demo         the whole product in three minutes, each step with its evidence"
	@echo "make test         all tests; needs root"
	@echo "make conformance  acceptance data under MARTLET_CASES; REAL=1: by connections between containers; FULL=1: random flows"
	@echo "make bench        network and control plane against plain routing, nftables and their aims"
	@echo "make fuzz         bounded fuzzers"
	@echo "make check        format, lint, build, tests"

setup:
	@Scripts/setup

build: setup
	swift build -c release --build-tests

run: build
	$(BIN)/martletd node start --id $(ID)

stop:
	$(BIN)/martletd node stop --id $(ID)

demo: build
	Scripts/demo

test: build
	Scripts/test

# REAL=1: the connectivity cases with real connections. FULL=1: ten million random flows through every engine.
conformance: build
	$(BIN)/martlet-conformance

bench: build
	Scripts/bench $(ARGS)

fuzz: build
	Scripts/test --filter '[Ff]uzz'

lint:
	swift format lint --strict --recursive --parallel Sources Tests cni Plugins Package.swift

check: lint test

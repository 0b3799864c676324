# PatrolGrid. `make demo` is all a newcomer needs; every target makes what it stands on, once.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
LOCKS := deploy/locks
ARGS ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Said in Chinese to whose locale is Chinese: the first of two texts is English.
export ZH := $(filter zh%,$(firstword $(PATROLGRID_LANG) $(LC_ALL) $(LC_MESSAGES) $(LANG)))
say = $(if $(ZH),$(2),$(1))
COMMA := ,

.PHONY: help demo install test check coverage field soak fuzz bench wear chaos parity same speed outage services constraints locks clean distclean
.DEFAULT_GOAL := help

define HELP
make demo       a living neighbourhood on this machine (options: ARGS="--headless --duration 60")
make install    the program into .venv, for a station (README, "A real station")
make test       all tests (options: ARGS="-k gateway")
make check      format, lint, types, import rules
make coverage   how much of each room the tests run through; a figure, no gate
make field      trouble from the field on a real broker and node: wrong clocks, damaged files, full disks
make soak       the property tests with thousands of histories (hours; before a release)
make fuzz       a hundred thousand nasty inputs for every entry point (about an hour; before a release)
make bench      what this machine reaches, against the targets (JSON in benchmarks/latest.json)
make wear       half an hour of a nearly idle site: what node and board write to the disk, and what a crash costs
make chaos      five minutes of a city whose processes are killed, with a report (chaos.json)
make parity     a simulated day through both engines, compared value by value (about half an hour)
make same       a simulated day through another commit and through this tree, compared: BASE=<commit>
make speed      processor time of another commit and of this tree in ten turns: BASE=<commit>
make outage     InfluxDB is killed for a minute under load, and what went in is compared with what is there
make services   Mosquitto, Kafka, InfluxDB, Chromium and fonts for the integration tests
make clean      removes caches; make distclean also .venv, patrolgrid-data and its keys
endef
define HELP_ZH
make demo       在本机运行一个模拟街区（选项：ARGS="--headless --duration 60"）
make install    把程序装进 .venv，供正式站点使用（README.zh-CN.md“正式部署”）
make test       全部测试（选项：ARGS="-k gateway"）
make check      格式、静态检查、类型、导入规则
make coverage   测试覆盖各房间代码的比例；只是数字，不作门槛
make field      真实消息代理和节点上的现场故障：时钟不准、文件损坏、磁盘写满
make soak       用数千段历史跑性质测试（数小时；发布之前）
make fuzz       每个入口十万条恶意输入（约一小时；发布之前）
make bench      本机能达到多少，与目标对照（JSON 在 benchmarks/latest.json）
make wear       几乎空闲的站点半小时：节点和看板写多少磁盘，一次崩溃的代价
make chaos      全市形态五分钟，其间不断杀死进程，并出报告（chaos.json）
make parity     同一模拟日经过两种引擎，逐值比较（约半小时）
make same       同一模拟日经过另一提交和本目录，逐值比较：BASE=<提交>
make speed      另一提交和本目录轮流十次的处理器时间：BASE=<提交>
make outage     高负载下停掉 InfluxDB 一分钟，核对写入的与应有的
make services   安装集成测试所需的 Mosquitto、Kafka、InfluxDB、Chromium 和字体
make clean      删除缓存；make distclean 还删除 .venv、patrolgrid-data 及其密钥
endef
export HELP HELP_ZH

help:
	@echo "$$$(if $(ZH),HELP_ZH,HELP)"

demo: $(VENV)/.run
	@exec $(BIN)/patrolgrid demo $(ARGS)

install: $(VENV)/.run

test: $(VENV)/.dev
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

coverage: $(VENV)/.dev
	@$(BIN)/python -m pytest --cov --cov-report=term:skip-covered $(ARGS)

field: $(VENV)/.dev
	@$(BIN)/python -m pytest -m field --timeout 3600 $(ARGS)

soak: $(VENV)/.dev
	@PATROLGRID_SOAK=1 $(BIN)/python -m pytest -m "hypothesis or soak" --timeout 0 $(ARGS)

fuzz: $(VENV)/.dev
	@$(BIN)/python -m tests.fuzz --inputs 100000 $(ARGS)

bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks --json benchmarks/latest.json $(ARGS)

wear: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.wear --minutes 30 $(ARGS)

chaos: $(VENV)/.dev
	@$(BIN)/python -m tests.kafka.chaos --report chaos.json $(ARGS)

parity: $(VENV)/.dev
	@$(BIN)/python -m tests.kafka.parity --hours 24 $(ARGS)

same: $(VENV)/.dev
	@test -n "$(BASE)" || { echo "$(call say,Which commit to compare with?,与哪个提交比较？) make same BASE=<commit>" >&2; exit 2; }
	@$(BIN)/python -m tests.same --base "$(BASE)" --hours 24 $(ARGS)

speed: $(VENV)/.dev
	@test -n "$(BASE)" || { echo "$(call say,Which commit to compare with?,与哪个提交比较？) make speed BASE=<commit>" >&2; exit 2; }
	@$(BIN)/python -m tests.same.speed --base "$(BASE)" $(ARGS)

outage: $(VENV)/.dev
	@$(BIN)/python -m tests.influx.outage --away 60 $(ARGS)

services:
	@bash deploy/install_services.sh

# Pins everything again, from an empty environment.
constraints:
	@rm -rf $(VENV)-pins && $(PYTHON) -m venv $(VENV)-pins && $(VENV)-pins/bin/pip install -q -U pip
	@$(VENV)-pins/bin/pip install -q -e '.[all]' --group dev
	@head -2 constraints.txt > constraints.new
	@$(VENV)-pins/bin/pip freeze --all --exclude-editable | grep -v '^setuptools==' | sort -f >> constraints.new
	@mv constraints.new constraints.txt && rm -rf $(VENV)-pins
	@$(MAKE) --no-print-directory locks

# The same versions with the hashes of all their files, for every platform: what production installs. Nothing of this
# machine goes into the files. (Where another index is to be asked, UV_DEFAULT_INDEX names it.)
LOCK = $(VENV)-pins/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links -c constraints.txt pyproject.toml $(VENV)-pins/build.in
locks:
	@rm -rf $(VENV)-pins && $(PYTHON) -m venv $(VENV)-pins && $(VENV)-pins/bin/pip install -q uv
	@printf 'pip\nsetuptools>=75\n' > $(VENV)-pins/build.in
	@$(LOCK) --extra seal -o $(LOCKS)/edge.txt > /dev/null
	@$(LOCK) --extra stream --extra console --extra realdata -o $(LOCKS)/demo.txt > /dev/null
	@$(LOCK) --all-extras -o $(LOCKS)/all.txt > /dev/null
	@rm -rf $(VENV)-pins

$(VENV)/.pip: constraints.txt
	@test -n "$(PYTHON)" || { echo "$(call say,PatrolGrid needs Python 3.11 or later: there is no python3 on the PATH,PatrolGrid 需要 Python 3.11 或更新版本：PATH 中没有 python3)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(call say,PatrolGrid needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -V). Name another:,PatrolGrid 需要 Python 3.11 或更新版本；$(PYTHON) 是 $$($(PYTHON) -V)。请另指一个：) make PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || { echo "$(call say,Making,正在建立) $(VENV) ..."; $(PYTHON) -m venv $(VENV); } \
		|| { rm -rf $(VENV); echo "$(call say,$(PYTHON) cannot make a virtual environment; on Debian:,$(PYTHON) 无法建立虚拟环境；Debian 上请执行：) apt-get install python3-venv" >&2; exit 1; }
	@touch $@

# What runs. (The tests' tools come with the next one.)
$(VENV)/.run: $(VENV)/.pip pyproject.toml $(LOCKS)/demo.txt
	@echo "$(call say,Installing PatrolGrid into $(VENV) (once),正在把 PatrolGrid 装进 $(VENV)（只需一次）) ..."
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q --require-hashes --only-binary :all: -r $(LOCKS)/demo.txt || { \
		echo "$(call say,What is pinned in $(LOCKS)/demo.txt cannot be had for $$($(BIN)/python -V) on this machine.,本机的 $$($(BIN)/python -V) 装不上 $(LOCKS)/demo.txt 中锁定的版本。)" >&2; \
		echo "$(call say,Without the check of hashes$(COMMA) and building what has no wheel:,不核对哈希并自行编译的做法：)" >&2; \
		echo "  $(BIN)/pip install -c constraints.txt -e '.[stream,console,realdata]' && touch $@" >&2; exit 1; }
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "$(call say,Installing the tools for tests and checks (once),正在安装测试和检查工具（只需一次）) ..."
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q -c constraints.txt -e '.[influx,kafka,seal,deliver,gpio,serial,parquet,report]' --group dev
	@touch $@

clean:
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean
	@rm -rf $(VENV) patrolgrid-data patrolgrid-data.keys *.egg-info

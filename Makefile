# Each target installs the Debian packages that it needs, if they are missing.

CC = gcc
STD = -std=c11
WARN = -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow \
	-Wundef -Wcast-qual -Wstrict-prototypes -Werror
CPPFLAGS = -D_GNU_SOURCE -Itests
B = build
PKI = $(B)/pki

PACKAGES = gcc libc6-dev libbearssl-dev openssl
TEST_PACKAGES = $(PACKAGES) g++ clang valgrind universal-ctags clang-format
CROSS_PACKAGES = gcc-arm-none-eabi libnewlib-arm-none-eabi gcc-avr avr-libc \
	sdcc simavr libsimavr-dev libelf-dev gcc-xtensa-lx106
BOARD_PACKAGES = arduino-core-avr qemu-system-arm

SERVER = $(addprefix tests/server/, \
	smtpd.c dialogue.c script.c pem.c bytes.c)
WORLD = tests/rig.c tests/world.c tests/ec_memo.c tests/modem/espat.c $(SERVER)
FTP_RIG = tests/ftp_rig.c tests/server/ftpd.c examples/ftp.c $(WORLD)
DESKTOP = $(addprefix examples/, desktop.c pem.c trace.c wire.c)
FUZZ = parser builder link starttls record tx saved
FUZZ_REPLAY = $(addprefix $(B)/fuzz/replay/, $(FUZZ))
BATTERY = examples/battery.c tests/power/circuit.c
EXCHANGE = $(addprefix tests/servers/exchange, .c _lines.c _ldap.c _sql.c)
QEMU_PACKAGES = gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf \
	qemu-system-arm qemu-system-misc xz-utils
MCU_PACKAGES = $(QEMU_PACKAGES) sdcc-ucsim arduino-core-avr postfix
HEADERS = estls.h $(wildcard tests/*.h tests/*/*.h examples/*.h)

# ways to build a test: sanitised, for speed, for coverage, for valgrind
ASAN = -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined
FAST = -O2
COV = -g -O1 -fprofile-instr-generate -fcoverage-mapping
PLAIN = -g -O1

# what N tests print, then the sum of their counts; one that says none has failed
SUM = tests/sum.sh

.PHONY: help demo test test-servers cross mcu mcu-units size bench tables lint format clean
.PHONY: test-deps programs power power-quick fuzz fuzz-deep fuzz-corpus
.PHONY: coverage mutants soak prove

help:
	@echo 'make demo          a mail over STARTTLS through an emulated modem'
	@echo 'make test          the tests, without servers to install (3 min)'
	@echo 'make test-servers  the same clients against 12 real servers (6 min)'
	@echo 'make fuzz          fuzzers on all that reads hostile bytes (4 min)'
	@echo 'make fuzz-deep     the same for hours: FUZZ_TIME=3600 each, or FUZZ_RUNS='
	@echo 'make cross         cross compilers: modes, sizes, boards in QEMU'
	@echo 'make mcu           a mail from simulated AVR, ARM, RISC-V (10 min)'
	@echo 'make mcu-units     the unit tests on AVR, stm8, mcs51, z80 (5 min)'
	@echo 'make size          code, RAM and stack on five cores (4 min)'
	@echo 'make bench         instructions, bytes, stack, beside others (3 min)'
	@echo 'make power         20 months of weak cells, beside an oracle (3 min)'
	@echo 'make power-quick   the same with few cells, for CI (1 min)'
	@echo 'make tables        writes the generated tables into README.md'
	@echo 'make lint          style, clang-tidy, cppcheck, MISRA, analysers (4 min)'
	@echo 'make coverage      lines and branches of estls.h that the tests take (2 min)'
	@echo 'make soak          10,000 sessions with random faults (2 min)'
	@echo 'make prove         Frama-C on what reads hostile bytes (9 min)'
	@echo 'make mutants       small faults in estls.h: do the tests notice? (25 min)'
	@echo 'make format        formats all C files'
	@echo 'make clean         removes $(B)/'

# -- programs -----------------------------------------------------------------

$(B)/espat: tests/modem/main.c tests/modem/espat.c $(HEADERS)
$(B)/smtpd: tests/server/main.c $(SERVER) $(HEADERS)
$(B)/ftpd: tests/server/ftpd_main.c tests/server/ftpd.c $(SERVER) $(HEADERS)
$(B)/starttls: examples/starttls.c $(DESKTOP) $(HEADERS)
$(B)/mail: examples/mail.c examples/smtp.c $(DESKTOP) $(HEADERS)
$(B)/deep_sleep: examples/deep_sleep.c $(DESKTOP) $(HEADERS)
$(B)/anchors: examples/anchors.c examples/pem.c $(HEADERS)
$(B)/exchange: $(EXCHANGE) $(DESKTOP) $(HEADERS)
$(B)/battery_life: examples/battery_life.c $(HEADERS)
$(B)/coin_cell: examples/coin_cell.c $(BATTERY) $(HEADERS)
$(B)/mail_on_battery: examples/mail_on_battery.c examples/smtp.c $(BATTERY) \
	$(WORLD) $(HEADERS)
$(B)/ftp_upload: examples/ftp_upload.c examples/ftp.c $(DESKTOP) $(HEADERS)

PROGRAMS = $(addprefix $(B)/, espat smtpd starttls mail deep_sleep anchors \
	ftpd ftp_upload battery_life coin_cell mail_on_battery)
SERVER_PROGRAMS = $(addprefix $(B)/, espat mail exchange ftp_upload)

$(sort $(PROGRAMS) $(SERVER_PROGRAMS)): $(B)/%: | $(B)
	@$(CC) $(STD) $(WARN) $(FAST) $(CPPFLAGS) -o $@ $(filter %.c,$^) \
		-lbearssl -lm

$(B)/power/droop: $(addprefix tests/power/, droop_main.c cell.c circuit.c) \
		$(HEADERS)
	@mkdir -p $(@D)
	@$(CC) $(STD) $(WARN) $(FAST) $(CPPFLAGS) -o $@ $(filter %.c,$^) -lm

programs: $(PROGRAMS)

$(B):
	@mkdir -p $(B)

$(PKI)/done: tests/pki.sh | $(B)
	@rm -rf $(PKI)
	@tests/pki.sh $(PKI)

# -- make demo ----------------------------------------------------------------

demo:
	@tests/deps.sh $(PACKAGES)
	@$(MAKE) -s --no-print-directory programs $(PKI)/done
	@tests/demo.sh $(B) $(PKI)

# -- make test ----------------------------------------------------------------

SUITES_AT = at_parser at_fields at_engine tx tx_fuzz seed
SUITES_WORLD = session links x509
SUITES_FTP = ftp beside
BINARIES = $(addprefix $(B)/asan/, $(SUITES_AT) $(SUITES_WORLD) \
	$(SUITES_FTP) attacks espat smtpd) \
	$(addprefix $(B)/plain/, at_engine session) $(B)/fast/fault

$(B)/asan/% $(B)/plain/% $(B)/fast/% $(B)/cov/%: MODE = $(ASAN)
$(B)/plain/%: MODE = $(PLAIN)
$(B)/fast/%: MODE = $(FAST)
$(B)/cov/%: MODE = $(COV)
$(B)/cov/%: CC = clang

MODES = asan plain fast cov

# what several tests are linked from is compiled once in each mode
define OBJECT
$(B)/$(1)/%.o: %.c $$(HEADERS)
	@mkdir -p $$(@D)
	@$$(CC) $$(STD) $$(WARN) $$(MODE) $$(CPPFLAGS) -c -o $$@ $$<
endef
$(foreach m,$(MODES),$(eval $(call OBJECT,$(m))))

$(foreach s,$(SUITES_AT),$(foreach m,$(MODES),\
	$(eval $(B)/$(m)/$(s): tests/$(s).c $(HEADERS))))
$(foreach s,$(SUITES_WORLD) fault soak,$(foreach m,$(MODES),\
	$(eval $(B)/$(m)/$(s): tests/$(s).c $(WORLD:%.c=$(B)/$(m)/%.o) $(HEADERS))))
$(B)/asan/espat: tests/modem/test_espat.c tests/modem/espat.c $(HEADERS)
$(B)/asan/smtpd: tests/server/test_smtpd.c $(SERVER:%.c=$(B)/asan/%.o) $(HEADERS)
$(foreach s,$(SUITES_FTP),$(foreach m,$(MODES),\
	$(eval $(B)/$(m)/$(s): tests/$(s).c $(FTP_RIG:%.c=$(B)/$(m)/%.o) $(HEADERS))))
$(foreach m,asan cov,$(eval $(B)/$(m)/attacks: \
	$(patsubst %.c,$(B)/$(m)/%.o,$(wildcard tests/attacks/*.c) $(FTP_RIG))))

COVERED = $(addprefix $(B)/cov/, $(SUITES_AT) $(SUITES_WORLD) fault \
	$(SUITES_FTP) attacks)

BENCHES = $(addprefix $(B)/bench/, handshake bulk links stack ftp job)
# callgrind loses a function that ends in a jump to another
$(B)/bench/%: MODE = $(FAST) -fno-optimize-sibling-calls
# as firmware
$(B)/bench/stack: MODE = -Os
$(addprefix $(B)/bench/, handshake bulk links stack): $(B)/bench/%: \
	tests/bench/%.c tests/bench/client.c $(WORLD) $(HEADERS)
$(B)/bench/ftp: tests/bench/ftp.c $(FTP_RIG) $(HEADERS)
$(B)/bench/job: tests/bench/job.c

$(BINARIES) $(COVERED) $(BENCHES) $(B)/fast/soak:
	@mkdir -p $(@D)
	@$(CC) $(STD) $(WARN) $(MODE) $(CPPFLAGS) -o $@ $(filter %.c %.o,$^) \
		-lbearssl

test-deps:
	@tests/deps.sh $(TEST_PACKAGES)

define NL


endef
FUZZ_SUITES = $(foreach t,$(FUZZ),fuzz_$(t) $(B)/fuzz/replay/$(t) \
	tests/fuzz/corpus/$(t) tests/fuzz/regressions/$(t)$(NL))

define SUITES
attacks   tests/attacks.sh $(B) $(PKI)
faulty_bytes $(B)/fast/fault $(PKI) bytes
faulty_calls $(B)/fast/fault $(PKI) calls
faulty_modem $(B)/fast/fault $(PKI) modem
valgrind  tests/memcheck.sh $(B)/plain/session $(PKI)
modes     tests/modes.sh
at_parser $(B)/asan/at_parser
at_fields $(B)/asan/at_fields
at_engine $(B)/asan/at_engine
tx        $(B)/asan/tx
tx_fuzz   $(B)/asan/tx_fuzz 2000000
$(FUZZ_SUITES)espat     $(B)/asan/espat
smtpd     $(B)/asan/smtpd $(PKI)
seed      tests/seed.sh $(B)
session   $(B)/asan/session $(PKI)
links     $(B)/asan/links $(PKI)
x509      $(B)/asan/x509 $(PKI)
ftp       $(B)/asan/ftp $(PKI)
beside    $(B)/asan/beside $(PKI)
programs  tests/programs.sh $(B) $(PKI)
ftp_programs tests/ftp_programs.sh $(B) $(PKI)
readme    tests/readme.sh $(B)
battery_life tests/battery_life.sh $(B)
battery   tests/battery_programs.sh $(B) $(PKI)
arduino   tests/boards.sh arduino $(B) $(PKI)
style     tests/style.sh
endef
export SUITES

test: test-deps
	@$(MAKE) -s --no-print-directory -j2 $(BINARIES) $(FUZZ_REPLAY) programs \
		$(PKI)/done
	@echo "$$SUITES" | tests/run.sh $(B)/log

# -- make fuzz ----------------------------------------------------------------

# seconds for each target
FUZZ_TIME =
FUZZ_PACKAGES = $(PACKAGES) clang libclang-rt-14-dev afl++ zip unzip
# what costs most and finds least is left to the replayers, which have it all
FUZZ_FLAGS = -g -O2 -fsanitize=address,undefined \
	-fno-sanitize=null,alignment,pointer-overflow \
	-fno-sanitize-recover=undefined
# it compares byte by byte anyway
$(B)/fuzz/lib/parser: FUZZ_FLAGS += -fno-sanitize-coverage=trace-cmp

FUZZ_LIB = $(addprefix $(B)/fuzz/lib/, $(FUZZ))
FUZZ_AFL = $(addprefix $(B)/fuzz/afl/, $(FUZZ))

$(FUZZ_REPLAY): $(B)/fuzz/replay/%: tests/fuzz/%.c tests/fuzz/replay.c \
		$(HEADERS)
	@mkdir -p $(@D)
	@$(CC) $(STD) $(WARN) $(ASAN) $(CPPFLAGS) -o $@ $(filter %.c,$^) -lbearssl
$(FUZZ_LIB): $(B)/fuzz/lib/%: tests/fuzz/%.c $(HEADERS)
	@mkdir -p $(@D)
	@clang $(STD) $(WARN) -fsanitize=fuzzer $(FUZZ_FLAGS) $(CPPFLAGS) -o $@ $< \
		-lbearssl
$(FUZZ_AFL): $(B)/fuzz/afl/%: tests/fuzz/%.c $(HEADERS)
	@mkdir -p $(@D)
	@AFL_QUIET=1 AFL_USE_ASAN=1 AFL_USE_UBSAN=1 afl-clang-fast $(STD) -O2 -g \
		-fsanitize=fuzzer $(CPPFLAGS) -o $@ $< -lbearssl

fuzz:
	@tests/deps.sh $(FUZZ_PACKAGES)
	@$(MAKE) -s --no-print-directory -j2 $(FUZZ_LIB) $(FUZZ_AFL)
	@{ tests/fuzz/fuzz.sh $(B) $(or $(FUZZ_TIME),20) $(FUZZ); \
	    tests/fuzz/bites.sh $(B); tests/fuzz/oss.sh $(B); } | $(SUM) 3

fuzz-deep:
	@tests/deps.sh $(FUZZ_PACKAGES)
	@$(MAKE) -s --no-print-directory -j2 $(FUZZ_LIB) $(FUZZ_AFL)
	@tests/fuzz/deep.sh $(B) $(or $(FUZZ_TIME),3600) $(FUZZ)

# makes the kept corpus anew from what the fuzzers have found
fuzz-corpus:
	@tests/deps.sh $(FUZZ_PACKAGES)
	@$(MAKE) -s --no-print-directory -j2 $(FUZZ_LIB)
	@tests/fuzz/corpus.sh $(B) $(FUZZ)

# -- more ---------------------------------------------------------------------

test-servers:
	@tests/deps.sh $(PACKAGES)
	@tests/servers/install.sh $(B)
	@$(MAKE) -s --no-print-directory $(SERVER_PROGRAMS) $(PKI)/done
	@{ tests/servers.sh $(B) $(PKI); tests/servers/run.sh $(B) $(PKI); } | $(SUM) 2

cross:
	@tests/deps.sh $(TEST_PACKAGES) $(CROSS_PACKAGES) $(BOARD_PACKAGES) \
		$(QEMU_PACKAGES)
	@$(MAKE) -s --no-print-directory $(B)/anchors $(PKI)/done
	@tests/modes.sh cross
	@tests/size.sh
	@tests/cores.sh $(B) $(PKI) --static
	@tests/power/cycles.sh
	@tests/boards.sh cross $(B) $(PKI)

# The main job where it belongs, in simulation; mcu-units: the unit tests of
# >>at and >>tx there.
mcu:
	@tests/deps.sh $(TEST_PACKAGES) $(CROSS_PACKAGES) $(MCU_PACKAGES)
	@$(MAKE) -s --no-print-directory $(B)/smtpd $(B)/anchors $(PKI)/done
	@tests/mcu/mcu.sh $(B) $(PKI)

mcu-units:
	@tests/deps.sh $(TEST_PACKAGES) $(CROSS_PACKAGES) $(MCU_PACKAGES)
	@tests/mcu/units.sh $(B)

bench:
	@tests/deps.sh $(PACKAGES) valgrind swaks libnet-ssleay-perl
	@$(MAKE) -s --no-print-directory -j2 $(BENCHES) \
		$(addprefix $(B)/, mail smtpd espat) $(PKI)/done
	@CC='$(CC)' tests/bench/run.sh $(B) $(PKI)

SEED = 1
CELLS = 40

power power-quick:
	@tests/deps.sh $(PACKAGES) ngspice gnuplot-nox
	@$(MAKE) -s --no-print-directory $(B)/coin_cell $(B)/mail_on_battery $(B)/power/droop \
		$(PKI)/done
	@CC='$(CC)' CFLAGS='$(STD) $(WARN) $(FAST) $(CPPFLAGS)' \
		tests/power/power.sh $@ $(B) $(SEED) $(CELLS)

size:
	@tests/deps.sh $(PACKAGES) $(CROSS_PACKAGES) $(QEMU_PACKAGES)
	@$(MAKE) -s --no-print-directory $(B)/smtpd $(B)/anchors $(PKI)/done
	@tests/size.sh --table
	@CC='$(CC)' tests/cores.sh $(B) $(PKI)

coverage:
	@tests/deps.sh $(TEST_PACKAGES) llvm jq
	@$(MAKE) -s --no-print-directory -j2 $(COVERED) $(PKI)/done
	@tests/coverage.sh $(B) $(PKI)

SOAK = 10000

# the processes take turns at the sessions
soak:
	@tests/deps.sh $(PACKAGES)
	@$(MAKE) -s --no-print-directory $(B)/fast/soak $(PKI)/done
	@tests/soak.sh $(B) $(PKI) $(SOAK) $(SEED)

mutants:
	@tests/deps.sh $(PACKAGES) universal-ctags
	@$(MAKE) -s --no-print-directory $(PKI)/done
	@tests/mutants.sh $(B) $(PKI) $(if $(MUTANTS),$(MUTANTS) $(SEED))

tables:
	@tests/deps.sh $(TEST_PACKAGES) $(CROSS_PACKAGES)
	@tests/tables.sh

# Frama-C shows that what reads hostile bytes has no undefined behaviour
prove:
	@tests/deps.sh $(PACKAGES) frama-c-base why3 cvc4 z3
	@tests/prove/prove.sh $(B)

lint:
	@tests/deps.sh $(PACKAGES) clang-format universal-ctags clang \
		clang-tidy clang-tools cppcheck
	@{ tests/style.sh; tests/lint.sh $(B); } | $(SUM) 2

format:
	@clang-format -i $$(git ls-files '*.c' '*.h' '*.ino')

clean:
	@rm -rf $(B)

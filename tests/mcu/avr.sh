#!/bin/bash
# avr.sh BUILD PKI [--data|--stack] - the main job on AVR, run by simavr
# against a modem and servers: a mail over STARTTLS, a reset, and another,
# resumed. Then what goes wrong with wires and batteries. The table goes to
# BUILD/mcu/avr.md.
#
# With --data all is built, and with --stack run for one session:
# "avr data|stack JOB BYTES" go to BUILD/mcu/avr.sizes.
set -u

top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/lib.sh"
. "$top/tests/arduino.sh"
cd "$top" || exit 1
build=$1 pki=$2
mcu=$build/mcu
begin

# one line for each check
show_passed=1
show_context() {
    tail -n 25 "$dir/$doing.out" "$dir/$doing.err" 2>/dev/null |
        sed 's/^/      /'
}

WARNINGS='-Wall -Wextra -Werror'
# -flto: else avr-gcc keeps all texts of estls.h in RAM. Without inlining the
# stack is smaller, since each frame has only its own.
AVR='-std=gnu99 -Os -flto -fno-inline-functions-called-once
    -fno-inline-small-functions -mcall-prologues -mrelax -DF_CPU=16000000UL
    -ffunction-sections -fdata-sections -Wl,--gc-sections
    -DSMTP_OUT=96 -DSMTP_REPLY=64'

# -- what is built ------------------------------------------------------------

# firmware NAME CHIP FILES AND FLAGS...: $mcu/NAME.elf
firmware() {
    # shellcheck disable=SC2086 # lists
    avr-gcc $AVR $WARNINGS -mmcu="$2" tests/mcu/avr.c "${@:3}" \
        -o "$mcu/$1.elf"
}
# program NAME CHIP SOURCE FLAGS...
program() {
    firmware "$1" "$2" "${@:4}" -isystem "$mcu/$3/inc" -I"$mcu/trust" \
        tests/mcu/job.c examples/smtp.c "$mcu/$2-$3.a"
}

builds() {
    for row in atmega2560:bearssl-8k atmega1284p:bearssl-8k \
        atmega1284p:bearssl; do
        tests/mcu/library.sh "$mcu/${row#*:}" "$mcu/${row/:/-}.a" avr-gcc \
            -std=gnu99 "-mmcu=${row%:*}" || return 1
    done
    gcc -O2 -std=gnu11 -Wall -Wextra -Werror -Itests tests/mcu/avr_host.c \
        tests/mcu/avr_sketch.c tests/mcu/host.c tests/mcu/peer.c \
        tests/modem/espat.c -o "$mcu/avr_host" -lsimavr -lelf || return 1
    # the 8 KB profile; BearSSL as packaged; certificates
    program mega2560 atmega2560 bearssl-8k &&
        program mega1284p atmega1284p bearssl -DJOB_GCM &&
        program mega1284p-chain atmega1284p bearssl-8k -DJOB_CHAIN
}

# The sketch as the Arduino IDE builds it, on a Mega as it is; its EEPROM as the
# README makes it.
mail_sensor() {
    sketch MailSensor
    values "$mcu/trust/pin.h"
    ide atmega2560 mega 16000000L
    arduino_core "$dir/MailSensor/core" &&
        arduino_object MailSensor "$mcu/bearssl-8k/inc" &&
        arduino_link MailSensor "$mcu/atmega2560-bearssl-8k.a" &&
        cp "$dir/MailSensor/sketch.elf" "$mcu/mail_sensor.elf" || return 1
    tests/store.sh "$dir"
}

# -- what is said -------------------------------------------------------------

# told NAME WORD N: what stood behind WORD the N-th time; at: when that was
told() { awk -v w="$2" -v n="$3" '$2 == w && !--n {print $3}' "$dir/$1.out"; }
at() { awk -v w="$2" -v n="$3" '$2 == w && !--n {print $1}' "$dir/$1.out"; }
says() { is "$(told "$1" "$2" "$3")" "$4"; }
# last NAME WORD: of the lines at the end, without a time
last() { awk -v w="$2" '$1 == w {print $2}' "$dir/$1.out"; }
# handshake NAME N: seconds from STARTTLS to application data, of the N-th
handshake() {
    awk -v a="$(at "$1" starttls "$2")" -v b="$(at "$1" open "$2")" \
        'BEGIN {printf "%.3f", b - a}'
}
at_most() { awk -v a="$1" -v b="$2" 'BEGIN {exit !(a > 0 && a <= b)}'; }
at_least() {
    why="$1 of $2"
    [ "${1:-0}" -ge "$2" ]
}
# ended NAME: no hang, no crash, nothing in clear
ended() { [ "$status" = 0 ] && is "$(last "$1" clear)" 0; }
# results NAME WORD: all that stood behind it, each once
results() { awk -v w="$2" '$2 == w {print $3}' "$dir/$1.out" | sort -u; }

# beside NAME PROGRAM CHIP PORT OPTION...: runs in the background
beside() {
    local name=$1 program=$2

    shift 2
    start "$name" "$mcu/avr_host" "$mcu/$program.elf" "$@"
}
# joined NAME PID: what ran beside has ended
joined() {
    doing=$1
    wait "$2"
    status=$?
}
host() {
    beside "$@"
    joined "$1" "$pid"
}

# -- servers ------------------------------------------------------------------

# smtpd NAME OPTION...: in $port; mails go to $dir/NAME
smtpd() {
    mkdir -p "$dir/$1"
    start "smtpd.$1" "$build/smtpd" --cert "$pki/ec.pem" --key "$pki/ec.key" \
        --mail-dir "$dir/$1" --die-with-parent "${@:2}"
    wait_for 5 grep -q listening "$dir/smtpd.$1.out" || return 1
    port=$(sed -n 's/.*://p' "$dir/smtpd.$1.out")
}

# all_whole: each mail is there as it was sent, behind what the server adds
all_whole() {
    local mail

    printf 'Subject: Water in the cellar\r\n\r\nIt is 3 cm deep.\r\n' \
        >"$dir/want"
    for mail in "$dir"/mail/*.eml; do
        tail -n +3 "$mail" | cmp - "$dir/want" || return 1
    done
}

# A real server, of OpenSSL.
postfix_up() {
    chmod 755 "$dir"
    tests/servers/postfix.sh start "$dir/postfix" "$pki" >"$dir/ports" &&
        postfix_port=$(awk '$1 == "smtp" {print $2}' "$dir/ports") &&
        wait_for 60 greets "$postfix_port"
}
# Its first process takes a while to start.
greets() {
    local line

    { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
    read -r -t 10 line <&3
    exec 3>&-
    [ "${line%%[ -]*}" = 220 ]
}
end_hook() { tests/servers/postfix.sh stop "$dir/postfix" >/dev/null 2>&1; }
postfix_took() { is "$(grep -c 'status=sent' "$dir/postfix/log")" "$1"; }

# -- the main job -------------------------------------------------------------

# judge_job NAME SECONDS SUITE: a full handshake and a mail, a reset, and both resumed
judge_job() {
    check 'ends, nothing in clear' ended "$1"
    check 'full handshake' says "$1" open 1 0
    check 'first mail' says "$1" mail 1 0
    check 'not resumed' says "$1" resumed 1 0
    check 'resumed after the reset' says "$1" resumed 2 1
    check 'second mail' says "$1" mail 2 0
    check 'cipher suite' says "$1" suite 1 "$3"
    check 'no byte of the UART lost' is "$(results "$1" lost)" 0
    check '200 bytes of RAM or more never touched' \
        at_least "$(told "$1" untouched 1)" 200
    check "full handshake in $2 s" at_most "$(handshake "$1" 1)" "$2"
    check 'resumed in 1 s' at_most "$(handshake "$1" 2)" 1
    check 'the longest step is within the handshake' \
        at_most "$(longest "$1")" "$(mega "$1" 1)"
}

# judge_sensor: the sketch; a full handshake and a mail, and both resumed
judge_sensor() {
    check 'MailSensor ends, nothing in clear' ended mail_sensor
    check 'blinks once: sent' says mail_sensor blinks 1 1
    check 'once again' says mail_sensor blinks 2 1
    check 'two mails' is "$(cat "$dir"/sensor_mail/*.eml |
        grep -c 'The float switch has closed')" 2
    check '200 bytes of RAM or more never touched' \
        at_least "$(told mail_sensor untouched 2)" 200
    check 'the first mail in 60 s' at_most "$(at mail_sensor untouched 1)" 60
    check 'the second, resumed, in 2 s' \
        at_most "$(at mail_sensor untouched 2)" 2
    echo "      MailSensor on a Mega 2560:" \
        "$(told mail_sensor untouched 2) bytes never touched," \
        "mails in $(at mail_sensor untouched 1) and" \
        "$(at mail_sensor untouched 2) s"
}

# mega NAME N: million cycles of the N-th handshake
mega() { awk -v s="$(handshake "$1" "$2")" 'BEGIN {printf "%.1f", s * 16}'; }
# longest NAME: million cycles of the longest step to the first session
longest() { awk -v n="$(told "$1" step 1)" 'BEGIN {printf "%.1f", n / 1e6}'; }
# sections NAME: bytes of flash, of static RAM
sections() {
    avr-size -A "$mcu/$1.elf" | awk '
        $1 == ".text" {f += $2}
        $1 == ".data" {f += $2; r += $2}
        $1 == ".bss" || $1 == ".noinit" {r += $2}
        END {print f, r}'
}

# row NAME CHIP RAM PROFILE: of the table
row() {
    local flash static untouched

    read -r flash static < <(sections "$1")
    untouched=$(told "$1" untouched 1)
    echo "| $2 | AVR | $4 | $flash | $static |" \
        "$(($3 - static - untouched)) | $untouched |" \
        "$(mega "$1" 1) | $(mega "$1" 2) | $(longest "$1") |"
}

# -- what goes wrong ----------------------------------------------------------
# Each begins with the RAM of the main job, and so with a session to resume.

# harmed NAME OPTION...: the job with OPTION, then once more without
harmed() {
    local name=$1

    shift
    cp "$dir/mega2560.ram" "$dir/$name.ram"
    host "$name" mega2560 atmega2560 "$port" --ram "$dir/$name.ram" \
        --limit 200 "$@"
    check 'ends, nothing in clear' ended "$name"
    check 'a mail or an error by name' \
        sane "$(results "$name" mail | tr '\n' ' ')"
    host "$name.after" mega2560 atmega2560 "$port" --ram "$dir/$name.ram"
    check 'ends, nothing in clear' ended "$name.after"
    check 'the next mail goes' says "$name.after" mail 1 0
}
# sane RESULTS: 0, E_IO..E_TLS or nothing, when the power was always cut before
sane() {
    local rc

    why="results $1"
    for rc in $1; do [ "$rc" -le 0 ] && [ "$rc" -ge -22 ] || return 1; done
}

# -- sizes ----------------------------------------------------------------

# NAME CHIP RAM JOB
sized='
mega2560        atmega2560   8192 pin-8k
mega1284p       atmega1284p 16384 pin
mega1284p-chain atmega1284p 16384 chain
rooms-at        atmega2560   8192 at
rooms-tx        atmega2560   8192 tx
'

# each COMMAND: with NAME CHIP RAM JOB
each() {
    local name chip ram job

    while read -r name chip ram job <&3; do
        "$1" "$name" "$chip" "$ram" "$job"
    done 3< <(echo "$sized" | grep .)
}
declare -A pid_of
launch_once() {
    beside "$1" "$1" "$2" "$port"
    pid_of[$1]=$pid
}
list_data() {
    echo "avr data $4 $(sections "$1" | cut -d' ' -f 2)" >>"$mcu/avr.sizes"
}
list_stack() {
    local static

    joined "$1" "${pid_of[$1]}"
    check 'ends, nothing in clear' ended "$1"
    case $1 in
    rooms-*) check 'the room runs' at_least "$(told "$1" runs 1)" 6 ;;
    *) check 'a mail' says "$1" mail 1 0 ;;
    esac
    read -r _ static < <(sections "$1")
    echo "avr stack $4 $(($3 - static - $(told "$1" untouched 1)))" \
        >>"$mcu/avr.sizes"
}
sizes() {
    : >"$mcu/avr.sizes"
    for room in at tx; do
        firmware rooms-$room atmega2560 tests/mcu/rooms.c -DROOM_$room ||
            exit 1
    done
    each list_data
    [ "$1" = --stack ] || return 0
    doing=servers
    check smtpd smtpd mail
    each launch_once
    each list_stack
}

CHACHA=52393 GCM=49195 # cipher suites, IANA

# -- all of it ----------------------------------------------------------------

# must COMMAND: silently, or all ends here
must() {
    why=$("$@" 2>&1) && return
    echo "$why"
    echo '0 passed, 1 failed'
    exit 1
}
must builds
case ${3:-} in
--*)
    sizes "$3"
    finish
    exit
    ;;
esac
must mail_sensor
doing=servers
check 'Postfix' postfix_up
export PASSWORD='battery staple'
check 'smtpd, for the sketch' smtpd sensor_mail --user sensor \
    --password-env PASSWORD
sensor_port=$port
check 'smtpd' smtpd mail

beside mega1284p-chain mega1284p-chain atmega1284p "$port" --sessions 2
pid_chain=$pid
host mega2560 mega2560 atmega2560 "$port" --sessions 2 \
    --ram "$dir/mega2560.ram"
judge_job mega2560 50 $CHACHA
joined mega1284p-chain "$pid_chain"
judge_job mega1284p-chain 90 $CHACHA

beside mega1284p mega1284p atmega1284p "$port" --sessions 2
pid_packaged=$pid
host postfix mega2560 atmega2560 "$postfix_port" --sessions 2
judge_job postfix 50 $CHACHA
check 'Postfix has taken both mails' wait_for 5 postfix_took 2
beside mail_sensor mail_sensor atmega2560 "$sensor_port" --sessions 2 \
    --sketch "$dir/store.bin"
pid_sensor=$pid
joined mega1284p "$pid_packaged"
judge_job mega1284p 50 $GCM
joined mail_sensor "$pid_sensor"
judge_sensor

for bytes in 7 64 300; do harmed "noise.$bytes" --noise $bytes; done
for byte in 40 150 600 1000; do harmed "overrun.$byte" --overrun $byte; done
for send in 1 2 3 4; do harmed "reset.$send" --fault "reset@send:$send"; done
for seed in 1 2; do harmed "cuts.$seed" --sessions 1 --cuts 25 --seed $seed; done
doing=mails
check 'all came whole' all_whole

{
    row mega2560 ATmega2560 8192 'pinned key, 8 KB'
    row mega1284p ATmega1284P 16384 'pinned key, GCM'
    row mega1284p-chain ATmega1284P 16384 'certificates, 8 KB'
} >"$mcu/avr.md"
finish

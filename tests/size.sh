#!/bin/sh
# size.sh [--table] - code and RAM on Cortex-M, against the limits that the
# project has set itself. Code: symbol sizes, -Os, Cortex-M0+. RAM: sizeof.
set -eu

ARM='arm-none-eabi-gcc -mthumb -mcpu=cortex-m0plus -Os -ffunction-sections'
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0
failed=0

# BearSSL's headers without the PC's others
mkdir "$dir/inc"
ln -s /usr/include/bearssl /usr/include/bearssl.h "$dir/inc/"

printf '#define ESTLS_IMPLEMENTATION\n#include "estls.h"\n' >"$dir/all.c"
$ARM -I. -I"$dir/inc" -c "$dir/all.c" -o "$dir/all.o"
arm-none-eabi-nm -S -t d "$dir/all.o" >"$dir/symbols"

cat >"$dir/ram.c" <<'C'
#include "estls.h"
#define SIZE(type) char size_of_##type[sizeof(type)];
SIZE(estls) SIZE(estls_x509) SIZE(estls_at) SIZE(estls_at_engine)
SIZE(estls_link) SIZE(estls_at_cmd) SIZE(br_ssl_client_context)
SIZE(estls_tx) SIZE(estls_tx_guard) SIZE(estls_tx_log)
C
$ARM -fno-common -I. -I"$dir/inc" -c "$dir/ram.c" -o "$dir/ram.o"
arm-none-eabi-nm -S -t d "$dir/ram.o" >"$dir/ram"

ENGINE='estls_at_(open|submit|abort|step|read)|estlsi_at_(enter|finish|cmd_ok'
ENGINE="$ENGINE|queue|reset|busy|final|dispatch|pump|push|send|probe|limit|turn|start|expire"
ENGINE="$ENGINE|expired)"
CLOCK='estls_time|estlsi_at_(days|two|seconds|asctime|cclk)'
POWER='estls_at_power|estlsi_at_(bits|timer|psm|edrx)'
CBC='estls_at_cbc|estlsi_at_mv'

# code PATTERN [BUT]: bytes of the functions whose names match
code() {
    awk -v want="^($1)\$" -v but="^(${2:-none})\$" \
        '$3 ~ /[tT]/ && $4 ~ want && $4 !~ but {n += $2} END {print n + 0}' \
        "$dir/symbols"
}
ram() { awk -v name="size_of_$1" '$4 == name {print $2 + 0}' "$dir/ram"; }

# linked PROTOCOL...: code and constants of a program that names these, as the
# linker leaves it; BearSSL is not counted, nor is what is not called. The
# program is left in $dir/linked.
linked() {
    {
        printf '#define ESTLS_IMPLEMENTATION\n#include "estls.h"\n'
        printf 'extern estls net; extern estls_desc d;\n'
        printf 'int main(int n) { switch (n) {\n'
        for proto; do
            printf 'case __LINE__: d.proto = estls_%s; break;\n' "$proto"
        done
        printf '} return estls_open(&net, &d) + estls_step(&net); }\n'
    } >"$dir/linked.c"
    $ARM -fdata-sections -I. -I"$dir/inc" -c "$dir/linked.c" -o "$dir/linked.o"
    arm-none-eabi-ld --gc-sections -e main --unresolved-symbols=ignore-all \
        -Ttext=0x8000 "$dir/linked.o" -o "$dir/linked"
    arm-none-eabi-size "$dir/linked" | awk 'NR == 2 {print $1 + $2}'
}

# sensor [PART...]: code of a sensor that boots, asks, keys, is done and learns,
# and names nothing else of >>tx but those parts, as the linker leaves it.
sensor() {
    {
        cat <<'C'
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "estls.h"
extern estls_tx tx; extern estls_tx_board b; extern estls_tx_job j;
extern estls_tx_plan p; extern estls_tx_sample s;
int main(void)
{
C
        for part; do
            printf 'b.part[__LINE__ %% 3] = estls_tx_%s;\n' "$part"
        done
        cat <<'C'
    estls_tx_key(&tx, &p);
    return estls_tx_boot(&tx, &b, 0) + estls_tx_ask(&tx, &j, &p) +
           estls_tx_done(&tx, &s) + estls_tx_learn(&tx, &s);
}
C
    } >"$dir/sensor.c"
    $ARM -fdata-sections -I. -c "$dir/sensor.c" -o "$dir/sensor.o"
    arm-none-eabi-ld --gc-sections -e main --unresolved-symbols=ignore-all \
        -Ttext=0x8000 "$dir/sensor.o" -o "$dir/sensor"
    arm-none-eabi-size "$dir/sensor" | awk 'NR == 2 {print $1 + $2}'
}

# job ROOM-PATTERN: code and constants of a room in a program that does the main
# job, SMTP and a pinned key, as the linker leaves it. Builds it at first.
job() {
    if [ ! -e "$dir/job" ]; then
        cat >"$dir/job.c" <<'C'
#define ESTLS_IMPLEMENTATION
#define ESTLS_PROFILE estls_small
#include "estls.h"
extern estls net;
extern estls_desc d;
extern char data[9];
int main(void)
{
    d.proto = estls_smtp;
    d.trust = estls_pin;
    return estls_open(&net, &d) + estls_step(&net) +
           estls_read(&net, data, 9) + estls_write(&net, data, 9) +
           estls_close(&net);
}
C
        $ARM -fdata-sections -I. -I"$dir/inc" -c "$dir/job.c" -o "$dir/job.o"
        arm-none-eabi-ld --gc-sections -e main -Ttext=0x8000 \
            --unresolved-symbols=ignore-all "$dir/job.o" -o "$dir/job"
    fi
    arm-none-eabi-nm -S -t d "$dir/job" | awk -v want="^($1)" \
        '$4 ~ want && $3 ~ /[tTrRdD]/ {n += $2} END {print n + 0}'
}

# goal WHAT BYTES GOAL MOST: what was reached guards a goal that was not
goal() {
    verdict=ok
    [ "$2" -le "$3" ] || verdict='goal missed'
    if [ "$2" -le "$4" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        verdict='WORSE'
    fi
    printf '%-58s %6d of %6d  %s\n' "$1" "$2" "$3" "$verdict"
}

# limit WHAT BYTES LIMIT: prints and judges
limit() {
    verdict=ok
    if [ "$2" -le "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        verdict='TOO LARGE'
    fi
    printf '%-58s %6d of %6d  %s\n' "$1" "$2" "$3" "$verdict"
}
row() { printf '| %s | %s |\n' "$1" "$2"; }

LINES='smtp lmtp imap pop3 nntp sieve irc ftp xmpp'
# engine: of what is linked, the code that all protocols share
engine() {
    arm-none-eabi-nm -S -t d "$dir/linked" |
        awk '$4 ~ /^estlsi_starttls_/ && $3 ~ /[tT]/ {n += $2} END {print n + 0}'
}
engine_alone=$(linked direct)
engine_least=$(engine)
# shellcheck disable=SC2086 # a list
lines=$(($(linked $LINES) - engine_alone))
lines=$((lines - $(engine) + engine_least)) # patterns, which only some have
smtp=$(($(linked smtp) - engine_alone))
if strings -n 3 "$dir/linked" | grep -qE 'STLS|CAPA|jabber|AUTH|LHLO'; then
    strays=1
else
    strays=0
fi

at=$(code 'estlsi?_at_.*' "$ENGINE|$CLOCK|$POWER|$CBC")
engine=$(code "$ENGINE")
session=$(ram estls)
pinned=$((session + 837 + 128))
chain=$((pinned + $(ram estls_x509)))

if [ "${1:-}" = --table ]; then
    row 'Cortex-M0+ (gcc -Os)' bytes
    row --- ---:
    row '`estls` (of that BearSSL: '"$(ram br_ssl_client_context))" "$session"
    row '`iobuf`' 837
    row '`line`' 128
    row '**session with a pinned key**' "**$pinned**"
    row '`estls_x509`' "$(ram estls_x509)"
    row '**session with certificate checking**' "**$chain**"
    row '`>>at` alone: parser, with a line of 64' \
        "$(($(ram estls_at) + 64))"
    row '`>>at` with transactions' "$(($(ram estls_at_engine) + 64))"
    row 'code of `>>at`: feed, fields, builder' "$at"
    row 'code of `>>at`: transactions' "$engine"
    row 'code of `>>at`: `estls_at_power`' "$(code "$POWER")"
    row 'code of `>>at`: `estls_at_cbc`' "$(code "$CBC")"
    row 'code of `>>link`' "$(code 'estlsi?_link_.*')"
    row 'code of `>>tls`, all profiles' \
        "$(code 'estlsi?_(tls|x509|pin)_?.*|estls_(anchors|full|small)')"
    row 'code of `>>starttls`' \
        "$(code 'estlsi?_starttls_.*|estls_ftp_port')"
    row 'all nine protocols of lines, tables and all' "$lines"
    row 'SMTP alone' "$smtp"
    for proto in ldap postgres mysql; do
        row "\`estls_$proto\`" "$(($(linked $proto) - engine_alone))"
    done
    row 'code of `>>session`' "$(code \
        'estlsi_session_.*|estls_(open|open_data|step|read|write|close|info)')"
    row 'state of `>>tx`, of it retained; flight recorder' \
        "$(ram estls_tx), $(ram estls_tx_guard); $(ram estls_tx_log)"
    row 'code of `>>tx` that decides: boot, ask, key, done, learn' "$(sensor)"
    row 'the same with recorder, bucket and splitter' \
        "$(sensor recorder bucket splitter)"
    row 'code of `>>tx`, all' "$(code 'estlsi?_tx_.*')"
    exit 0
fi

limit 'code: AT feed, fields and builder' "$at" 2048
limit 'code: AT transaction engine' "$engine" 1200
limit 'RAM: estls_at' "$(ram estls_at)" 48
limit 'RAM: session, pinned key, 837-byte buffer' "$pinned" 4800
limit 'RAM: session, certificate checking, 837-byte buffer' "$chain" 7800
limit 'code: protocols of lines, beyond their engine' "$lines" 1536
limit 'code: SMTP alone carries nothing of the others' "$strays" 0
limit 'RAM: state of >>tx' "$(ram estls_tx)" 24
limit 'RAM: its guard, retained' "$(ram estls_tx_guard)" 8
limit 'RAM: its flight recorder, retained' "$(ram estls_tx_log)" 32
limit 'code: >>link, as the main job links it' "$(job 'estlsi?_link')" 2500
goal 'code: >>tls, the same, small profile, pinned key' \
    "$(job 'estlsi?_(tls|pin|x509|small)')" 2000 3700
limit 'code: >>starttls, the same, SMTP' "$(job 'estlsi?_(starttls|smtp)')" 1000
goal 'code: >>tx, all that decides' "$(sensor)" 1500 4542
goal 'code: >>tx, with recorder, bucket and splitter' \
    "$(sensor recorder bucket splitter)" 1500 5460
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

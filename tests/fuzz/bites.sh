#!/bin/bash
# bites.sh BUILD - the oracles bite: each fault below, put into a copy of
# estls.h, must be found by the replayer over the kept inputs, or by libFuzzer
# in 20 seconds. A fault that changes nothing in the copy is a failure, too.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

build=$1
begin "$build"
top=$PWD
mkdir -p "$dir/tests" "$build/fuzz"
status=0 command='' out=/dev/null err=/dev/null shown=1

# bites TARGET WHAT SED-SCRIPT
bites() {
    local target=$1 copy=$dir/tests/fuzz

    doing="$1: $2"
    rm -rf "$copy" "$dir/tests/tx_steps.h"
    cp -r tests/fuzz "$copy"
    cp tests/tx_steps.h "$dir/tests/"
    sed -E "$3" estls.h >"$dir/estls.h"
    ! cmp -s estls.h "$dir/estls.h"
    check 'the fault is in' test $? -eq 0
    gcc -std=c11 -w -g -O1 -fsanitize=address,undefined \
        -fno-sanitize-recover=undefined -D_GNU_SOURCE -I"$dir/tests" \
        -o "$dir/replay" "$copy/$target.c" "$copy/replay.c" -lbearssl
    check 'it compiles' test $? -eq 0
    finds "$target" "$copy"
    check 'is found' test -n "$by"
    echo "${by:+ok  }  $doing${by:+ (by $by)}"
}

# by: who finds it
finds() {
    by=''
    if ! "$dir/replay" "$2/corpus/$1" "$2/regressions/$1" \
        >/dev/null 2>&1; then
        by='the kept inputs'
    elif command -v clang >/dev/null; then
        clang -std=c11 -w -g -O2 -fsanitize=fuzzer,address,undefined \
            -fno-sanitize-recover=undefined -D_GNU_SOURCE -I"$dir/tests" \
            -o "$dir/fuzz" "$2/$1.c" -lbearssl
        "$dir/fuzz" -max_total_time=20 -artifact_prefix="$dir/" \
            "$2/corpus/$1" >/dev/null 2>&1 || by='libFuzzer'
    fi
}

bites parser 'the tail of an overlong line is a line' \
    's/^    skip = !extent;/    skip = 0;/'
bites parser 'a final is a prefix' \
    's/ESTLS_AT_RULE\("OK", ESTLS_AT_OK, ESTLSI_W,/ESTLS_AT_RULE("OK", ESTLS_AT_OK, 0,/'
bites parser 'a payload may be one byte longer than what is fed' \
    's/^    n = n < at->left \? n : at->left;/    n = n + 1 < at->left ? n + 1 : at->left;/'
bites builder 'a quote is not escaped' \
    "s/escape && \\(\\*s == '\"' \\|\\| /escape \\&\\& (/"
bites builder 'DEL may stand in a text' \
    "s/\\(\\(uint8_t\\)\\*s < 0x20 \\|\\| \\*s == 0x7f\\) && !c->rc/(uint8_t)*s < 0x20 \\&\\& !c->rc/"
bites link 'the gate is not told of the end of a send' \
    's/^    if \(l->op == ESTLSI_LINK_SEND\) \{ estlsi_link_tell\(l->d, ESTLS_GATE_SENT\); \}//'
bites link 'payload is given to whoever reads' \
    's/^        if \(l->port_rx != port->id\) \{ return 0; \}//'
bites link 'what was owed to a prompt is one less' \
    's/^    l->owed = \(uint16_t\)len;/    l->owed = (uint16_t)(len - (len > 40));/'
bites starttls 'bytes behind the go-ahead are taken' \
    's/^    if \(s->len\) \{ return ESTLS_E_INJECTED; \}/    s->len = 0;/'
bites starttls 'no deadline for the preamble' \
    's/^    if \(rc == ESTLS_BUSY &&$/    if (rc == 77 \&\&/'
bites record 'a stream that ends counts as closed' \
    's/rc == ESTLS_E_CLOSED \? \(int\)ESTLS_E_TRUNCATED : rc/rc/'
bites record 'BearSSL keeps its secrets' \
    's/^    estlsi_tls_wipe\(&t->client, sizeof t->client\);//'
bites tx 'the margin is forgotten' \
    's/^    return \(uint16_t\)\(b->brownout_mV \+ margin\);/    return b->brownout_mV;/'
bites tx 'a wait for the budget has no reason' \
    's/^    if \(ms\) \{ q->plan->reason = ESTLS_TX_BUDGET; \}//'
bites tx 'a larger resistance may be taken for a smaller one' \
    's/estlsi_tx_micro\(m->cell.r0_mOhm, uA, 3\)/estlsi_tx_micro(m->cell.r0_mOhm ^ 256, uA, 3)/'
bites saved 'the tag is not compared to its end' \
    's/memcmp\(tag, saved->tag, sizeof tag\) == 0/memcmp(tag, saved->tag, 1) == 0/'
bites saved 'the length of a session id is believed' \
    's/ && pp.session_id_len <= sizeof pp.session_id;/;/'
bites saved 'the host is not bound' \
    's/^    br_sha256_update\(id, d->host, strlen\(d->host\) \+ 1\);//'
finish

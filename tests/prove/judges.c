/* The judges of >>starttls: every answer of up to so many bytes, in every step
 * of every protocol but those whose answers are replies, see dialogue.c. */
#include "world.h"
// eva -eva-split-return full
// eva -eva-slevel 200 -eva-min-loop-unroll 40
// eva -eva-slevel-function main:0,judge_all:0,judge:0
// reach estlsi_starttls_ldap estlsi_starttls_postgres estlsi_starttls_mysql
// reach estlsi_starttls_patterns estlsi_starttls_fits

enum { ANSWER = 30, LINE = 8 };

static estls_starttls s;
static estls_desc desc;

static void judge(const estls_proto *proto, size_t n)
{
    char *answer = arbitrary(n + 1);
    int rc;

    answer[n] = ' ';
    s.found = (uint8_t)any(0, 1);
    s.lines = (uint8_t)any(0, ESTLSI_STARTTLS_LINES);
    rc = proto->judge(&s, answer, n);
    //@ assert ESTLS_E_POWER <= rc <= ESTLS_BUSY;
}

/* Each command of the dialogue. */
static void judge_all(const estls_proto *proto, size_t most)
{
    size_t n;

    s.step = 0;
    for (s.now = proto->dialogue; *s.now;
         s.now = estlsi_starttls_part(&s, ESTLSI_PARTS)) {
        //@ loop unroll ANSWER + 1;
        for (n = 0; n <= most; n++) { judge(proto, n); }
        s.step++;
    }
}

int main(void)
{
    desc.iobuf_cap = 32;
    s.d = &desc;
    judge_all(estls_ldap(), ANSWER / 2);
    judge_all(estls_postgres(), 3);
    judge_all(estls_mysql(), ANSWER);
    judge_all(estls_imap(), LINE);
    judge_all(estls_pop3(), LINE);
    judge_all(estls_nntp(), LINE);
    judge_all(estls_sieve(), LINE);
    judge_all(estls_irc(), LINE);
    judge_all(estls_ftp(), LINE);
    judge_all(estls_xmpp(), LINE);
    return 0;
}

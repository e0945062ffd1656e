/* fault.c - every callback failing at its n-th call, the stream cut at every
 * byte, the modem failing at every command: always an error by name within
 * the deadline, nothing left behind, and an object that opens again.
 * Usage: fault PKI-DIRECTORY */
#include "rig.h"

#include "check.h"

#include <stdio.h>

static rig r;

typedef struct road {
    int generation;
    uint8_t push;
} road;

static const road roads[] = {{RIG_DIRECT, 0}, {1, 1}, {2, 0}, {3, 0}};

enum { ROADS = sizeof roads / sizeof roads[0] };

static void take(const road *way)
{
    rig_init(&r, way->generation, "ec");
    rig_pin(&r, "ec");
    r.d.push = way->push;
    r.d.timeout_ms = 4000;
    r.patience_ms = 5000;
}

/* Runs a session with a mail. Returns the first error. */
static int whole_session(void)
{
    int rc = rig_connect(&r);

    if (!rc) { rc = rig_mail(&r); }
    return rc;
}

/* An error by name; or silence in an open session, where waiting is the
 * application's choice, and closing ends all the same. */
static void check_error(int rc)
{
    if (rc == ESTLS_BUSY) {
        rc = rig_close(&r);
        CHECK(rc <= 0 && rc >= ESTLS_E_TLS);
    } else {
        CHECK(rc < 0 && rc >= ESTLS_E_TLS);
        CHECK_TEXT(rig_dead(&r, rc), "");
    }
    CHECK(r.w.now < 60000);
}

/* The same object, after the trouble is over. */
static void check_reusable(void)
{
    world_close(&r.w);
    memset(&r.w, 0, sizeof r.w);
    r.modem.faults = 0;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
}

static void failing_callbacks(void)
{
    uint32_t n, failures;
    int rc, i;

    for (i = 0; i < ROADS; i++) {
        failures = 0;
        for (n = 1; n < 20000; n += n < 200 ? 1 : 7) {
            take(&roads[i]);
            r.w.fail_call = n;
            rc = whole_session();
            if (!rc) {
                rig_end(&r);
                break;
            }
            failures++;
            check_error(rc);
            if (n % 16 == 0) { check_reusable(); }
            rig_end(&r);
        }
        CHECK(failures > 30);
        CHECK(n < 20000);
    }
}

static void cut_at_every_byte(void)
{
    uint32_t n, failures;
    int rc, i;

    for (i = 0; i < ROADS; i++) {
        failures = 0;
        for (n = 1; n < 20000; n++) {
            take(&roads[i]);
            r.w.cut_rx = n;
            rc = whole_session();
            if (!rc) {
                rig_end(&r);
                break;
            }
            failures++;
            check_error(rc);
            rig_end(&r);
        }
        CHECK(failures > 800 && n < 20000);
    }
}

/* What may happen to a command may happen to every command. The session
 * recovers or fails by name; a mail arrives whole or not at all. */
static void failing_commands(void)
{
    static const char *const whats[] = {"reset", "hang",       "mute", "closed",
                                        "wifi",  "late@:3000", "fail", "busy"};
    const char *at;
    char fault[32];
    size_t k;
    int rc, i, n;

    for (i = 1; i < ROADS; i++) {
        for (k = 0; k < sizeof whats / sizeof whats[0]; k++) {
            for (n = 1; n < 60; n++) {
                at = strchr(whats[k], '@');
                take(&roads[i]);
                snprintf(fault, sizeof fault, "%.*s@cmd:%d%s",
                         at ? (int)(at - whats[k]) : 9, whats[k], n,
                         at ? at + 1 : "");
                check_note = fault;
                rig_fault(&r, fault);
                rc = whole_session();
                if (rc) { check_error(rc); }
                CHECK(r.mails == 0 || r.mail_len == strlen(rig_body));
                check_reusable();
                rig_end(&r);
            }
        }
    }
}

int main(int argc, char **argv)
{
    rig_pki(argc > 1 ? argv[1] : "build/pki");
    RUN(failing_callbacks);
    RUN(cut_at_every_byte);
    RUN(failing_commands);
    return check_end();
}

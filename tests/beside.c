/* beside.c - two sessions on one modem: what one does, and what happens to it,
 * must leave the other alone. Usage: beside PKI-DIRECTORY */
#include "ftp_rig.h"

#include "check.h"

#include <stdio.h>

static ftp_rig t;
static estls data, data2;
static estls_desc desc, desc2;
static uint8_t iobuf[ESTLS_IOBUF_MIN], iobuf2[ESTLS_IOBUF_MIN];

static void login(int generation, int push)
{
    ftp_rig_init(&t, generation, "ec");
    t.r.d.push = (uint8_t)push;
    CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
}

/* The description of a data session to the port that EPSV names. */
static void describe(void)
{
    char reply[256];

    ftp_rig_copy(&t);
    desc = t.data;
    desc.iobuf = iobuf;
    CHECK_INT(rig_say(&t.r, "EPSV\r\n", reply, sizeof reply), ESTLS_OK);
    CHECK_INT(estls_ftp_port(reply, strlen(reply), &desc.connect_port),
              ESTLS_OK);
}

static void idle(void)
{
    char reply[64];

    (void)estls_read(&t.r.net, reply, sizeof reply);
    world_idle(&t.r.w);
}

static int run(estls *s, int rc)
{
    long steps = 400000;

    for (; rc == ESTLS_BUSY && steps; steps--) {
        rc = estls_step(s);
        if (rc == ESTLS_BUSY) { idle(); }
    }
    return rc;
}

static int close_data(estls *s)
{
    long steps = 400000;
    int rc;

    while ((rc = estls_close(s)) == ESTLS_BUSY && steps--) { idle(); }
    return rc;
}

static int open_data(void)
{
    return run(&data, estls_open_data(&data, &desc, &t.r.net));
}

static void end(void)
{
    CHECK(ftp_rig_close(&t) <= 0);
    ftp_rig_end(&t);
}

/* What the two must not share is refused, and the one that is there lives. */
static void clashes(void)
{
    char reply[256];
    int push, rc;

    for (push = 0; push < 2; push++) {
        login(2, push);
        describe();
        CHECK_INT(estls_open_data(&t.r.net, &desc, &t.r.net), ESTLS_E_ARG);
        desc2 = desc;
        desc2.link_id = t.r.d.link_id;
        CHECK_INT(estls_open_data(&data, &desc2, &t.r.net), ESTLS_E_ARG);
        CHECK_INT(open_data(), ESTLS_OK);
        CHECK_INT(rig_say(&t.r, "STOR x\r\n", reply, sizeof reply), ESTLS_OK);
        desc2 = desc;
        desc2.iobuf = iobuf2;
        rc = run(&data2, estls_open_data(&data2, &desc2, &t.r.net));
        CHECK_INT(rc, ESTLS_E_STATE);
        CHECK_INT(estls_write(&data, "x", 1), 1);
        CHECK_INT(run(&data, ESTLS_BUSY), ESTLS_OK);
        CHECK(close_data(&data2) < 0);
        CHECK_INT(close_data(&data), ESTLS_OK);
        end();
    }
    login(RIG_DIRECT, 0);
    describe();
    desc.uart = t.r.d.uart;
    CHECK_INT(estls_open_data(&data, &desc, &t.r.net), ESTLS_E_ARG);
    end();
}

static int never_asked(estls_link *l)
{
    (void)l;
    return ESTLS_E_CLOCK;
}

/* It dials when the other's pull is over, and leaves the modem's clock alone,
 * which has been read. */
static void dials_in_its_turn(void)
{
    char reply[64];
    int steps = 1000;

    login(2, 0);
    describe();
    desc.clock = never_asked;
    while (!t.r.net.link.op && steps--) {
        CHECK_INT(estls_read(&t.r.net, reply, sizeof reply), 0);
        world_idle(&t.r.w);
    }
    CHECK(steps > 0);
    CHECK_INT(estls_open_data(&data, &desc, &t.r.net), ESTLS_BUSY);
    CHECK_INT(estls_step(&data), ESTLS_BUSY);
    CHECK_INT(run(&data, ESTLS_BUSY), ESTLS_OK);
    CHECK_INT(close_data(&data), ESTLS_OK);
    end();
}

/* One buffer for two streams, whichever it is of each. */
static void shared_buffers(void)
{
    int i;

    ftp_rig_init(&t, 2, "ec");
    t.r.d.obuf = t.r.obuf;
    t.r.d.obuf_cap = sizeof t.r.obuf;
    CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
    for (i = 0; i < 5; i++) {
        describe();
        desc.obuf = t.data_obuf;
        desc.obuf_cap = sizeof t.data_obuf;
        if (i == 1) { desc.iobuf = t.r.d.iobuf; }
        if (i == 2) { desc.iobuf = t.r.d.obuf; }
        if (i == 3) { desc.obuf = t.r.d.iobuf; }
        if (i == 4) { desc.obuf = t.r.d.obuf; }
        CHECK_INT(open_data(), i ? ESTLS_E_ARG : ESTLS_OK);
        CHECK_INT(close_data(&data), i ? ESTLS_E_STATE : ESTLS_OK);
    }
    end();
}

static void mux_differs(void)
{
    ftp_rig_init(&t, 2, "ec");
    t.r.d.mux = 0;
    t.r.d.link_id = 3;
    t.o.control = t.r.server;
    ftpd_init(&t.ftpd, &t.o);
    CHECK_INT(rig_connect(&t.r), ESTLS_OK);
    ftp_rig_copy(&t);
    desc = t.data;
    desc.mux = 1;
    desc.link_id = 0;
    CHECK_INT(estls_open_data(&data, &desc, &t.r.net), ESTLS_E_ARG);
    CHECK_INT(rig_close(&t.r), ESTLS_OK);
    ftp_rig_end(&t);
}

/* The modem has nothing to do: the next command is the caller's. */
static void settle(void)
{
    while (t.r.net.link.op || t.r.net.link.at.head) {
        (void)estls_link_step(&t.r.net.link);
        world_idle(&t.r.w);
    }
}

/* A data session that is closed while it dials leaves no link behind, even if
 * the modem comes through with it later. */
static void closed_while_dialling(int generation)
{
    char fault[32];
    uint32_t commands;
    int i, step;

    login(generation, 0);
    describe();
    settle();
    commands = espat_count(t.r.w.modem, ESPAT_CMD);
    end();
    for (step = 1; step < 40; step += 3) {
        ftp_rig_init(&t, generation, "ec");
        t.r.d.timeout_ms = 60000;
        snprintf(fault, sizeof fault, "late@cmd:%u:12000",
                 (unsigned)commands + 1);
        rig_fault(&t.r, fault);
        CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
        describe();
        settle();
        CHECK_INT(estls_open_data(&data, &desc, &t.r.net), ESTLS_BUSY);
        for (i = 0; i < step; i++) {
            (void)estls_step(&data);
            world_idle(&t.r.w);
        }
        CHECK(close_data(&data) <= 0);
        for (i = 0; i < 20000 && t.r.w.now < 60000; i++) { idle(); }
        describe();
        CHECK_INT(open_data(), ESTLS_OK);
        CHECK_INT(close_data(&data), ESTLS_OK);
        end();
    }
}

/* A modem that others never leave alone is not waited for without end. */
static void never_its_turn(void)
{
    login(2, 0);
    describe();
    settle();
    desc.timeout_ms = 3000;
    t.r.net.link.op = 0xff; /* something is under way, for ever */
    CHECK_INT(open_data(), ESTLS_E_TIMEOUT);
    t.r.net.link.op = 0;
    CHECK_INT(close_data(&data), ESTLS_E_TIMEOUT);
    end();
}

/* A link that opens after its dial has timed out is hung up. */
static void dial_times_out(int generation)
{
    char fault[32];
    uint32_t commands = 0;
    int pass, i;

    for (pass = 0; pass < 2; pass++) {
        ftp_rig_init(&t, generation, "ec");
        t.r.d.timeout_ms = 10000;
        if (pass) {
            snprintf(fault, sizeof fault, "late@cmd:%u:11500",
                     (unsigned)commands + 1);
            rig_fault(&t.r, fault);
        }
        CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
        describe();
        settle();
        commands = espat_count(t.r.w.modem, ESPAT_CMD);
        CHECK_INT(open_data(), pass ? ESTLS_E_TIMEOUT : ESTLS_OK);
        CHECK_INT(close_data(&data), pass ? ESTLS_E_TIMEOUT : ESTLS_OK);
        for (i = 0; i < 500; i++) { idle(); }
        CHECK(t.r.w.server[1] == NULL);
        describe();
        CHECK_INT(open_data(), ESTLS_OK);
        CHECK_INT(close_data(&data), ESTLS_OK);
        end();
    }
}

static void dial_times_out_all(void)
{
    int generation;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        dial_times_out(generation);
    }
}

static void closed_while_dialling_all(void)
{
    int generation;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        closed_while_dialling(generation);
    }
}

/* What a failed session has not read does not hold up the other's end. */
static void control_fails(void)
{
    char reply[256], junk[600];
    int push, i, rc;
    uint32_t t0;

    memset(junk, 'j', sizeof junk);
    for (push = 0; push < 2; push++) {
        login(2, push);
        describe();
        CHECK_INT(open_data(), ESTLS_OK);
        CHECK_INT(rig_say(&t.r, "STOR x\r\n", reply, sizeof reply), ESTLS_OK);
        CHECK_INT(estls_write(&data, junk, 400), 400);
        CHECK_INT(espat_net_data(t.r.w.modem, 0, junk, sizeof junk),
                  sizeof junk);
        for (i = 0, rc = 0; i < 100 && rc == 0; i++) {
            rc = estls_read(&t.r.net, reply, 1);
            world_idle(&t.r.w);
        }
        CHECK_INT(rc, ESTLS_E_VERSION);
        t0 = t.r.w.now;
        CHECK_INT(close_data(&data), ESTLS_OK);
        CHECK(t.r.w.now - t0 < 3000);
        CHECK_INT(rig_close(&t.r), ESTLS_E_VERSION);
        CHECK(ftp_rig_has(&t, "x", junk, 400));
        ftp_rig_end(&t);
    }
}

/* Two handshakes at once over one estls_x509: the first is told, the second
 * has it; nothing is computed with what is left. */
static void shared_x509(void)
{
    int shift, i, rc, rc2, told = 0;

    for (shift = 0; shift < 60; shift += 3) {
        ftp_rig_init(&t, 2, "rsa");
        t.r.d.proto = estls_direct;
        t.r.server.direct = true;
        t.r.server.no_resumption = true;
        t.r.w.host = NULL;
        CHECK_INT(rig_connect(&t.r), ESTLS_OK);
        ftp_rig_copy(&t);
        desc = t.data;
        desc.iobuf = iobuf;
        desc2 = desc;
        desc2.iobuf = iobuf2;
        desc2.link_id = 2;
        rc = estls_open_data(&data, &desc, &t.r.net);
        for (i = 0; i < shift && rc == ESTLS_BUSY; i++) {
            rc = estls_step(&data);
            idle();
        }
        rc2 = estls_open_data(&data2, &desc2, &t.r.net);
        for (i = 0; i < 100000 && (rc == ESTLS_BUSY || rc2 == ESTLS_BUSY);
             i++) {
            if (rc == ESTLS_BUSY) { rc = estls_step(&data); }
            if (rc2 == ESTLS_BUSY) { rc2 = estls_step(&data2); }
            idle();
        }
        CHECK(rc == ESTLS_OK || rc == ESTLS_E_STATE);
        CHECK_INT(rc2, ESTLS_OK);
        told += rc == ESTLS_E_STATE;
        CHECK_INT(close_data(&data), rc);
        CHECK_INT(close_data(&data2), ESTLS_OK);
        CHECK_INT(rig_close(&t.r), ESTLS_OK);
        rig_end(&t.r);
    }
    CHECK(told > 3);
}

/* A modem that takes 2048 bytes although it knows AT+CIPRECVTYPE: the send is
 * tried again in smaller pieces. */
static void less_room_than_thought(void)
{
    static char text[20000];
    char fault[32];
    uint32_t commands;
    size_t off;
    int n, pass;

    commands = 0;
    for (pass = 0; pass < 2; pass++) {
        ftp_rig_init(&t, 3, "ec");
        if (pass) {
            snprintf(fault, sizeof fault, "fail@cmd:%u",
                     (unsigned)commands + 1);
            rig_fault(&t.r, fault);
        }
        CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
        ftp_rig_copy(&t);
        t.data.iobuf_cap = sizeof t.data_iobuf;
        desc = t.data;
        n = ftp_put(&t.f, "x", 0);
        for (off = 0; !off && n == ESTLS_BUSY;) {
            off = ftp_write(&t.f, text, sizeof text);
            if (!off) {
                n = ftp_step(&t.f);
                world_idle(&t.r.w);
            }
        }
        commands = espat_count(t.r.w.modem, ESPAT_CMD);
        CHECK_INT(ftp_rig_upload(&t, n, text + off, sizeof text - off),
                  ESTLS_OK);
        CHECK_INT(t.r.net.link.roomy, !pass);
        CHECK(ftp_rig_has(&t, "x", text, sizeof text));
        end();
    }
}

static unsigned asked, longest;

/* Each send twice, and in halves. */
static uint32_t gate(void *user, estls_gate *ask)
{
    (void)user;
    if (ask->what != ESTLS_GATE_SEND) { return 0; }
    asked++;
    longest = ask->len > longest ? (unsigned)ask->len : longest;
    ask->len = ask->len > 300 ? 300 : ask->len;
    return asked % 2 ? 7 : 0;
}

/* Control's gate is asked for the data's sends, too. */
static void gated(void)
{
    static char text[3000];
    estls_report report;
    int generation;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        asked = 0;
        longest = 0;
        ftp_rig_init(&t, generation, "ec");
        t.r.d.gate = gate;
        CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
        CHECK_INT(ftp_rig_put(&t, "x", text, sizeof text), ESTLS_OK);
        CHECK(ftp_rig_has(&t, "x", text, sizeof text));
        estls_info(&t.r.net, &report);
        CHECK_INT(asked, 2 * report.sends);
        CHECK(longest > 500);
        CHECK(report.sends > 3000 / 300 + 10);
        CHECK_INT(t.ftpd.data_resumed, 1);
        end();
    }
}

/* A gate of the data session's own, that holds one kind of load back. */
static struct {
    uint8_t hold;
    uint32_t ms;
    unsigned times;
    unsigned count[ESTLS_GATE_RESUMED + 1];
} own;

static uint32_t own_gate(void *user, estls_gate *ask)
{
    (void)user;
    own.count[ask->what]++;
    if (ask->what != own.hold || !own.times) { return 0; }
    own.times--;
    ask->reason = ESTLS_TX_DROOP;
    return own.ms;
}

static void own_begin(uint8_t hold, uint32_t ms, unsigned times)
{
    login(2, 0);
    describe();
    memset(&own, 0, sizeof own);
    own.hold = hold;
    own.ms = ms;
    own.times = times;
    desc.gate = own_gate;
}

/* A data link asks for a connection that resumes, and its own gate for that;
 * the sends are the modem's, so control's. */
static void data_links_are_gated(void)
{
    own_begin(ESTLS_GATE_FULL, 0, 0);
    CHECK_INT(open_data(), ESTLS_OK);
    CHECK_INT(own.count[ESTLS_GATE_RESUMED], 1);
    CHECK_INT(own.count[ESTLS_GATE_FULL], 0);
    CHECK_INT(own.count[ESTLS_GATE_SEND], 0);
    CHECK_INT(own.count[ESTLS_GATE_COMPUTE], own.count[ESTLS_GATE_COMPUTED]);
    CHECK_INT(close_data(&data), ESTLS_OK);
    end();
}

/* While a data link waits for the battery, control has a dialogue. */
static void control_goes_on_while_data_waits(void)
{
    char reply[256];
    estls_report report;
    uint32_t t0;
    int i, waits = 0;

    own_begin(ESTLS_GATE_RESUMED, 9000, 1);
    CHECK_INT(estls_open_data(&data, &desc, &t.r.net), ESTLS_BUSY);
    for (i = 0; i < 20 && !own.count[ESTLS_GATE_RESUMED]; i++) {
        CHECK_INT(estls_step(&data), ESTLS_BUSY);
        idle();
    }
    t0 = t.r.w.now;
    for (i = 0; i < 3; i++) {
        CHECK_INT(rig_say(&t.r, "NOOP\r\n", reply, sizeof reply), ESTLS_OK);
        CHECK_INT(estls_step(&data), ESTLS_BUSY);
        estls_info(&data, &report);
        waits += report.wait_ms > 0 && report.reason == ESTLS_TX_DROOP;
        estls_info(&t.r.net, &report);
        CHECK_TEXT(report.doing, "open");
        CHECK_INT(report.wait_ms, 0);
    }
    CHECK_INT(waits, 3);
    CHECK(t.r.w.now - t0 < 9000);
    CHECK_INT(run(&data, ESTLS_BUSY), ESTLS_OK);
    CHECK(t.r.w.now - t0 >= 8900);
    CHECK_INT(close_data(&data), ESTLS_OK);
    end();
}

/* One that may not have a link leaves control alone. */
static void data_ends_for_want_of_power(void)
{
    char reply[256];

    own_begin(ESTLS_GATE_RESUMED, 0, 1);
    own.ms = desc.timeout_ms;
    CHECK_INT(open_data(), ESTLS_E_POWER);
    CHECK_INT(close_data(&data), ESTLS_E_POWER);
    CHECK(rig_zero(iobuf, sizeof iobuf));
    CHECK_INT(rig_say(&t.r, "NOOP\r\n", reply, sizeof reply), ESTLS_OK);
    describe(); /* with no gate */
    CHECK_INT(open_data(), ESTLS_OK);
    CHECK_INT(close_data(&data), ESTLS_OK);
    end();
}

static void data_does_not_wait_without_end(void)
{
    char reply[256];
    uint32_t t0;

    own_begin(ESTLS_GATE_RESUMED, 1000, 1000000);
    t0 = t.r.w.now;
    CHECK_INT(open_data(), ESTLS_E_TIMEOUT);
    CHECK(t.r.w.now - t0 >= desc.timeout_ms);
    CHECK(t.r.w.now - t0 <= desc.timeout_ms + 1000);
    CHECK_INT(close_data(&data), ESTLS_E_TIMEOUT);
    CHECK_INT(rig_say(&t.r, "NOOP\r\n", reply, sizeof reply), ESTLS_OK);
    end();
}

static uint32_t once_ms;

/* One send waits. */
static uint32_t once(void *user, estls_gate *ask)
{
    const uint32_t ms = once_ms;

    (void)user;
    if (ask->what != ESTLS_GATE_SEND) { return 0; }
    once_ms = 0;
    return ms;
}

/* While a send of the data's waits for the battery, control reads on. */
static void control_reads_while_a_send_waits(void)
{
    static const char hello[] = "250 hello\r\n";
    estls_report report;
    char reply[256];
    uint32_t t0;
    int i, n = 0;

    ftp_rig_init(&t, 2, "ec");
    t.r.d.gate = once;
    once_ms = 0;
    CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
    describe();
    CHECK_INT(open_data(), ESTLS_OK);
    CHECK_INT(rig_say(&t.r, "STOR x\r\n", reply, sizeof reply), ESTLS_OK);
    CHECK_INT(estls_write(&t.r.net, "NOOP\r\n", 6), 6);
    CHECK_INT(rig_step(&t.r), ESTLS_OK);
    once_ms = 5000;
    t0 = t.r.w.now;
    CHECK_INT(estls_write(&data, hello, 11), 11);
    for (i = 0; once_ms && i < 50; i++) { (void)estls_step(&data); }
    CHECK_INT(once_ms, 0);
    for (i = 0; n == 0 && i < 200; i++) {
        CHECK_INT(estls_step(&data), ESTLS_BUSY);
        n = estls_read(&t.r.net, reply, sizeof reply);
        world_idle(&t.r.w);
    }
    CHECK(n > 4 && memcmp(reply, "500 ", 4) == 0); /* it knows no NOOP */
    estls_info(&data, &report);
    CHECK_TEXT(report.doing, "waiting for the battery");
    CHECK(report.wait_ms > 0 && report.wait_ms <= 5000);
    CHECK_INT(run(&data, ESTLS_BUSY), ESTLS_OK);
    CHECK(t.r.w.now - t0 >= 5000);
    CHECK_INT(close_data(&data), ESTLS_OK);
    CHECK(ftp_rig_has(&t, "x", hello, 11));
    end();
}

int main(int argc, char **argv)
{
    rig_pki(argc > 1 ? argv[1] : "build/pki");
    RUN(clashes);
    RUN(dials_in_its_turn);
    RUN(shared_buffers);
    RUN(mux_differs);
    RUN(closed_while_dialling_all);
    RUN(dial_times_out_all);
    RUN(never_its_turn);
    RUN(control_fails);
    RUN(shared_x509);
    RUN(less_room_than_thought);
    RUN(gated);
    RUN(data_links_are_gated);
    RUN(control_goes_on_while_data_waits);
    RUN(data_ends_for_want_of_power);
    RUN(data_does_not_wait_without_end);
    RUN(control_reads_while_a_send_waits);
    return check_end();
}

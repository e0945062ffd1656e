/* ftp.c - the FTP client: a control session and its data links, at once.
 * Usage: ftp PKI-DIRECTORY */
#include "ftp_rig.h"

#include "check.h"

#include <stdlib.h>

static ftp_rig t;

static uint8_t binary[100000];

static void make_binary(void)
{
    uint32_t x = 1;
    size_t i;

    for (i = 0; i < sizeof binary; i++) {
        x = x * 1103515245 + 12345;
        binary[i] = (uint8_t)(i < 512 ? i : x >> 16);
    }
}

static void end(void)
{
    CHECK_INT(ftp_rig_close(&t), ESTLS_OK);
    CHECK(ftp_rig_wiped(&t));
    CHECK_INT(t.connects, t.disconnects);
    CHECK(!t.ftpd.ccc);
    ftp_rig_end(&t);
}

/* -- transfers ------------------------------------------------------------- */

static void there_and_back(const char *path, const void *bytes, size_t len)
{
    CHECK_INT(ftp_rig_put(&t, path, bytes, len), ESTLS_OK);
    CHECK(t.f.resumed);
    CHECK(ftp_rig_has(&t, path, bytes, len));
    CHECK_INT(ftp_rig_get(&t, path), ESTLS_OK);
    CHECK(t.f.resumed);
    CHECK_INT(t.got_len, len);
    CHECK(memcmp(t.got, bytes, len) == 0);
    CHECK_INT(ftp_rig_run(&t, ftp_size(&t.f, path)), ESTLS_OK);
    CHECK_INT(t.f.size, len);
}

static void parts_of(const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    const size_t half = len / 2;

    CHECK_INT(ftp_rig_put(&t, "parts", p, half), ESTLS_OK);
    CHECK_INT(
        ftp_rig_upload(&t, ftp_append(&t.f, "parts"), p + half, len - half),
        ESTLS_OK);
    CHECK(ftp_rig_has(&t, "parts", p, len));
    CHECK_INT(ftp_rig_put(&t, "parts", p, half), ESTLS_OK);
    CHECK_INT(
        ftp_rig_upload(&t, ftp_put(&t.f, "parts", half), p + half, len - half),
        ESTLS_OK);
    CHECK(ftp_rig_has(&t, "parts", p, len));
    CHECK_INT(ftp_rig_run(&t, ftp_get(&t.f, "parts", half)), ESTLS_OK);
    CHECK_INT(t.got_len, len - half);
    CHECK(memcmp(t.got, p + half, len - half) == 0);
}

static void lists(void)
{
    CHECK_INT(ftp_rig_run(&t, ftp_list(&t.f, NULL, 1)), ESTLS_OK);
    t.got[t.got_len] = '\0';
    CHECK(strstr((char *)t.got, "empty\r\n") == (char *)t.got);
    CHECK_INT(ftp_rig_run(&t, ftp_list(&t.f, "/", 0)), ESTLS_OK);
    t.got[t.got_len] = '\0';
    CHECK(strstr((char *)t.got, "-rw-r--r-- 1 ftp ftp            1") != NULL);
}

static void transfers(size_t largest)
{
    CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
    there_and_back("empty", "", 0);
    there_and_back("one", "\n", 1);
    there_and_back("with blanks in it", binary, 512);
    there_and_back("large", binary, largest);
    parts_of(binary, 3000);
    lists();
    CHECK_INT(t.ftpd.data_resumed, t.ftpd.data_links);
    CHECK_INT(t.ftpd.data_links, 15);
    end();
}

static void every_way(int generation, uint8_t push)
{
    int full, large;

    for (full = 0; full < 2; full++) {
        for (large = 0; large < 2; large++) {
            ftp_rig_init(&t, generation, full ? "rsa" : "ec");
            t.r.d.push = push;
            if (full) {
                t.r.d.obuf = t.r.obuf;
                t.r.d.obuf_cap = large ? sizeof t.r.obuf : ESTLS_OBUF_MIN;
            }
            if (large) { t.r.d.iobuf_cap = sizeof t.r.iobuf; }
            t.piece = large ? 0 : 700;
            transfers(full == large ? sizeof binary : 9000);
        }
    }
}

static void all_transfers(void)
{
    int generation;

    every_way(RIG_DIRECT, 0);
    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        every_way(generation, 0);
        every_way(generation, 1);
    }
}

/* Bytes one by one, pieces at random, a slow modem, the links swapped. */
static void dribble(void)
{
    int i;

    for (i = 0; i < 8; i++) {
        ftp_rig_init(&t, 1 + i % RIG_GENERATIONS, "ec");
        t.r.modem.seed = (uint32_t)i;
        t.r.modem.chunk = i < 4 ? 1 : 50;
        t.r.modem.random_chunk = i >= 4;
        t.r.modem.delay_ms = i & 1 ? 20 : 0;
        t.r.modem.jitter_ms = 10;
        t.r.modem.urc = i & 1 ? 200 : 0;
        t.r.w.write_max = i & 1 ? 7 : 0;
        t.r.d.push = i & 2 ? 1 : 0;
        t.piece = i & 1 ? 1 : 0;
        if (i & 4) {
            t.r.d.link_id = 4;
            t.link_id = 0;
        }
        transfers(2000);
    }
    ftp_rig_init(&t, RIG_DIRECT, "ec");
    t.r.w.read_max = 1;
    t.r.w.write_max = 1;
    transfers(3000);
}

/* A server that says 150 when the data link is through, one that knows no
 * EPSV, replies of several lines, a server that resumes nothing. */
static void other_servers(void)
{
    static const struct ftpd_answer polite[] = {
        {"EPSV", "500 what?\r\n"},
        {"PASV", "227 Entering Passive Mode (10,9,8,7,@).\r\n"},
        {"230", "230-Welcome\r\n 230 not yet\r\n331 nor this\r\n230-\r\n"
                "230 now\r\n"},
        {"200", "200-a\r\nb\r\n200 c\r\n"},
        {"150", "125 it is open\r\n"},
        {"226", "250 fine\r\n"},
        {NULL, NULL}};
    int generation, i;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        for (i = 0; i < 4; i++) {
            ftp_rig_init(&t, generation, "ec");
            t.r.d.push = i & 1;
            t.o.reply_late = i >= 2;
            t.o.answers = polite;
            transfers(5000);
        }
        ftp_rig_init(&t, generation, "ec");
        t.o.demand_resumption = false;
        t.o.data.no_resumption = true;
        CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
        CHECK_INT(ftp_rig_put(&t, "a", binary, 900), ESTLS_E_TRUST);
        CHECK(!ftp_rig_has(&t, "a", binary, 900));
        t.account.new_sessions = 1;
        CHECK_INT(ftp_rig_put(&t, "a", binary, 900), ESTLS_OK);
        CHECK(ftp_rig_has(&t, "a", binary, 900));
        CHECK(!t.f.resumed);
        end();
    }
}

/* -- refusals and lies ----------------------------------------------------- */

/* After a refusal the client goes on. */
static void refused(void)
{
    int generation;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        ftp_rig_init(&t, generation, "ec");
        CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
        CHECK_INT(ftp_rig_get(&t, "nothing"), ESTLS_E_REFUSED);
        CHECK_TEXT(t.f.reply, "550 no such file");
        CHECK_INT(ftp_step(&t.f), ESTLS_E_REFUSED);
        CHECK_INT(ftp_rig_run(&t, ftp_size(&t.f, "nothing")), ESTLS_E_REFUSED);
        CHECK_INT(ftp_rig_put(&t, "a", "abc", 3), ESTLS_OK);
        CHECK_INT(ftp_rig_run(&t, ftp_get(&t.f, "a", 4)), ESTLS_E_REFUSED);
        CHECK_TEXT(t.f.reply, "551 beyond");
        CHECK_INT(ftp_rig_get(&t, "a"), ESTLS_OK);
        CHECK_INT(t.got_len, 3);
        end();
    }
}

struct lie {
    struct ftpd_answer answer;
    int login, put, get;
};

/* What a server may say, and what comes of it. */
static const struct lie lies[] = {
    {{"PBSZ", "534 no\r\n"}, ESTLS_E_REFUSED, 0, 0},
    {{"PROT", "534 no\r\n"}, ESTLS_E_REFUSED, 0, 0},
    {{"PROT", "200\r\n"}, 0, ESTLS_E_REFUSED, ESTLS_E_REFUSED},
    {{"PROT", "150 go\r\n"}, ESTLS_E_PROTO, 0, 0},
    {{"PROT", "20\r\n"}, ESTLS_E_PROTO, 0, 0},
    {{"PROT", "200x\r\n"}, ESTLS_E_PROTO, 0, 0},
    {{"PROT", "666 x\r\n"}, ESTLS_E_PROTO, 0, 0},
    {{"PROT", "\r\n"}, ESTLS_E_PROTO, 0, 0},
    {{"PROT", "200 a\r\n200 b\r\n"}, ESTLS_E_PROTO, 0, 0},
    {{"PROT", ""}, ESTLS_E_TIMEOUT, 0, 0},
    {{"PROT", "200-a\r\n200-b\r\n"}, ESTLS_E_TIMEOUT, 0, 0},
    {{"PROT", "421 bye\r\n"}, ESTLS_E_REFUSED, 0, 0},
    {{"TLS", "230 in\r\n"}, ESTLS_E_PROTO, 0, 0},
    {{"USER", "332 account\r\n"}, ESTLS_E_REFUSED, 0, 0},
    {{"USER", "530 no\r\n"}, ESTLS_E_REFUSED, 0, 0},
    {{"230", "530 no\r\n"}, ESTLS_E_REFUSED, 0, 0},
    {{"230", "332 account\r\n"}, ESTLS_E_REFUSED, 0, 0},
    {{"TYPE", "504 no\r\n"}, ESTLS_E_REFUSED, 0, 0},
    {{"EPSV", "425 no\r\n"}, 0, ESTLS_E_REFUSED, ESTLS_E_REFUSED},
    {{"EPSV", "229 (|||80|)\r\n"}, 0, ESTLS_E_PROTO, ESTLS_E_PROTO},
    {{"EPSV", "229 (|||3999!)\r\n"}, 0, ESTLS_E_PROTO, ESTLS_E_PROTO},
    {{"EPSV", "229 (|||3999||)\r\n"}, 0, ESTLS_E_PROTO, ESTLS_E_PROTO},
    {{"EPSV", "229 (|||#)\r\n"}, 0, ESTLS_E_PROTO, ESTLS_E_PROTO},
    {{"EPSV", "227 (1,2,3,4,@)\r\n"}, 0, ESTLS_E_PROTO, ESTLS_E_PROTO},
    {{"EPSV", "229 (|||3999|)\r\n"}, 0, ESTLS_E_NETWORK, ESTLS_E_NETWORK},
    {{"EPSV", "421 bye\r\n"}, 0, ESTLS_E_REFUSED, ESTLS_E_REFUSED},
    {{"150", "522 reuse\r\n"}, 0, ESTLS_E_REFUSED, ESTLS_E_REFUSED},
    {{"150", "421 bye\r\n"}, 0, ESTLS_E_REFUSED, ESTLS_E_REFUSED},
    {{"150", "226 done\r\n"}, 0, ESTLS_E_PROTO, ESTLS_E_PROTO},
    {{"150", "200 ok\r\n"}, 0, ESTLS_E_PROTO, ESTLS_E_PROTO},
    {{"150", "350 ok\r\n"}, 0, ESTLS_E_PROTO, ESTLS_E_PROTO},
    {{"150", "150 a\r\n150 b\r\n"}, 0, ESTLS_E_PROTO, ESTLS_E_PROTO},
    {{"150", "150 a\r\n226 b\r\n"}, 0, ESTLS_E_PROTO, ESTLS_E_PROTO},
    {{"150", "150 a\r\n426 b\r\n"}, 0, ESTLS_E_REFUSED, ESTLS_E_REFUSED},
    {{"150", ""}, 0, ESTLS_E_TIMEOUT, ESTLS_E_PROTO},
    {{"150", "150 a\r\n250 b\r\n"}, 0, ESTLS_E_PROTO, ESTLS_E_PROTO},
    {{"226", ""}, 0, ESTLS_E_TIMEOUT, ESTLS_E_TIMEOUT},
    {{"226", "426 broken\r\n"}, 0, ESTLS_E_REFUSED, ESTLS_E_REFUSED},
    {{"226", "552 full\r\n"}, 0, ESTLS_E_REFUSED, ESTLS_E_REFUSED},
    {{"226", "421 bye\r\n"}, 0, ESTLS_E_REFUSED, ESTLS_E_REFUSED},
    {{"226", "150 again\r\n"}, 0, ESTLS_E_PROTO, ESTLS_E_PROTO},
    {{"226", "200 fine\r\n"}, 0, ESTLS_E_PROTO, ESTLS_E_PROTO},
    {{"226", "226-a\r\n226-b\r\n"}, 0, ESTLS_E_TIMEOUT, ESTLS_E_TIMEOUT},
};

/* In a new world each: what comes of a login, and of one transfer. */
static void tell_lie(int generation, uint8_t push, const struct lie *lie)
{
    struct ftpd_answer answers[2] = {lie->answer, {NULL, NULL}};
    int upload;

    for (upload = 0; upload < 2; upload++) {
        ftp_rig_init(&t, generation, "ec");
        t.r.d.push = push;
        t.o.answers = answers;
        ftp_rig_file(&t, "a", binary, 2000);
        CHECK_INT(ftp_rig_login(&t), lie->login);
        if (lie->login == 0 && upload) {
            CHECK_INT(ftp_rig_put(&t, "b", binary, 2000), lie->put);
        } else if (lie->login == 0) {
            CHECK_INT(ftp_rig_get(&t, "a"), lie->get);
        } else {
            CHECK_INT(t.ftpd.data_links, 0);
            CHECK_INT(ftp_put(&t.f, "a", 0), lie->login);
        }
        (void)ftp_rig_close(&t);
        CHECK(ftp_rig_wiped(&t));
        CHECK_INT(t.connects, t.disconnects);
        ftp_rig_end(&t);
    }
}

static void all_lies(void)
{
    size_t i;
    int generation;

    for (i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        check_note = lies[i].answer.say;
        for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
            tell_lie(generation, 0, &lies[i]);
            if (generation) { tell_lie(generation, 1, &lies[i]); }
        }
    }
}

/* -- arguments ------------------------------------------------------------- */

static void bad_paths(void)
{
    static char longest[472];
    static const char *const bad[] = {"",     "a\rb", "a\nb",    "a\r\nDELE b",
                                      "a\tb", "\x7f", "\x1b[2J", "a\xff b"};
    unsigned commands;
    size_t i;

    ftp_rig_init(&t, RIG_DIRECT, "ec");
    CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
    commands = t.ftpd.commands;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_INT(ftp_put(&t.f, bad[i], 0), ESTLS_E_ARG);
        CHECK_INT(ftp_append(&t.f, bad[i]), ESTLS_E_ARG);
        CHECK_INT(ftp_get(&t.f, bad[i], 0), ESTLS_E_ARG);
        CHECK_INT(ftp_size(&t.f, bad[i]), ESTLS_E_ARG);
        CHECK_INT(ftp_list(&t.f, bad[i], 0), ESTLS_E_ARG);
    }
    CHECK_INT(ftp_put(&t.f, NULL, 0), ESTLS_E_ARG);
    CHECK_INT(ftp_append(&t.f, NULL), ESTLS_E_ARG);
    CHECK_INT(ftp_get(&t.f, NULL, 0), ESTLS_E_ARG);
    CHECK_INT(ftp_size(&t.f, NULL), ESTLS_E_ARG);
    CHECK_INT(ftp_list(&t.f, "-la", 0), ESTLS_E_ARG);
    memset(longest, 'x', sizeof longest - 1);
    CHECK_INT(ftp_put(&t.f, longest, 0), ESTLS_E_ARG);
    CHECK_INT(ftp_step(&t.f), ESTLS_OK);
    CHECK_INT(t.ftpd.commands, commands);
    longest[470] = '\0';
    CHECK_INT(ftp_rig_put(&t, longest, "x", 1), ESTLS_OK);
    CHECK_INT(ftp_rig_put(&t,
                          "gr\xc3\xbc\xc3\x9f"
                          "e",
                          "x", 1),
              ESTLS_OK);
    end();
}

static void bad_accounts(void)
{
    static char too_long[600];
    ftp_account a;

    memset(too_long, 'x', sizeof too_long - 1);
    ftp_rig_init(&t, RIG_DIRECT, "ec");
    CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
    CHECK_INT(ftp_rig_close(&t), ESTLS_OK);
#define BAD(change)                                                            \
    do {                                                                       \
        a = t.account;                                                         \
        change;                                                                \
        CHECK_INT(ftp_open(&t.f, &t.r.net, &a), ESTLS_E_ARG);                  \
        CHECK_INT(ftp_step(&t.f), ESTLS_E_ARG);                                \
        CHECK_INT(ftp_put(&t.f, "a", 0), ESTLS_E_ARG);                         \
        CHECK_INT(ftp_close(&t.f), ESTLS_E_ARG);                               \
    } while (0)
    BAD(a.user = "a\r\nPROT C");
    BAD(a.user = "");
    BAD(a.user = too_long);
    BAD(a.password = "a\nb");
    BAD(a.password = too_long);
    BAD(a.data = NULL);
    BAD(a.connect = NULL);
#undef BAD
    ftp_rig_end(&t);
}

static void wrong_order(void)
{
    char byte;

    ftp_rig_init(&t, RIG_DIRECT, "ec");
    CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
    CHECK_INT(ftp_write(&t.f, "x", 1), 0);
    CHECK_INT(ftp_read(&t.f, &byte, 1), 0);
    CHECK_INT(ftp_put(&t.f, "a", 0), ESTLS_BUSY);
    CHECK_INT(ftp_put(&t.f, "b", 0), ESTLS_E_STATE);
    CHECK_INT(ftp_get(&t.f, "b", 0), ESTLS_E_STATE);
    CHECK_INT(ftp_read(&t.f, &byte, 1), 0);
    CHECK_INT(ftp_rig_upload(&t, ESTLS_BUSY, "x", 1), ESTLS_OK);
    CHECK(ftp_rig_has(&t, "a", "x", 1));
    end();
    CHECK_INT(ftp_put(&t.f, "a", 0), ESTLS_E_STATE);
}

/* Names without an account, too. */
static void anonymous(void)
{
    ftp_rig_init(&t, RIG_DIRECT, "ec");
    t.r.server.user = "anonymous";
    t.r.server.password = "ftp@";
    t.account.user = NULL;
    t.account.password = NULL;
    CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
    end();
    ftp_rig_init(&t, RIG_DIRECT, "ec");
    t.account.password = "wrong";
    CHECK_INT(ftp_rig_login(&t), ESTLS_E_REFUSED);
    CHECK_TEXT(t.f.reply, "530 wrong");
    (void)ftp_rig_close(&t);
    CHECK(ftp_rig_wiped(&t));
    ftp_rig_end(&t);
}

/* -- estls_open_data by itself --------------------------------------------- */

static estls second;

static int open_second(void)
{
    return estls_open_data(&second, &t.data, &t.r.net);
}

static void begin_second(int generation)
{
    ftp_rig_init(&t, generation, "ec");
    CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
    ftp_rig_copy(&t);
    t.data.connect_port = 40000;
}

static void data_errors(int generation)
{
    br_x509_trust_anchor none;

#define WRONG(change, error)                                                   \
    do {                                                                       \
        ftp_rig_copy(&t);                                                      \
        t.data.connect_port = 40000;                                           \
        change;                                                                \
        CHECK_INT(open_second(), error);                                       \
        CHECK_INT(estls_step(&second), ESTLS_E_STATE);                         \
    } while (0)
    begin_second(generation);
    memset(&none, 0, sizeof none);
    WRONG(t.data.iobuf = t.r.d.iobuf, ESTLS_E_ARG);
    WRONG(t.data.iobuf = NULL, ESTLS_E_ARG);
    WRONG(t.data.iobuf_cap = ESTLS_IOBUF_MIN - 1, ESTLS_E_SPACE);
    WRONG(t.data.no_modem = !t.data.no_modem, ESTLS_E_ARG);
    WRONG(t.data.host = "other.example.test", ESTLS_E_TRUST);
    WRONG(t.data.port = 990, ESTLS_E_TRUST);
    WRONG(t.data.proto = estls_smtp, ESTLS_E_TRUST);
    WRONG((t.data.anchors = &none, t.data.anchor_count = 0), ESTLS_E_TRUST);
    WRONG(t.data.trust = NULL, ESTLS_E_TRUST);
    WRONG(t.data.host = NULL, ESTLS_E_NAME);
    WRONG(t.r.unix_time = 1, ESTLS_E_CLOCK);
    t.r.unix_time = RIG_UNIX_TIME;
    if (generation) {
        WRONG(t.data.link_id = t.r.d.link_id, ESTLS_E_ARG);
        WRONG(t.data.link_id = ESTLS_LINKS, ESTLS_E_ARG);
        WRONG(t.data.mux = 0, ESTLS_E_ARG);
    }
    end();
    CHECK_INT(open_second(), ESTLS_E_STATE); /* control is closed */
    memset(&t.r.net, 0, sizeof t.r.net);
    CHECK_INT(open_second(), ESTLS_E_STATE);
#undef WRONG
}

static void all_data_errors(void)
{
    int generation;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        data_errors(generation);
    }
    /* control is not in TLS yet */
    ftp_rig_init(&t, RIG_DIRECT, "ec");
    t.o.control = t.r.server;
    ftpd_init(&t.ftpd, &t.o);
    world_open(&t.r.w, NULL, &t.r.server);
    t.r.d.uart = t.r.w.uart;
    ftp_rig_copy(&t);
    CHECK_INT(estls_open(&t.r.net, &t.r.d), ESTLS_BUSY);
    CHECK_INT(open_second(), ESTLS_E_STATE);
    CHECK_INT(rig_close(&t.r), ESTLS_OK);
    ftp_rig_end(&t);
}

/* -- estls_ftp_port -------------------------------------------------------- */

static const struct {
    const char *reply;
    int rc;
    uint16_t port;
} port_replies[] = {
    {"229 Entering Extended Passive Mode (|||40001|)", 0, 40001},
    {"229 (|||1024|)", 0, 1024},
    {"229 (|||65535|)", 0, 65535},
    {"229 (!!!1024!)", 0, 1024},
    {"229 (|||0001024|)", 0, 1024},
    {"229 (|||1024|) and more (|||80|)", 0, 1024},
    {"229 (|||0|)", ESTLS_E_PROTO, 0},
    {"229 (|||80|)", ESTLS_E_PROTO, 0},
    {"229 (|||1023|)", ESTLS_E_PROTO, 0},
    {"229 (|||65536|)", ESTLS_E_PROTO, 0},
    {"229 (|||66560|)", ESTLS_E_PROTO, 0},
    {"229 (|||4294968320|)", ESTLS_E_PROTO, 0},
    {"229 (|||18446744073709552640|)", ESTLS_E_PROTO, 0},
    {"229 (|||00000000000000001024|)", 0, 1024},
    {"229 (|||-1024|)", ESTLS_E_PROTO, 0},
    {"229 (|||+1024|)", ESTLS_E_PROTO, 0},
    {"229 (||| 1024|)", ESTLS_E_PROTO, 0},
    {"229 (|||1024 |)", ESTLS_E_PROTO, 0},
    {"229 (|||0x400|)", ESTLS_E_PROTO, 0},
    {"229 (||||)", ESTLS_E_PROTO, 0},
    {"229 (|||1024)", ESTLS_E_PROTO, 0},
    {"229 (|||1024|", ESTLS_E_PROTO, 0},
    {"229 (|||1024", ESTLS_E_PROTO, 0},
    {"229 |||1024|)", ESTLS_E_PROTO, 0},
    {"229 (||1024|)", ESTLS_E_PROTO, 0},
    {"229 (|!|1024|)", ESTLS_E_PROTO, 0},
    {"229 (|||1024!)", ESTLS_E_PROTO, 0},
    {"229 (|2|::1|1024|)", ESTLS_E_PROTO, 0},
    {"229 (|1|10.0.0.1|1024|)", ESTLS_E_PROTO, 0},
    {"229 (", ESTLS_E_PROTO, 0},
    {"229", ESTLS_E_PROTO, 0},
    {"", ESTLS_E_PROTO, 0},
    {"2290 (|||1024|)", ESTLS_E_PROTO, 0},
    {"228 (|||1024|)", ESTLS_E_PROTO, 0},
    {"200 (|||1024|)", ESTLS_E_PROTO, 0},
    {"150 (|||1024|)", ESTLS_E_PROTO, 0},
    {"421 (|||1024|)", ESTLS_E_REFUSED, 0},
    {"500 (|||1024|)", ESTLS_E_REFUSED, 0},
    {"522 use PASV", ESTLS_E_REFUSED, 0},
    {"227 Entering Passive Mode (10,9,8,7,156,65).", 0, 40001},
    {"227 (0,0,0,0,4,0)", 0, 1024},
    {"227 (255,255,255,255,255,255)", 0, 65535},
    {"227 (10,9,8,7,3,255)", ESTLS_E_PROTO, 0},
    {"227 (10,9,8,7,0,21)", ESTLS_E_PROTO, 0},
    {"227 (10,9,8,7,256,0)", ESTLS_E_PROTO, 0},
    {"227 (10,9,8,7,4,256)", ESTLS_E_PROTO, 0},
    {"227 (256,9,8,7,4,0)", ESTLS_E_PROTO, 0},
    {"227 (10,9,8,7,4)", ESTLS_E_PROTO, 0},
    {"227 (10,9,8,7,4,0,1)", ESTLS_E_PROTO, 0},
    {"227 (10,9,8,7,4,-1)", ESTLS_E_PROTO, 0},
    {"227 (10,9,8,7,4,)", ESTLS_E_PROTO, 0},
    {"227 (10, 9,8,7,4,0)", ESTLS_E_PROTO, 0},
    {"227 (10,9,8,7,4,0", ESTLS_E_PROTO, 0},
    {"227 10,9,8,7,4,0", ESTLS_E_PROTO, 0},
    {"227 ()", ESTLS_E_PROTO, 0},
    {"227 (,,,,,)", ESTLS_E_PROTO, 0},
    {"227 (|||1024|)", ESTLS_E_PROTO, 0},
    {"229 (10,9,8,7,4,0)", ESTLS_E_PROTO, 0},
    {"227 (99999999999999999999,9,8,7,4,0)", ESTLS_E_PROTO, 0}};

static void ports(void)
{
    size_t i, n;
    uint16_t port;

    for (i = 0; i < sizeof port_replies / sizeof port_replies[0]; i++) {
        check_note = port_replies[i].reply;
        port = 0;
        n = strlen(port_replies[i].reply);
        CHECK_INT(estls_ftp_port(port_replies[i].reply, n, &port),
                  port_replies[i].rc);
        CHECK_INT(port, port_replies[i].port);
    }
}

/* Each beginning of a reply, in memory that ends where it does. */
static void port_prefixes(void)
{
    static const char *const replies[] = {"229 (|||40001|)",
                                          "227 (10,9,8,7,156,65)", "500 what"};
    uint16_t port;
    size_t i, n;
    char *copy;

    for (i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        for (n = 0; n < strlen(replies[i]); n++) {
            copy = malloc(n + 1);
            memcpy(copy + 1, replies[i], n);
            CHECK(estls_ftp_port(copy + 1, n, &port) < 0);
            free(copy);
        }
    }
}

/* -- interruptions --------------------------------------------------------- */

enum { DEADLINE_MS = 120000 };

/* One upload and one download, of which something goes wrong. */
static void interrupted(void)
{
    uint32_t t0;
    int rc, closed;

    ftp_rig_file(&t, "down", binary, 4000);
    rc = ftp_rig_login(&t);
    t0 = t.r.w.now;
    if (rc == ESTLS_OK) {
        rc = ftp_rig_put(&t, "up", binary, 4000);
        CHECK(rc != ESTLS_OK || ftp_rig_has(&t, "up", binary, 4000));
    }
    if (rc == ESTLS_OK) {
        rc = ftp_rig_get(&t, "down");
        CHECK(rc != ESTLS_OK ||
              (t.got_len == 4000 && memcmp(t.got, binary, 4000) == 0));
    }
    CHECK(rc <= 0);
    CHECK(t.r.w.now - t0 <= DEADLINE_MS);
    t0 = t.r.w.now;
    closed = ftp_rig_close(&t);
    CHECK(closed <= 0);
    CHECK(t.r.w.now - t0 <= DEADLINE_MS);
    CHECK(ftp_rig_wiped(&t));
    CHECK_INT(t.connects, t.disconnects);
    CHECK(!world_heard(&t.r.w, "PASS") && !world_heard(&t.r.w, "STOR"));
    ftp_rig_end(&t);
}

static uint32_t random_state = 7;

static uint32_t dice(uint32_t n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % n;
}

static void begin_any(int i)
{
    ftp_rig_init(&t, i % (RIG_GENERATIONS + 1), "ec");
    t.r.d.push = (uint8_t)dice(2);
    t.piece = dice(2) ? 0 : 1 + dice(900);
    if (dice(2)) {
        t.r.d.obuf = t.r.obuf;
        t.r.d.obuf_cap = sizeof t.r.obuf;
    }
}

/* The stream falls silent, or fails, at any point. */
static void silences(void)
{
    int i;

    for (i = 0; i < 160; i++) {
        begin_any(i);
        if (dice(2)) {
            t.r.w.cut_rx = 1 + dice(13000);
        } else {
            t.r.w.fail_call = 1 + dice(3000);
        }
        interrupted();
    }
}

/* The modem does something else, at any point. */
static void modem_faults(void)
{
    static const char *const faults[] = {
        "reset@tx:%u",    "reset@rx:%u",    "closed@tx:%u:0",
        "closed@tx:%u:1", "closed@rx:%u:0", "closed@rx:%u:1",
        "wifi@rx:%u",     "hang@tx:%u",     "urc@rx:%u"};
    static const char *const sends[] = {"fail@send:%u", "mute@send:%u",
                                        "fail@open:%u", "mute@prompt:%u",
                                        "lie@ipd:%u",   "short@ipd:%u"};
    char text[32];
    int i;

    for (i = 0; i < 240; i++) {
        begin_any(i);
        if (!t.r.modem.generation) { continue; }
        if (dice(3)) {
            snprintf(text, sizeof text, faults[dice(9)], 1 + dice(9000));
        } else {
            snprintf(text, sizeof text, sends[dice(6)], 1 + dice(25));
        }
        check_note = text;
        rig_fault(&t.r, text);
        interrupted();
    }
}

/* The server cuts, stalls or garbles a data link, or control. */
static void server_faults(void)
{
    int i;

    for (i = 0; i < 240; i++) {
        struct smtpd_options *o;
        begin_any(i);
        o = dice(2) ? &t.o.data : &t.r.server;
        o->fault = (enum smtpd_fault)(1 + dice(3));
        o->fault_stream = SMTPD_TLS;
        o->fault_at = 1 + dice(dice(2) ? 300 : 5000);
        interrupted();
    }
}

/* Who is not the server is not believed, whatever the server says of it. */
static void another_server(void)
{
    int generation;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        ftp_rig_init(&t, generation, "ec");
        ftp_rig_file(&t, "a", binary, 2000);
        t.o.demand_resumption = false;
        rig_certificate(&t.r, "rogue");
        t.o.data = t.r.server;
        t.o.data.no_resumption = true;
        rig_certificate(&t.r, "ec");
        CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
        CHECK_INT(ftp_rig_get(&t, "a"), ESTLS_E_TRUST);
        CHECK_INT(strncmp(t.f.reply, "426", 3), 0);
        CHECK_INT(t.got_len, 0);
        CHECK_INT(ftp_rig_put(&t, "b", binary, 2000), ESTLS_E_TRUST);
        CHECK(ftp_rig_has(&t, "b", "", 0));
        end();
    }
}

/* What is asked once is not asked again, and the password is forgotten. */
static void few_words(void)
{
    static const struct ftpd_answer old[] = {{"EPSV", "500 what?\r\n"},
                                             {NULL, NULL}};
    unsigned before;

    ftp_rig_init(&t, RIG_DIRECT, "ec");
    t.o.answers = old;
    CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
    CHECK(rig_zero(t.f.out, sizeof t.f.out));
    before = t.ftpd.commands;
    CHECK_INT(ftp_rig_put(&t, "a", "a", 1), ESTLS_OK);
    CHECK_INT(t.ftpd.commands - before, 3);
    CHECK_INT(ftp_rig_put(&t, "a", "a", 1), ESTLS_OK);
    CHECK_INT(t.ftpd.commands - before, 5);
    end();
}

/* The files are through: a server that says nothing to QUIT takes nothing
 * back. */
static void no_goodbye(void)
{
    static const struct ftpd_answer mute[] = {{"QUIT", ""}, {NULL, NULL}};
    int generation;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        ftp_rig_init(&t, generation, "ec");
        t.o.answers = mute;
        CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
        CHECK_INT(ftp_rig_put(&t, "a", "a", 1), ESTLS_OK);
        end();
        CHECK_INT(ftp_close(&t.f), ESTLS_OK);
    }
}

/* -- half a file ----------------------------------------------------------- */

/* The server cuts a download: 226 does not make it whole. */
static void cut_downloads(void)
{
    int generation;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        ftp_rig_init(&t, generation, "ec");
        ftp_rig_file(&t, "a", binary, 3000);
        t.o.data.fault = SMTPD_CUT;
        t.o.data.fault_stream = SMTPD_APPLICATION;
        t.o.data.fault_at = 1500;
        CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
        CHECK_INT(ftp_rig_get(&t, "a"), ESTLS_E_TRUNCATED);
        CHECK_INT(strncmp(t.f.reply, "226", 3), 0);
        CHECK(t.got_len <= 1500 && memcmp(t.got, binary, t.got_len) == 0);
        t.o.data.fault = SMTPD_NO_FAULT;
        t.o.data.no_close_notify = true;
        CHECK_INT(ftp_rig_get(&t, "a"), ESTLS_E_TRUNCATED);
        t.o.data.no_close_notify = false;
        CHECK_INT(ftp_rig_get(&t, "a"), ESTLS_OK); /* control is fine */
        end();
    }
}

static void cut_uploads(void)
{
    int generation;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        ftp_rig_init(&t, generation, "ec");
        t.o.cut_upload_at = 2000;
        CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
        CHECK_INT(ftp_rig_put(&t, "a", binary, 9000), ESTLS_E_REFUSED);
        CHECK_INT(strncmp(t.f.reply, "426", 3), 0);
        t.o.cut_upload_at = 0;
        CHECK_INT(ftp_rig_run(&t, ftp_size(&t.f, "a")), ESTLS_OK);
        CHECK_INT(t.f.size, 2000);
        CHECK_INT(ftp_rig_upload(&t, ftp_put(&t.f, "a", t.f.size),
                                 binary + 2000, 7000),
                  ESTLS_OK);
        CHECK(ftp_rig_has(&t, "a", binary, 9000));
        end();
    }
}

/* The server says nothing of a link that has broken: that is soon over. */
static void cut_and_mute(void)
{
    static const struct ftpd_answer mute[] = {{"226", ""}, {NULL, NULL}};
    uint32_t t0;
    int generation;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        ftp_rig_init(&t, generation, "ec");
        ftp_rig_file(&t, "a", binary, 3000);
        t.o.answers = mute;
        t.o.data.no_close_notify = true;
        CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
        t0 = t.r.w.now;
        CHECK_INT(ftp_rig_get(&t, "a"), ESTLS_E_TRUNCATED);
        CHECK(t.r.w.now - t0 < 15000);
        (void)ftp_rig_close(&t);
        CHECK(ftp_rig_wiped(&t));
        ftp_rig_end(&t);
    }
}

/* An upload that is given up must not look like a whole one. */
static void given_up(int generation, uint8_t push)
{
    size_t sent = 0;

    ftp_rig_init(&t, generation, "ec");
    t.r.d.push = push;
    CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
    CHECK_INT(ftp_put(&t.f, "a", 0), ESTLS_BUSY);
    while (sent < 3000) {
        sent += ftp_write(&t.f, binary + sent, 3000 - sent);
        CHECK_INT(ftp_step(&t.f), ESTLS_BUSY);
        world_idle(&t.r.w);
    }
    while (ftp_close(&t.f) == ESTLS_BUSY) { world_idle(&t.r.w); }
    CHECK(t.ftpd.transfer == FTPD_NONE);
    CHECK(t.ftpd.data == NULL);
    CHECK(!t.ftpd.stored);
    (void)rig_close(&t.r);
    CHECK(ftp_rig_wiped(&t));
    CHECK_INT(t.connects, t.disconnects);
    ftp_rig_end(&t);
}

static void all_given_up(void)
{
    int generation;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        given_up(generation, 0);
        if (generation) { given_up(generation, 1); }
    }
}

/* One that does so before our first command: if that is on its way, it may be
 * all that is seen to fail. */
static void early_goodbye(void)
{
    static const struct ftpd_answer bye[] = {{"TLS", "421 bye\r\n"},
                                             {NULL, NULL}};
    int generation, rc;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        ftp_rig_init(&t, generation, "ec");
        t.o.answers = bye;
        rc = ftp_rig_login(&t);
        CHECK(rc == ESTLS_E_REFUSED ||
              (generation && (rc == ESTLS_E_NETWORK || rc == ESTLS_E_CLOSED ||
                              rc == ESTLS_E_TRUNCATED)));
        CHECK_INT(ftp_put(&t.f, "a", 0), rc);
        CHECK_INT(t.ftpd.data_links, 0);
        (void)ftp_rig_close(&t);
        CHECK(ftp_rig_wiped(&t));
        ftp_rig_end(&t);
    }
}

/* A server that says goodbye between two transfers is heard. */
static void idle_goodbye(void)
{
    int generation, i;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        ftp_rig_init(&t, generation, "ec");
        CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
        smtpd_reply(t.ftpd.control, "421 idle\r\n", 10);
        smtpd_close(t.ftpd.control);
        for (i = 0; i < 3000 && ftp_step(&t.f) == ESTLS_OK; i++) {
            world_idle(&t.r.w);
        }
        CHECK_INT(ftp_step(&t.f), ESTLS_E_REFUSED);
        CHECK_TEXT(t.f.reply, "421 idle");
        CHECK_INT(ftp_put(&t.f, "a", 0), ESTLS_E_REFUSED);
        (void)ftp_rig_close(&t);
        ftp_rig_end(&t);
    }
}

static int refuse_links;

static int refused_link(void *user, uint16_t port, estls_io *io)
{
    ftp_rig *it = user;

    it->connects++;
    if (refuse_links) {
        refuse_links = 0;
        return ESTLS_E_NETWORK;
    }
    return world_connect(&it->r.w, 1, port, io) ? ESTLS_OK : ESTLS_E_NETWORK;
}

/* A REST that no transfer has used is taken back before the next one. */
static void unused_rest(void)
{
    ftp_rig_init(&t, RIG_DIRECT, "ec");
    ftp_rig_file(&t, "a", binary, 3000);
    ftp_rig_file(&t, "b", binary, 3000);
    CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
    refuse_links = 1;
    t.account.connect = refused_link;
    CHECK_INT(ftp_rig_run(&t, ftp_get(&t.f, "a", 1000)), ESTLS_E_NETWORK);
    CHECK_INT(ftp_rig_get(&t, "b"), ESTLS_OK);
    CHECK_INT(t.got_len, 3000);
    refuse_links = 1;
    CHECK_INT(ftp_rig_upload(&t, ftp_put(&t.f, "a", 1000), "xyz", 3),
              ESTLS_E_NETWORK);
    CHECK_INT(ftp_rig_put(&t, "c", "xyz", 3), ESTLS_OK);
    CHECK(ftp_rig_has(&t, "c", "xyz", 3));
    CHECK(ftp_rig_has(&t, "a", binary, 3000));
    end();
}

/* Slow sends at the end of an upload are no reason to cut it. */
static void slow_end(void)
{
    int generation;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        ftp_rig_init(&t, generation, "ec");
        t.r.modem.delay_ms = 500;
        CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
        ftp_rig_copy(&t);
        t.data.iobuf_cap = sizeof t.data_iobuf;
        CHECK_INT(ftp_rig_put(&t, "a", binary, sizeof binary), ESTLS_OK);
        CHECK(ftp_rig_has(&t, "a", binary, sizeof binary));
        end();
    }
}

/* What is broken off is not OK, wherever it was. */
static void broken_off(void)
{
    int step, i, rc;

    for (step = 0; step < 400; step += 3) {
        ftp_rig_init(&t, step % 2 ? 2 : RIG_DIRECT, "ec");
        CHECK_INT(ftp_rig_login(&t), ESTLS_OK);
        rc = ftp_put(&t.f, "a", 0);
        for (i = 0; i < step && rc == ESTLS_BUSY; i++) {
            (void)ftp_write(&t.f, "x", 1);
            rc = ftp_step(&t.f);
            world_idle(&t.r.w);
        }
        CHECK_INT(rc, ESTLS_BUSY);
        while ((rc = ftp_close(&t.f)) == ESTLS_BUSY) { world_idle(&t.r.w); }
        CHECK_INT(rc, ESTLS_E_STATE);
        CHECK_INT(ftp_step(&t.f), ESTLS_E_STATE);
        CHECK_INT(t.ftpd.stored, 0);
        end();
    }
}

static void control_not_open(void)
{
    static estls never;

    ftp_rig_init(&t, RIG_DIRECT, "ec");
    CHECK_INT(ftp_open(&t.f, &never, &t.account), ESTLS_E_STATE);
    CHECK_INT(ftp_step(&t.f), ESTLS_E_STATE);
    CHECK_INT(ftp_close(&t.f), ESTLS_E_STATE);
}

int main(int argc, char **argv)
{
    rig_pki(argc > 1 ? argv[1] : "build/pki");
    make_binary();
    RUN(all_transfers);
    RUN(dribble);
    RUN(other_servers);
    RUN(refused);
    RUN(all_lies);
    RUN(bad_paths);
    RUN(bad_accounts);
    RUN(wrong_order);
    RUN(anonymous);
    RUN(all_data_errors);
    RUN(ports);
    RUN(port_prefixes);
    RUN(silences);
    RUN(modem_faults);
    RUN(server_faults);
    RUN(another_server);
    RUN(few_words);
    RUN(no_goodbye);
    RUN(cut_downloads);
    RUN(cut_and_mute);
    RUN(unused_rest);
    RUN(slow_end);
    RUN(broken_off);
    RUN(control_not_open);
    RUN(cut_uploads);
    RUN(all_given_up);
    RUN(early_goodbye);
    RUN(idle_goodbye);
    return check_end();
}

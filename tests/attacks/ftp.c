/* ftp.c - FTP: a control session and its data links. */
#include "attacks.h"

#include "ftp_rig.h"

static ftp_rig t;

static const char content[] = "hunter2-file: nobody shall read this\n";

enum { CONTENT = sizeof content - 1 };

/* A well-behaved server at the end of the road. */
static void begin(int road, const char *note, const struct ftpd_answer *answers)
{
    attack_begin(road, &peers[FTP], note);
    ftp_rig_init(&t, r.modem.generation, "ec");
    t.r.d.push = r.d.push;
    t.r.modem = r.modem;
    t.r.w.read_max = r.w.read_max;
    t.o.answers = answers;
    ftp_rig_file(&t, "secret", content, CONTENT);
}

/* Neither commands, nor the password, nor a file. */
static int was_heard(void)
{
    return world_heard(&t.r.w, "PASS") || world_heard(&t.r.w, "PROT") ||
           world_heard(&t.r.w, "hunter2") || world_heard(&t.r.w, rig_secret);
}

static void end(void)
{
    (void)ftp_rig_close(&t);
    REQUIRE(!was_heard());
    REQUIRE(!t.ftpd.ccc);
    REQUIRE(ftp_rig_wiped(&t));
    REQUIRE(t.connects == t.disconnects);
    ftp_rig_end(&t);
}

/* The session ends in the login, and no data link is ever opened. */
static void login_fails(const struct ftpd_answer *answers, uint32_t want)
{
    int road;

    for (road = 0; road < ROADS; road++) {
        begin(road, answers->say, answers);
        attack_got(ftp_rig_login(&t), want);
        REQUIRE(ftp_put(&t.f, "secret", 0) < 0);
        REQUIRE(t.ftpd.data_links == 0 && t.ftpd.port == 0);
        REQUIRE(t.r.w.connections == 1);
        end();
    }
}

static void get_fails(uint32_t want)
{
    REQUIRE(ftp_rig_login(&t) == ESTLS_OK);
    attack_got(ftp_rig_get(&t, "secret"), want);
    end();
}

static void put_fails(uint32_t want)
{
    REQUIRE(ftp_rig_login(&t) == ESTLS_OK);
    attack_got(ftp_rig_put(&t, "up", content, CONTENT), want);
    end();
}

static void both_fail(const struct ftpd_answer *answers, uint32_t want)
{
    int road;

    for (road = 0; road < ROADS; road++) {
        begin(road, answers->say, answers);
        get_fails(want);
        begin(road, answers->say, answers);
        put_fails(want);
    }
}

static void works(void)
{
    int rc = ftp_rig_login(&t);

    rc = rc ? rc : ftp_rig_put(&t, "up", content, CONTENT);
    rc = rc ? rc : ftp_rig_get(&t, "secret");
    attack_got(rc, OK);
    REQUIRE(ftp_rig_has(&t, "up", content, CONTENT));
    REQUIRE(t.got_len == CONTENT && memcmp(t.got, content, CONTENT) == 0);
    end();
}

static void case_45_no_protection(void)
{
    static const struct ftpd_answer refused[][2] = {
        {{"PROT", "534 no\r\n"}, {NULL, NULL}},
        {{"PROT", "536 no\r\n"}, {NULL, NULL}},
        {{"PROT", "431 no\r\n"}, {NULL, NULL}},
        {{"PROT", "534-no\r\n200 but\r\n534 no\r\n"}, {NULL, NULL}},
        {{"PBSZ", "534 no\r\n"}, {NULL, NULL}},
        {{"PBSZ", "503 no\r\n"}, {NULL, NULL}}};
    size_t i;

    for (i = 0; i < COUNT(refused); i++) {
        login_fails(refused[i], ERR(REFUSED));
    }
}

static void case_46_another_host(void)
{
    static const struct ftpd_answer elsewhere[] = {
        {"EPSV", "500 what?\r\n"},
        {"PASV", "227 (10,9,8,7,@)\r\n"},
        {NULL, NULL}};
    int road;

    for (road = 0; road < ROADS; road++) {
        begin(road, "another host", elsewhere);
        works();
        REQUIRE(!road_is_modem(road) ||
                strcmp(t.r.w.dialled, "mail.example.test") == 0);
        begin(road, "EPSV first", NULL);
        works();
        REQUIRE(!t.ftpd.pasv);
    }
}

static void case_46_ports(void)
{
    static const struct ftpd_answer ports[][3] = {
        {{"EPSV", "229 (|||1023|)\r\n"}, {NULL, NULL}},
        {{"EPSV", "229 (|||0|)\r\n"}, {NULL, NULL}},
        {{"EPSV", "229 (|||65536|)\r\n"}, {NULL, NULL}},
        {{"EPSV", "229 (|||105536|)\r\n"}, {NULL, NULL}},
        {{"EPSV", "229 (|2|10.9.8.7|#|)\r\n"}, {NULL, NULL}},
        {{"EPSV", "229 (|||#|\r\n"}, {NULL, NULL}},
        {{"EPSV", "229 #\r\n"}, {NULL, NULL}},
        {{"EPSV", "227 (127,0,0,1,@)\r\n"}, {NULL, NULL}},
        {{"EPSV", "500 what?\r\n"}, {"PASV", "227 (127,0,0,1,0,21)\r\n"}},
        {{"EPSV", "500 what?\r\n"}, {"PASV", "227 (127,0,0,1,@,1)\r\n"}},
        {{"EPSV", "500 what?\r\n"}, {"PASV", "227 (1,1,1,1,256,1)\r\n"}}};
    size_t i;
    int road;

    for (i = 0; i < COUNT(ports); i++) {
        both_fail(ports[i], ERR(PROTO));
        for (road = 0; road < ROADS; road++) {
            begin(road, "no link", ports[i]);
            get_fails(ERR(PROTO));
            REQUIRE(t.r.w.connections == 1 && t.connects == 0);
        }
    }
}

static void case_46_hostile_ports(void)
{
    case_46_another_host();
    case_46_ports();
}

/* The server stores or sends in clear: neither does any byte of a file leave,
 * nor is one believed. */
static void case_47_data_in_clear(void)
{
    const uint32_t want = ERR(TLS) | ERR(PROTO) | ERR(VERSION) | ERR(TIMEOUT);
    int road;

    for (road = 0; road < ROADS; road++) {
        begin(road, "put in clear", NULL);
        t.o.data_in_clear = true;
        put_fails(want);
        begin(road, "get in clear", NULL);
        t.o.data_in_clear = true;
        REQUIRE(ftp_rig_login(&t) == ESTLS_OK);
        attack_got(ftp_rig_get(&t, "secret"), want);
        REQUIRE(t.got_len == 0);
        t.r.w.heard_len = 0; /* the server's own fault */
        end();
    }
}

static void another_certificate(void)
{
    t.o.demand_resumption = false;
    rig_certificate(&t.r, "rogue");
    t.o.data = t.r.server;
    t.o.data.no_resumption = true;
    t.o.data.on_mail = NULL;
    rig_certificate(&t.r, "ec");
}

/* A link that is not of the control session, and what only looks whole. */
static void case_48_data_link(void)
{
    static const struct ftpd_answer silent[] = {{"226", ""}, {NULL, NULL}};
    static const struct ftpd_answer broken[] = {{"226", "426 no\r\n"},
                                                {NULL, NULL}};
    int road;

    for (road = 0; road < ROADS; road++) {
        begin(road, "resumed", NULL);
        works();
        REQUIRE(t.ftpd.data_resumed == 2);
        begin(road, "not resumed", NULL);
        t.o.data.no_resumption = true;
        get_fails(ERR(REFUSED) | ERR(TRUST)); /* who is first to say so */
        REQUIRE(t.got_len == 0);
        begin(road, "522", NULL);
        t.o.data.no_resumption = true;
        t.account.new_sessions = 1;
        get_fails(ERR(REFUSED));
        REQUIRE(t.got_len == 0 && strncmp(t.f.reply, "522", 3) == 0);
        begin(road, "522", NULL);
        t.o.data.no_resumption = true;
        t.account.new_sessions = 1;
        put_fails(ERR(REFUSED));
        begin(road, "another certificate", NULL);
        another_certificate();
        get_fails(ERR(TRUST));
        begin(road, "another certificate", NULL);
        another_certificate();
        put_fails(ERR(TRUST));
        begin(road, "226 without close_notify", NULL);
        t.o.data.no_close_notify = true;
        get_fails(ERR(TRUNCATED));
    }
    both_fail(silent, ERR(TIMEOUT));
    both_fail(broken, ERR(REFUSED));
}

static void case_49_goodbye_in_tls(void)
{
    static const struct ftpd_answer bye[] = {{"PBSZ", "421 bye\r\n"},
                                             {NULL, NULL}};
    static const struct ftpd_answer unasked[] = {{"TLS", "421 bye\r\n"},
                                                 {NULL, NULL}};

    login_fails(bye, ERR(REFUSED));
    login_fails(unasked,
                ERR(REFUSED) | ERR(NETWORK) | ERR(CLOSED) | ERR(TRUNCATED));
}

/* Not even to a server that would rather have it. */
static void case_50_no_ccc(void)
{
    static const struct ftpd_answer likes[] = {
        {"230", "230-please say CCC\r\n230 or PROT C\r\n"},
        {"CCC", "200 clear\r\n"},
        {NULL, NULL}};
    static const struct ftpd_answer demands[] = {{"150", "533 CCC first\r\n"},
                                                 {NULL, NULL}};
    int road;

    for (road = 0; road < ROADS; road++) {
        begin(road, "CCC", likes);
        works();
    }
    both_fail(demands, ERR(REFUSED));
}

const struct attack ftp_attacks[] = {
    {45, "PROT P or PBSZ 0 is refused", ERR(REFUSED), case_45_no_protection},
    {46, "data port: another host, low, malformed", OK | ERR(PROTO),
     case_46_hostile_ports},
    {47, "data link in clear",
     ERR(TLS) | ERR(PROTO) | ERR(VERSION) | ERR(TIMEOUT),
     case_47_data_in_clear},
    {48, "data link not resumed, not whole, not confirmed",
     OK | ERR(REFUSED) | ERR(TRUST) | ERR(TRUNCATED) | ERR(TIMEOUT),
     case_48_data_link},
    {49, "421 inside TLS",
     ERR(REFUSED) | ERR(NETWORK) | ERR(CLOSED) | ERR(TRUNCATED),
     case_49_goodbye_in_tls},
    {50, "CCC is never said", OK | ERR(REFUSED), case_50_no_ccc},
    {0, NULL, 0, NULL}};

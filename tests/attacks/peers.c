/* peers.c - a well-behaved server of each protocol, as a script: its clear
 * dialogue, and one exchange in TLS. What a step expects is all of what the
 * client shall say, so the sum of it is the preamble. */
#include "attacks.h"

#define WELCOME "welcome inside\r\n"

const char peer_welcome[] = WELCOME;

#define STEP(expect, reply, then, take, until)                                 \
    {                                                                          \
        SMTPD_BLOB(expect), SMTPD_BLOB(reply), then, take, until               \
    }
#define SAYS(text)           STEP("", text, SMTPD_CONTINUE, 0, 0)
#define ANSWERS(line, text)  STEP(line "\r\n", text, SMTPD_CONTINUE, 0, 0)
#define UPGRADES(line, text) STEP(line "\r\n", text, SMTPD_START_TLS, 0, 0)
#define TAG(tag, text, then) STEP(tag, text, then, 0, '>')
#define PACKET(request, text)                                                  \
    STEP(request, text, SMTPD_START_TLS, sizeof(request) - 1, 0)
#define ALL_OF(secret)                                                         \
    STEP(secret, WELCOME, SMTPD_CONTINUE, sizeof(secret) - 1, 0)

#define XMPP_TLS "xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
#define XMPP_STREAM                                                            \
    "<stream:stream to='mail.example.test' version='1.0' "                     \
    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
#define LDAP_REQUEST                                                           \
    "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"                                     \
    "1.3.6.1.4.1.1466.20037"
#define LDAP_SUCCESS "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\0\x04\0\x04\0"
/* length 73, version, thread, scramble, capabilities, character set, status,
 * more capabilities, the rest of the scramble */
#define MYSQL_GREETING                                                         \
    "\x49\0\0\0\x0a"                                                           \
    "8.0.1\0"                                                                  \
    "\1\0\0\0"                                                                 \
    "scramble\0"                                                               \
    "\xff\xff"                                                                 \
    "\x2d"                                                                     \
    "\2\0"                                                                     \
    "\xff\xdf"                                                                 \
    "\x15"                                                                     \
    "\0\0\0\0\0\0\0\0\0\0"                                                     \
    "scramble-two\0"                                                           \
    "caching_sha2_password\0"
#define MYSQL_REQUEST                                                          \
    "\x20\0\0\1\0\x8a\x08\0\0\0\0\1\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"   \
    "\0\0\0\0\0"

const struct peer peers[PEERS] = {
    {"smtp",
     estls_smtp,
     {0, 1, 2},
     4,
     {SAYS("220 mail.example.test\r\n"),
      ANSWERS("EHLO [127.0.0.1]",
              "250-mail.example.test\r\n250-SIZE 9\r\n250 STARTTLS\r\n"),
      UPGRADES("STARTTLS", "220 go\r\n"),
      ALL_OF("AUTH PLAIN hunter2-smtp\r\n")},
     "AUTH PLAIN hunter2-smtp\r\n"},
    {"lmtp",
     estls_lmtp,
     {0, 1, 2},
     4,
     {SAYS("220 mail.example.test\r\n"),
      ANSWERS("LHLO [127.0.0.1]",
              "250-mail.example.test\r\n250-STARTTLS\r\n250 SIZE 9\r\n"),
      UPGRADES("STARTTLS", "220 go\r\n"),
      ALL_OF("AUTH PLAIN hunter2-lmtp\r\n")},
     "AUTH PLAIN hunter2-lmtp\r\n"},
    {"imap",
     estls_imap,
     {0, 1, 2},
     4,
     {SAYS("* OK mail.example.test\r\n"),
      ANSWERS("a CAPABILITY",
              "* CAPABILITY IMAP4rev1 IDLE STARTTLS\r\na OK done\r\n"),
      UPGRADES("b STARTTLS", "b OK begin\r\n"),
      ALL_OF("c LOGIN sensor hunter2-imap\r\n")},
     "c LOGIN sensor hunter2-imap\r\n"},
    {"pop3",
     estls_pop3,
     {0, 1, 2},
     4,
     {SAYS("+OK mail.example.test\r\n"),
      ANSWERS("CAPA", "+OK list\r\nUSER\r\nSTLS\r\n.\r\n"),
      UPGRADES("STLS", "+OK begin\r\n"), ALL_OF("PASS hunter2-pop3\r\n")},
     "PASS hunter2-pop3\r\n"},
    {"nntp",
     estls_nntp,
     {0, 1, 2},
     4,
     {SAYS("200 news.example.test\r\n"),
      ANSWERS("CAPABILITIES", "101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n"),
      UPGRADES("STARTTLS", "382 go\r\n"),
      ALL_OF("AUTHINFO PASS hunter2-nntp\r\n")},
     "AUTHINFO PASS hunter2-nntp\r\n"},
    {"sieve",
     estls_sieve,
     {0, 0, 1},
     4,
     {SAYS("\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK \"hi\"\r\n"),
      UPGRADES("STARTTLS", "OK \"begin\"\r\n"),
      SAYS("\"SASL\" \"PLAIN\"\r\nOK\r\n"),
      ALL_OF("AUTHENTICATE \"PLAIN\" \"hunter2-sieve\"\r\n")},
     "AUTHENTICATE \"PLAIN\" \"hunter2-sieve\"\r\n"},
    {"irc",
     estls_irc,
     {0, -1, 1},
     3,
     {SAYS(":irc.example.test NOTICE * :*** Looking up your name\r\n"),
      UPGRADES("STARTTLS", ":irc.example.test 670 * :go\r\n"),
      ALL_OF("PASS hunter2-irc\r\n")},
     "PASS hunter2-irc\r\n"},
    {"ftp",
     estls_ftp,
     {0, -1, 1},
     3,
     {SAYS("220 ftp.example.test\r\n"), UPGRADES("AUTH TLS", "234 go\r\n"),
      ALL_OF("PASS hunter2-ftp\r\n")},
     "PASS hunter2-ftp\r\n"},
    {"xmpp",
     estls_xmpp,
     {-1, 1, 2},
     4,
     {TAG("<?xml version='1.0'?>", "", SMTPD_CONTINUE),
      TAG(XMPP_STREAM,
          "<?xml version='1.0'?><stream:stream from='mail.example.test' "
          "id='1' version='1.0' xmlns='jabber:client' "
          "xmlns:stream='http://etherx.jabber.org/streams'>\n"
          "<stream:features><starttls " XMPP_TLS "><required/></starttls>"
          "</stream:features>",
          SMTPD_CONTINUE),
      TAG("<starttls " XMPP_TLS "/>", "<proceed " XMPP_TLS "/>",
          SMTPD_START_TLS),
      ALL_OF("<auth secret='hunter2-xmpp'/>")},
     "<auth secret='hunter2-xmpp'/>"},
    {"ldap",
     estls_ldap,
     {-1, -1, 0},
     2,
     {PACKET(LDAP_REQUEST, LDAP_SUCCESS), ALL_OF("bind sensor hunter2-ldap")},
     "bind sensor hunter2-ldap"},
    {"postgres",
     estls_postgres,
     {-1, -1, 0},
     2,
     {PACKET("\0\0\0\x08\x04\xd2\x16\x2f", "S"),
      ALL_OF("password hunter2-postgres")},
     "password hunter2-postgres"},
    {"mysql",
     estls_mysql,
     {0, 0, -1},
     3,
     {SAYS(MYSQL_GREETING), PACKET(MYSQL_REQUEST, ""),
      ALL_OF("login hunter2-mysql")},
     "login hunter2-mysql"}};

int peer_says(const struct peer *p, int saying)
{
    return p->step[saying] >= 0;
}

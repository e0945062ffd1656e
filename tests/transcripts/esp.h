/* esp.h - what ESP-AT modems were seen to send, or may send, and the events
 * that must come of it. One row per case: name; the prefix of the answer that
 * was asked for (null: any line answers); the bytes; the events, one per line,
 * as show() in at_parser.c writes them. Every row starts with the prompt armed.
 */
#ifndef TRANSCRIPTS_ESP_H
#define TRANSCRIPTS_ESP_H

#include <stddef.h>

typedef struct transcript {
    const char *name;
    const char *expect;
    const char *rx;
    size_t len;
    const char *events;
} transcript;

#define CASE(name, expect, rx, events)                                         \
    {                                                                          \
        name, expect, rx, sizeof(rx) - 1, events                               \
    }
#define A20 "AAAAAAAAAAAAAAAAAAAA"

static const transcript transcripts[] = {
    /* -- ESP8266, firmware 1.x -------------------------------------------- */
    CASE("1.x: CLOSED glued to the payload", NULL,
         "\r\n+IPD,0,18,104.154.97.9,443:{\"dev\":{\"cur\":70}}0,CLOSED\r\n",
         "PAYLOAD @0 =18 +IPD,0,18,104.154.97.9,443:\n"
         "DATA @0 {\"dev\":{\"cur\":70}}\n"
         "URC closed @0 0,CLOSED\n"),
    CASE("1.x: peer's address without quotes", NULL,
         "\r\n+IPD,0,26,192.168.1.3,5285:GET /js1.js HTTP/1.1\r\n\r\nOK\r\n",
         "PAYLOAD @0 =26 +IPD,0,26,192.168.1.3,5285:\n"
         "DATA @0 GET /js1.js HTTP/1.1\\r\\n\\r\\nOK\n"),
    CASE("1.x: CIPSENDBUF acknowledges with link and segment", NULL,
         "2,1\r\n\r\nOK\r\n> \r\nRecv 5 bytes\r\n\r\n0,2,SEND OK\r\n",
         "LINE 2,1\n"
         "OK OK\n"
         "PROMPT >\n"
         "URC taken =5 Recv 5 bytes\n"
         "LINE 0,2,SEND OK\n"),
    CASE("1.x: a URC cuts the echo in two", "\n",
         "AT+CIPSEND=0,1,CONNECT\r\n98\r\n\r\nOK\r\n> "
         "\r\n+IPD,1,4,192.168.1.3,5286:GET "
         "\r\nRecv 98 bytes\r\n\r\nSEND OK\r\n",
         "ECHO AT+CIPSEND=0,1,CONNECT\n"
         "URC 98\n"
         "OK OK\n"
         "PROMPT >\n"
         "PAYLOAD @1 =4 +IPD,1,4,192.168.1.3,5286:\n"
         "DATA @1 GET \n"
         "URC taken =98 Recv 98 bytes\n"
         "OK sent SEND OK\n"),
    CASE("1.x: single connection, no id", NULL,
         "\r\n+IPD,5:helloCLOSED\r\n\r\nOK\r\n",
         "PAYLOAD =5 +IPD,5:\n"
         "DATA hello\n"
         "URC closed CLOSED\n"
         "OK OK\n"),
    CASE("1.x: single connection, with the peer's address", NULL,
         "\r\n+IPD,2,\"10.0.0.1\",80:hi\r\nOK\r\n",
         "PAYLOAD =2 +IPD,2,\"10.0.0.1\",80:\n"
         "DATA hi\n"
         "OK OK\n"),
    CASE("1.x: version, no empty line before OK", NULL,
         "AT version:1.3.0.0(Jul 14 2016 18:54:01)\r\n"
         "SDK version:2.0.0(656edbf)\r\n"
         "compile time:Oct 29 2016 22:56:21\r\nOK\r\n",
         "LINE AT version:1.3.0.0(Jul 14 2016 18:54:01)\n"
         "LINE SDK version:2.0.0(656edbf)\n"
         "LINE compile time:Oct 29 2016 22:56:21\n"
         "OK OK\n"),
    CASE("1.x: boot log of a 40 MHz crystal at 115200 baud", "\n",
         "AT+RST\r\r\n\r\nOK\r\n0,CLOSED\r\nWIFI DISCONNECT\r\n"
         "\r\n ets Jan  8 2013,rst cause:1, boot mode:(3,7)\r\n"
         "\r\nload 0x40100000, len 816, room 16 \r\ntail 0\r\nchksum 0x8d\r\n"
         "ho 0 tail 12 room 4\r\ncsum 0xcf\r\n\r\n2nd boot version : 1.2\r\n"
         "  SPI Speed      : 40MHz\r\njump to run user1\r\n\r\n\xc4\xe3"
         "\r\n\r\nready\r\n",
         "ECHO AT+RST\n"
         "OK OK\n"
         "URC closed @0 0,CLOSED\n"
         "URC wifi-down WIFI DISCONNECT\n"
         "URC  ets Jan  8 2013,rst cause:1, boot mode:(3,7)\n"
         "URC load 0x40100000, len 816, room 16 \n"
         "URC tail 0\n"
         "URC chksum 0x8d\n"
         "URC ho 0 tail 12 room 4\n"
         "URC csum 0xcf\n"
         "URC 2nd boot version : 1.2\n"
         "URC   SPI Speed      : 40MHz\n"
         "URC jump to run user1\n"
         "URC \\xc4\\xe3\n"
         "RESET ready\n"),

    /* -- ESP32 and ESP8266, firmware 2.x and later ------------------------ */
    CASE("2.x: boot, with the ROM's noise at another baud rate", "\n",
         "\x00\xffrl\x00l\x9c\x9e|\x00\x8cl\xe0|\x02\x0c\x0c\x0c\x8cl\xec\x0c"
         "c|\x8e\x83\xf2\x12rr\x8c\x00l\x0c\x8c\n"
         "\r\nready\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n",
         "URC \\xffrll\\x9c\\x9e|\\x8cl\\xe0|\\x8cl\\xecc|\\x8e\\x83\\xf2"
         "rr\\x8cl\\x8c\n"
         "RESET ready\n"
         "URC WIFI CONNECTED\n"
         "URC wifi-up WIFI GOT IP\n"),
    CASE("2.x: a stray CR LF behind the payload makes it say busy", "\n",
         "\r\nOK\r\n\r\n>\r\nRecv 4 bytes\r\n\r\nbusy p...\r\n\r\nSEND OK\r\n",
         "OK OK\n"
         "PROMPT >\n"
         "URC taken =4 Recv 4 bytes\n"
         "BUSY busy p...\n"
         "OK sent SEND OK\n"),
    CASE("2.x: CLOSED while the prompt is open", "\n",
         "\r\nOK\r\n\r\n>0,CLOSED\r\n\r\nRecv 100 bytes\r\n\r\nERROR\r\n",
         "OK OK\n"
         "PROMPT >\n"
         "URC closed @0 0,CLOSED\n"
         "URC taken =100 Recv 100 bytes\n"
         "ERROR ERROR\n"),
    CASE("2.x: crash in the middle of a command", "\n",
         "\r\nOK\r\n\r\n>Guru Meditation Error: Core  0 panic'ed "
         "(LoadProhibited). Exception was unhandled.\r\n"
         "ets Jun  8 2016 00:22:57\r\n\r\nrst:0x3 (SW_RESET),boot:0x13 "
         "(SPI_FAST_FLASH_BOOT)\r\nconfigsip: 0, SPIWP:0xee\r\n\r\nready\r\n",
         "OK OK\n"
         "PROMPT >\n"
         "URC overlong Guru Meditation Error: Core  0 panic'ed "
         "(LoadProhibited). Exception wa\n"
         "URC ets Jun  8 2016 00:22:57\n"
         "URC rst:0x3 (SW_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\n"
         "URC configsip: 0, SPIWP:0xee\n"
         "RESET ready\n"),
    CASE("2.x: version", NULL,
         "AT version:2.2.0.0(c6fa6bf - ESP32 - Jul  2 2021 06:44:05)\r\n"
         "SDK version:v4.2.2-76-gefa6eca\r\n"
         "compile time(3a696ba):Jul  2 2021 11:54:43\r\n"
         "Bin version:2.2.0(WROOM-32)\r\n\r\nOK\r\n",
         "LINE AT version:2.2.0.0(c6fa6bf - ESP32 - Jul  2 2021 06:44:05)\n"
         "LINE SDK version:v4.2.2-76-gefa6eca\n"
         "LINE compile time(3a696ba):Jul  2 2021 11:54:43\n"
         "LINE Bin version:2.2.0(WROOM-32)\n"
         "OK OK\n"),
    CASE("2.x: +IPD between OK and the prompt", "\n",
         "\r\nOK\r\n\r\n+IPD,4,2:> \r\n>\r\nRecv 5 bytes\r\n\r\nSEND OK\r\n",
         "OK OK\n"
         "PAYLOAD @4 =2 +IPD,4,2:\n"
         "DATA @4 > \n"
         "PROMPT >\n"
         "URC taken =5 Recv 5 bytes\n"
         "OK sent SEND OK\n"),
    CASE("2.x: +IPD between the prompt and Recv", "\n",
         "\r\nOK\r\n\r\n>\r\n+IPD,4,5,\"192.168.1.48\",65267:abcde"
         "\r\nRecv 5 bytes\r\n\r\nSEND OK\r\n",
         "OK OK\n"
         "PROMPT >\n"
         "PAYLOAD @4 =5 +IPD,4,5,\"192.168.1.48\",65267:\n"
         "DATA @4 abcde\n"
         "URC taken =5 Recv 5 bytes\n"
         "OK sent SEND OK\n"),
    CASE("2.x: +IPD between Recv and SEND OK, glued to both", "\n",
         "Recv 5 bytes\r\n+IPD,4,3:OK\nSEND OK\r\n",
         "URC taken =5 Recv 5 bytes\n"
         "PAYLOAD @4 =3 +IPD,4,3:\n"
         "DATA @4 OK\\n\n"
         "OK sent SEND OK\n"),
    CASE("2.x: only the blank right behind the prompt belongs to it", "\n",
         ">\r\n ets Jun  8 2016\r\n  b\r\n",
         "PROMPT >\n"
         "URC  ets Jun  8 2016\n"
         "URC   b\n"),
    CASE("2.x: a send that failed", "\n",
         "\r\nOK\r\n\r\n>\r\nRecv 5 bytes\r\n\r\nSEND FAIL\r\n",
         "OK OK\n"
         "PROMPT >\n"
         "URC taken =5 Recv 5 bytes\n"
         "ERROR not-sent SEND FAIL\n"),
    CASE("2.x: pull mode, +IPD while CIPRECVLEN is answered", "+CIPRECVLEN:",
         "+CIPRECVLEN:424,-1,-1,-1,-1\r\n\r\n+IPD,0,848\r\n\r\nOK\r\n",
         "LINE +CIPRECVLEN:424,-1,-1,-1,-1\n"
         "AVAIL @0 =848 +IPD,0,848\n"
         "OK OK\n"),
    CASE("2.x: pull mode, data with ':' before it", "\n",
         "+CIPRECVDATA,4:OK\r\n\r\nOK\r\n",
         "PAYLOAD =4 +CIPRECVDATA,4:\n"
         "DATA OK\\r\\n\n"
         "OK OK\n"),
    CASE("2.x: pull mode, data with ',' before it", "\n",
         "+CIPRECVDATA:4,a:b,\r\nOK\r\n",
         "PAYLOAD =4 +CIPRECVDATA:4,\n"
         "DATA a:b,\n"
         "OK OK\n"),
    CASE("2.x: passthrough ends", "\n",
         "\r\nOK\r\n\r\nOK\r\n\r\n>\r\n+QUITT\r\n",
         "OK OK\n"
         "OK OK\n"
         "PROMPT >\n"
         "URC +QUITT\n"),
    CASE("2.x: clock", "+CIPSNTPTIME:",
         "\r\nOK\r\n+CIPSNTPTIME:Thu Jan  1 00:00:00 1970\r\nOK\r\n"
         "+TIME_UPDATED\r\n"
         "+CIPSNTPTIME:Tue Oct 19 17:47:56 2021\r\nOK\r\n",
         "OK OK\n"
         "LINE +CIPSNTPTIME:Thu Jan  1 00:00:00 1970\n"
         "OK OK\n"
         "URC +TIME_UPDATED\n"
         "LINE +CIPSNTPTIME:Tue Oct 19 17:47:56 2021\n"
         "OK OK\n"),
    CASE("2.x: Wi-Fi is lost and comes back", "\n",
         "WIFI DISCONNECT\r\n0,CLOSED\r\n\r\nERROR\r\n"
         "WIFI CONNECTED\r\nWIFI GOT IP\r\n3,CONNECT FAIL\r\n",
         "URC wifi-down WIFI DISCONNECT\n"
         "URC closed @0 0,CLOSED\n"
         "ERROR ERROR\n"
         "URC WIFI CONNECTED\n"
         "URC wifi-up WIFI GOT IP\n"
         "URC closed @3 3,CONNECT FAIL\n"),
    CASE("2.x: dialling", NULL, "0,CONNECT\r\n\r\nOK\r\n4,CONNECT\r\nFAIL\r\n",
         "URC connect @0 0,CONNECT\n"
         "OK OK\n"
         "URC connect @4 4,CONNECT\n"
         "ERROR FAIL\n"),
    CASE("errors with numbers", NULL,
         "+CME ERROR: 10\r\n+CMS ERROR:302\r\n+CME ERROR: no SIM\r\n"
         "+CME ERROR: 99999999999\r\n",
         "ERROR =10 +CME ERROR: 10\n"
         "ERROR =302 +CMS ERROR:302\n"
         "ERROR +CME ERROR: no SIM\n"
         "ERROR +CME ERROR: 99999999999\n"),

    /* -- line ends -------------------------------------------------------- */
    CASE("CR alone ends nothing", NULL, "\rOK\r", ""),
    CASE("LF alone ends a line", NULL, "OK\nERROR\n\n", "OK OK\nERROR ERROR\n"),
    CASE("CR CR LF", NULL, "OK\r\r\nERROR\r\r\n", "OK OK\nERROR ERROR\n"),
    CASE("LF CR", NULL, "OK\n\rERROR\n\r", "OK OK\nERROR ERROR\n"),
    CASE("bytes below 0x14 are dropped, XON and XOFF too", NULL,
         "\x11O\x13K\x01\x1f\r\n\x11O\x13K\x01\r\n\x14OK\r\n",
         "LINE OK\\x1f\nOK OK\nLINE \\x14OK\n"),
    CASE("an unasked line before OK", "+CSQ:", "\r\nRING\r\n\r\nOK\r\n",
         "URC RING\nOK OK\n"),

    /* -- look-alikes: finals are whole lines ------------------------------ */
    CASE("what only begins or ends like a final", NULL,
         "OKTAVE\r\nERRORS\r\nERROR 5\r\nNOT OK\r\n OK\r\nOK \r\nok\r\n"
         "SEND OK!\r\nFAILURE\r\nreadyy\r\n0,OK\r\n0,ready\r\n0,ERROR\r\n",
         "LINE OKTAVE\nLINE ERRORS\nLINE ERROR 5\nLINE NOT OK\nLINE  OK\n"
         "LINE OK \nLINE ok\nLINE SEND OK!\nLINE FAILURE\nLINE readyy\n"
         "LINE 0,OK\nLINE 0,ready\nLINE 0,ERROR\n"),
    CASE("link ids that are none", NULL,
         "128,CLOSED\r\n-1,CLOSED\r\n,CLOSED\r\n:,CLOSED\r\n99999,CLOSED\r\n"
         "0x1,CLOSED\r\n1 ,CLOSED\r\n5,\r\n,\r\n",
         "LINE 128,CLOSED\nLINE -1,CLOSED\nLINE ,CLOSED\nLINE :,CLOSED\n"
         "LINE 99999,CLOSED\nLINE 0x1,CLOSED\nLINE 1 ,CLOSED\nLINE 5,\n"
         "LINE ,\n"),

    /* -- lengths that lie, quotes that do not close ----------------------- */
    CASE("lengths that lie", "\n",
         "\r\n+IPD,0,99999999999999999999:abc\r\n\r\n+IPD,0,-1:abc\r\n"
         "\r\n+IPD,:abc\r\n\r\n+IPD,0,0:\r\nOK\r\n",
         "BAD +IPD,0,99999999999999999999:\n"
         "BAD +IPD,0,-1:\n"
         "BAD +IPD,:\n"
         "PAYLOAD @0 =0 +IPD,0,0:\n"
         "OK OK\n"),
    CASE("a header whose quote does not close", "\n",
         "+IPD,0,5,\"1.2.3.4,80:hello\r\nOK\r\n"
         "+IPD,\"0\",5:hello\r\nOK\r\n+IPD,0\r\nOK\r\n+IPD,\r\nOK\r\n",
         "BAD +IPD,0,5,\"1.2.3.4,80:hello\n"
         "OK OK\n"
         "BAD +IPD,\"0\",5:\n"
         "OK OK\n"
         "AVAIL =0 +IPD,0\n"
         "OK OK\n"
         "BAD +IPD,\n"
         "OK OK\n"),
    CASE("quotes that do not close, in lines",
         "+X:", "+X:\"abc\r\nOK\r\n+X:\"\\\"\r\nERROR\r\n",
         "LINE +X:\"abc\nOK OK\nLINE +X:\"\\\"\nERROR ERROR\n"),
    CASE("a payload of replies", "\n",
         "+IPD,0,6:\r\nOK\r\n+IPD,1,2:> +IPD,2,15:+IPD,0,99999:x\r\nOK\r\n",
         "PAYLOAD @0 =6 +IPD,0,6:\n"
         "DATA @0 \\r\\nOK\\r\\n\n"
         "PAYLOAD @1 =2 +IPD,1,2:\n"
         "DATA @1 > \n"
         "PAYLOAD @2 =15 +IPD,2,15:\n"
         "DATA @2 +IPD,0,99999:x\\r\n"
         "OK OK\n"),
    CASE("a payload that is cut short eats what follows", "\n",
         "\r\n+IPD,0,10:1234567\r\n0,CLOSED\r\nOK\r\n",
         "PAYLOAD @0 =10 +IPD,0,10:\n"
         "DATA @0 1234567\\r\\n0\n"
         "URC ,CLOSED\n"
         "OK OK\n"),

    /* -- lines longer than memory ----------------------------------------- */
    CASE("the tail of an overlong line is no line",
         "+LONG:", "\r\n+LONG:" A20 A20 A20 A20 A20 "OK\r\n\r\nOK\r\n",
         "LINE overlong +LONG:" A20 A20 A20 "AAAA"
         "\n"
         "OK OK\n"),
    CASE("an overlong line that nobody asked for",
         "+CIPMUX:", "+LONG:" A20 A20 A20 A20 A20 "\r\nOK\r\n",
         "URC overlong +LONG:" A20 A20 A20 "AAAA"
         "\n"
         "OK OK\n"),
    CASE("an overlong line, cut before a final", NULL,
         A20 A20 A20 "AAAAAAAAAA"
                     "OK\r\n" A20 A20 A20 "AAAAAAAAAA"
                     "\r\n"
                     "OK\r\nERROR\r\n",
         "LINE overlong " A20 A20 A20 "AAAAAAAAAA"
         "\n"
         "LINE " A20 A20 A20 "AAAAAAAAAA"
         "\n"
         "OK OK\n"
         "ERROR ERROR\n"),
    CASE("an overlong line with a header in its tail", NULL,
         A20 A20 A20 A20 "+IPD,0,5:hello\r\nOK\r\n",
         "LINE overlong " A20 A20 A20 "AAAAAAAAAA"
         "\n"
         "OK OK\n"),
    CASE("a header longer than memory", "\n",
         "+IPD,0,5,\"" A20 A20 A20 A20 "\",80:hello\r\nOK\r\n",
         "URC overlong +IPD,0,5,\"" A20 A20 A20 "\n"
         "OK OK\n"),
};

#undef A20
#undef CASE

#endif

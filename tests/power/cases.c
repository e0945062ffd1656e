/* cases.c - see cases.h. */
#include "cases.h"

/* Sources: mV at rest; mOhm; mOhm and us of R1||C1; of R2||C2. */
#define PLAIN(mV, mOhm) (mV), (mOhm), 0, 0, 0, 0
#define COIN_NEW        3000, 8000, 3000, 500000, 40000, 200000000
#define COIN_OLD        2790, 20000, 6000, 500000, 60000, 200000000
#define COIN_LAST       2700, 36000, 11000, 500000, 60000, 200000000
#define COIN_COLD       2750, 62000, 20000, 500000, 220000, 200000000
#define COIN_DEAD       2650, 117000, 35000, 500000, 90000, 200000000
#define COIN_SLOW       2900, 20000, 15000, 100000, 40000, 2000000
#define AA_NEW          3150, 300, 150, 500000, 400, 60000000
#define AA_OLD          2450, 900, 500, 500000, 1200, 60000000
#define AA_COLD         2500, 3000, 1500, 200000, 2500, 100000000
#define LIPO            3800, 200, 60, 2000000, 0, 0
#define LIPO_SMALL      3700, 400, 150, 1000000, 100, 100000000
#define LIPO_COLD       3650, 900, 400, 1000000, 300, 100000000
#define SUPERCAP        2600, 100, 50, 100000, 200, 20000000
#define THIONYL         3600, 100000, 60000, 300000, 200000, 150000000

#define CAP(nF, mOhm) (nF), (mOhm)
#define UF(n)         ((n)*1000ul)
#define CC            0, 3000
#define CP            1, 3000

#define PULSE(us)           {{(us), 0}}, 1, 1
#define BLE                 {{376, 0}, {350, 5000}}, 2, 3
#define ON                  376, 0
#define OFF                 350, 4997
#define BLE_5               {{ON}, {OFF}, {ON}, {OFF}, {ON}}, 5, 1
#define GSM(n, idle)        {{577, 0}, {4038, (idle)}}, 2, (n)
#define WIFI(n, us, gap)    {{(us), 0}, {(gap), 70000}}, 2, (n)
#define LTE                 {{20000, 60000}, {100000, 0}, {80000, 90000}}, 3, 1
#define HANDSHAKE(us, idle) {{(us), (idle)}, {2000, 0}, {8000, 20000}}, 3, 1

/* The given ones' currents were totals: here the sleep current is taken out. */
const struct power_case power_cases[] = {
    {"given_01", "fresh coin cell", COIN_NEW, CAP(UF(10), 10), CC, 15997, 3,
     PULSE(1000), 2000, 2871.79},
    {"given_03", "180 mAh used", COIN_OLD, CAP(UF(10), 10), CC, 15997, 3,
     PULSE(1000), 2000, 2471.84},
    {"given_05", "Ohm's law, no reservoir", PLAIN(2820, 30000), CAP(100, 5), CC,
     16000, 0, PULSE(10000), 2000, 2340.00},
    {"given_06", "one packet hides in 10 uF", PLAIN(2820, 30000),
     CAP(UF(10), 10), CC, 16000, 0, PULSE(376), 2000, 2477.08},
    {"given_09", "the cure: 100 uF", PLAIN(2820, 65000), CAP(UF(100), 5), CC,
     16397, 3, BLE_5, 2000, 2627.93},
    {"given_12", "+4 dBm instead", PLAIN(2820, 65000), CAP(UF(10), 10), CC,
     11197, 3, BLE_5, 2000, 2260.61},
    {"given_17", "-20 C, 100 uF derated to 55", COIN_COLD, CAP(UF(55), 8), CC,
     16397, 3, BLE_5, 2000, 2438.81},
    {"given_19", "constant power on 30 Ohm", PLAIN(2820, 30000), CAP(100, 5),
     CP, 16400, 0, PULSE(10000), 2000, 2125.61},
    {"given_21", "constant power on 45 Ohm: collapse", PLAIN(2820, 45000),
     CAP(100, 5), CP, 16400, 0, PULSE(10000), 2000, 110.16},
    {"given_22", "collapse under way, 65 Ohm", PLAIN(2820, 65000),
     CAP(UF(10), 10), CP, 16397, 3, BLE_5, 2000, 1603.10},
    {"given_25", "300 ms: the sag goes on", COIN_SLOW, CAP(UF(10), 10), CC,
     15997, 3, PULSE(300000), 2000, 2263.00},
    {"given_37", "GSM, LiPo, 1000 uF", LIPO, CAP(UF(1000), 30), CC, 1999980, 20,
     GSM(24, 79980), 3300, 3426.15},

    /* The reservoir from nothing to 1 F under one pulse. */
    {"c_none", "no reservoir", PLAIN(2820, 30000), CAP(0, 0), CP, 16400, 3,
     PULSE(5000), 2000, 0},
    {"c_100n", "a bypass capacitor only", PLAIN(2820, 30000), CAP(100, 20), CP,
     16400, 3, PULSE(5000), 2000, 0},
    {"c_1u", "pulse of 3 RC", PLAIN(2820, 30000), CAP(UF(1), 10), CP, 16400, 3,
     PULSE(100), 2000, 0},
    {"c_10u", "pulse of one RC", PLAIN(2820, 30000), CAP(UF(10), 10), CP, 16400,
     3, PULSE(300), 2000, 0},
    {"c_47u", "pulse of 3.5 RC", PLAIN(2820, 30000), CAP(UF(47), 10), CP, 16400,
     3, PULSE(5000), 2000, 0},
    {"c_100u", "pulse of 1.7 RC", PLAIN(2820, 30000), CAP(UF(100), 10), CP,
     16400, 3, PULSE(5000), 2000, 0},
    {"c_1m", "electrolytic", PLAIN(2820, 30000), CAP(UF(1000), 300), CP, 16400,
     3, PULSE(5000), 2000, 0},
    {"c_10m", "electrolytic, 1 s", PLAIN(2820, 30000), CAP(UF(10000), 100), CP,
     16400, 3, PULSE(1000000), 2000, 0},
    {"c_1f", "supercapacitor, 1 s", PLAIN(2820, 30000), CAP(UF(1000000), 300),
     CP, 16400, 3, PULSE(1000000), 2000, 0},

    /* The resistance from 0.1 to 200 Ohm under an advertising event. */
    {"r_100m", "bench supply", PLAIN(3000, 100), CAP(UF(10), 10), CP, 16400, 9,
     BLE, 1750, 0},
    {"r_1", "two good AA cells", PLAIN(3000, 1000), CAP(UF(10), 10), CP, 16400,
     9, BLE, 1750, 0},
    {"r_10", "good coin cell", PLAIN(2930, 10000), CAP(UF(10), 10), CP, 16400,
     9, BLE, 1750, 0},
    {"r_40", "at the limit of constant power", PLAIN(2820, 40000),
     CAP(UF(10), 10), CP, 16400, 9, BLE, 1750, 0},
    {"r_57", "just above", PLAIN(2820, 57000), CAP(UF(10), 10), CP, 16400, 9,
     BLE, 1750, 0},
    {"r_60", "just below", PLAIN(2820, 60000), CAP(UF(10), 10), CP, 16400, 9,
     BLE, 1750, 0},
    {"r_120", "collapses in the second packet", PLAIN(2820, 120000),
     CAP(UF(10), 10), CP, 16400, 9, BLE, 1750, 0},
    {"r_200", "lowest level, 47 uF", PLAIN(2700, 200000), CAP(UF(47), 10), CP,
     4900, 9, BLE, 1750, 0},
    {"r_200_cc", "the same, 100 uF, +8 dBm", PLAIN(2700, 200000),
     CAP(UF(100), 10), CC, 16400, 9, BLE, 1750, 0},

    /* The length of the pulse; current and power side by side. */
    {"t_100u_cc", "100 us", COIN_OLD, CAP(UF(1), 10), CC, 16000, 3, PULSE(100),
     2000, 0},
    {"t_100u_cp", "100 us", COIN_OLD, CAP(UF(1), 10), CP, 16000, 3, PULSE(100),
     2000, 0},
    {"t_1m_cc", "1 ms", COIN_OLD, CAP(UF(47), 10), CC, 16000, 3, PULSE(1000),
     2000, 0},
    {"t_1m_cp", "1 ms", COIN_OLD, CAP(UF(47), 10), CP, 16000, 3, PULSE(1000),
     2000, 0},
    {"t_10m_cc", "10 ms", COIN_OLD, CAP(UF(47), 10), CC, 16000, 3, PULSE(10000),
     2000, 0},
    {"t_10m_cp", "10 ms", COIN_OLD, CAP(UF(47), 10), CP, 16000, 3, PULSE(10000),
     2000, 0},
    {"t_100m_cc", "100 ms", COIN_OLD, CAP(UF(47), 10), CC, 16000, 3,
     PULSE(100000), 2000, 0},
    {"t_100m_cp", "100 ms", COIN_OLD, CAP(UF(47), 10), CP, 16000, 3,
     PULSE(100000), 2000, 0},
    {"t_1s_cc", "1 s", COIN_OLD, CAP(UF(47), 10), CC, 16000, 3, PULSE(1000000),
     2000, 0},
    {"t_1s_cp", "1 s", COIN_OLD, CAP(UF(47), 10), CP, 16000, 3, PULSE(1000000),
     2000, 0},
    {"t_1s_slow", "0.1 s and 2 s: collapses late", COIN_SLOW, CAP(UF(10), 10),
     CP, 16400, 3, PULSE(1000000), 2000, 0},

    /* Advertising on ageing and cold coin cells. */
    {"ble_new", "fresh, no reservoir to speak of", COIN_NEW, CAP(100, 10), CP,
     16400, 9, BLE, 1750, 0},
    {"ble_last", "200 mAh used", COIN_LAST, CAP(UF(10), 10), CP, 16400, 9, BLE,
     1750, 0},
    {"ble_cold", "-20 C, +8 dBm", COIN_COLD, CAP(UF(10), 10), CP, 16400, 9, BLE,
     1750, 0},
    {"ble_cold_0dBm", "-20 C, 0 dBm", COIN_COLD, CAP(UF(10), 10), CP, 6400, 9,
     BLE, 1750, 0},
    {"ble_cold_47u", "-20 C, 47 uF", COIN_COLD, CAP(UF(47), 10), CP, 16400, 9,
     BLE, 1750, 0},
    {"ble_dead", "215 mAh used", COIN_DEAD, CAP(UF(10), 10), CP, 6400, 9, BLE,
     1750, 0},
    {"ble_dead_100u", "215 mAh used, 100 uF", COIN_DEAD, CAP(UF(100), 300), CP,
     16400, 9, BLE, 1750, 0},
    {"ble_thionyl", "Li-SOCl2, 100 uF", THIONYL, CAP(UF(100), 50), CP, 16400, 9,
     BLE, 2000, 0},

    /* GSM: 2 A in 577 us of 4.615 ms. */
    {"gsm_100u", "hardly a reservoir", LIPO, CAP(UF(100), 20), CC, 2000000, 20,
     GSM(8, 80000), 3300, 0},
    {"gsm_10m", "10 mF", LIPO_SMALL, CAP(UF(10000), 40), CC, 2000000, 20,
     GSM(24, 80000), 3300, 0},
    {"gsm_cp", "constant power, small LiPo", LIPO_SMALL, CAP(UF(1000), 50), CP,
     2000000, 20, GSM(24, 80000), 3000, 0},
    {"gsm_cold", "cold, 1 mF", LIPO_COLD, CAP(UF(1000), 100), CC, 2000000, 20,
     GSM(12, 80000), 3000, 0},
    {"gsm_cold_1f", "cold, 1 F carries it", LIPO_COLD, CAP(UF(1000000), 80), CC,
     2000000, 20, GSM(24, 80000), 3000, 0},
    {"gsm_none", "cold, no reservoir, power: collapse", LIPO_COLD, CAP(0, 0),
     CP, 2000000, 20, GSM(4, 80000), 3000, 0},

    /* Wi-Fi: 2 to 50 ms of 120 to 350 mA. */
    {"wifi_aa", "2 AA, 350 mA", AA_NEW, CAP(UF(100), 100), CP, 350000, 20,
     WIFI(5, 2000, 8000), 2500, 0},
    {"wifi_aa_old", "2 AA, used", AA_OLD, CAP(UF(100), 100), CP, 240000, 20,
     WIFI(5, 5000, 15000), 1800, 0},
    {"wifi_aa_cold", "just above", AA_COLD, CAP(UF(1000), 50), CC, 120000, 20,
     WIFI(3, 50000, 50000), 2000, 0},
    {"wifi_aa_cold_cp", "2 AA, cold, 240 mA: collapse", AA_COLD,
     CAP(UF(1000), 50), CP, 240000, 20, PULSE(50000), 1800, 0},
    {"wifi_aa_cold_10m", "10 mF and 2 ms", AA_COLD, CAP(UF(10000), 20), CP,
     240000, 20, WIFI(3, 2000, 20000), 1800, 0},
    {"wifi_lipo", "LiPo, 10 uF, 50 ms", LIPO, CAP(UF(10), 5), CP, 350000, 20,
     WIFI(3, 50000, 10000), 3000, 0},
    {"wifi_coin_1f", "coin cell and 1 F, 120 mA", COIN_NEW,
     CAP(UF(1000000), 200), CP, 120000, 3, PULSE(50000), 2500, 0},
    {"wifi_coin_1m", "coin cell and 1 mF, 2 ms", COIN_NEW, CAP(UF(1000), 150),
     CP, 120000, 3, PULSE(2000), 2430, 0},

    /* LTE-M: 0.5 A, 100 ms. */
    {"lte_lipo", "LiPo", LIPO, CAP(UF(100), 30), CP, 500000, 20, LTE, 3000, 0},
    {"lte_lipo_cold", "LiPo, cold", LIPO_COLD, CAP(UF(100), 30), CP, 500000, 20,
     LTE, 3000, 0},
    {"lte_aa", "2 AA", AA_NEW, CAP(UF(470), 60), CC, 500000, 20, LTE, 2600, 0},
    {"lte_aa_old", "2 AA, used", AA_OLD, CAP(UF(1000), 60), CP, 500000, 20, LTE,
     2200, 0},
    {"lte_super", "supercapacitor as source", SUPERCAP, CAP(UF(47), 10), CP,
     500000, 20, LTE, 2400, 0},
    {"lte_super_esr", "supercapacitor behind 117 Ohm", COIN_DEAD,
     CAP(UF(1000000), 300), CP, 500000, 9, LTE, 2200, 0},
    {"lte_thionyl", "Li-SOCl2 and 1 F", THIONYL, CAP(UF(1000000), 100), CC,
     500000, 9, LTE, 3200, 0},

    /* A handshake, then a packet. */
    {"tls_new", "4 s of 8 mA, then 16 mA", COIN_NEW, CAP(UF(100), 10), CP,
     16400, 3, HANDSHAKE(4000000, 8000), 2000, 0},
    {"tls_old", "4 s of 5 mA, then 12 mA", COIN_OLD, CAP(UF(100), 10), CP,
     12000, 3, HANDSHAKE(4000000, 5000), 2000, 0},
    {"tls_10s", "10 s of 8 mA", COIN_OLD, CAP(UF(10), 10), CC, 16400, 3,
     HANDSHAKE(10000000, 8000), 2000, 0},
    {"tls_fold", "no reservoir: falls off the edge at leisure", COIN_SLOW,
     CAP(0, 0), CP, 16400, 3, PULSE(1000000), 2000, 0},

    /* Pairs around the brown-out level. */
    {"edge_coin_up", "10 mA on an old cell", COIN_LAST, CAP(UF(10), 10), CP,
     10000, 3, PULSE(20000), 2185, 0},
    {"edge_coin_down", "10.5 mA", COIN_LAST, CAP(UF(10), 10), CP, 10500, 3,
     PULSE(20000), 2185, 0},
    {"edge_cold_up", "4 dBm in the cold", COIN_COLD, CAP(UF(22), 10), CP, 11200,
     9, BLE, 2200, 0},
    {"edge_cold_down", "6 dBm", COIN_COLD, CAP(UF(22), 10), CP, 13000, 9, BLE,
     2200, 0},
    {"edge_gsm_up", "0.3 Ohm, 470 uF", PLAIN(3900, 300), CAP(UF(470), 60), CP,
     2000000, 20, GSM(6, 80000), 3380, 0},
    {"edge_gsm_down", "the same at 3.85 V", PLAIN(3850, 300), CAP(UF(470), 60),
     CP, 2000000, 20, GSM(6, 80000), 3380, 0},
    {"edge_lte_up", "2 AA, 350 mA", AA_OLD, CAP(UF(1000), 60), CP, 350000, 20,
     LTE, 1870, 0},
    {"edge_lte_down", "380 mA", AA_OLD, CAP(UF(1000), 60), CP, 380000, 20, LTE,
     1870, 0},
    {"edge_wifi_up", "470 uF and 4 ms", AA_COLD, CAP(UF(470), 40), CC, 200000,
     20, WIFI(2, 4000, 30000), 1895, 0},
    {"edge_wifi_down", "5 ms", AA_COLD, CAP(UF(470), 40), CC, 200000, 20,
     WIFI(2, 5000, 30000), 1895, 0},
};

const size_t power_cases_count = sizeof power_cases / sizeof *power_cases;

void case_circuit(const struct power_case *pc, struct circuit *c)
{
    c->ocv = pc->ocv_mV * 1e-3;
    c->r0 = pc->r0_mOhm * 1e-3;
    c->r1 = pc->r1_mOhm * 1e-3;
    c->tau1 = pc->tau1_us * 1e-6;
    c->r2 = pc->r2_mOhm * 1e-3;
    c->tau2 = pc->tau2_us * 1e-6;
    c->c = pc->c_nF * 1e-9;
    c->esr = pc->esr_mOhm * 1e-3;
    c->leak = 0;
    c->constant_power = pc->constant_power;
    c->nominal = pc->nominal_mV * 1e-3;
}

size_t case_segments(const struct power_case *pc,
                     struct circuit_segment *segment, size_t cap)
{
    size_t n = 0;
    unsigned i, k;

    for (i = 0; i < pc->repeat; i++) {
        for (k = 0; k < pc->segments && n < cap; k++, n++) {
            const uint32_t uA = pc->segment[k].uA;
            segment[n].s = pc->segment[k].us * 1e-6;
            segment[n].a = (uA ? uA : pc->level_uA) * 1e-6;
        }
    }
    return n;
}
